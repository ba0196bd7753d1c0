"""One request and its answer over HTTP, and what is known when it fails.

Imported when the service is first called: httpcore takes a while to load. httpx, which is made
for programs that follow redirects, keep cookies and unpack what is compressed, is not used: none
of that is wanted here, and it would take 3 MiB of the process.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpcore

from kiosk.service.address import Proxy
from kiosk.service.errors import AnswerInvalid, AnswerLost, ServiceUnreachable
from kiosk.service.network import Network

MAX_ANSWER = 64 * 1024
"""Bytes of the longest answer's content. No answer of the contract comes near it; the headers
are bounded by httpcore (100 KiB, h11's `max_incomplete_event_size`)."""

KEEP_ALIVE = 45.0
"""Seconds that an idle connection is kept. The contract has the service keep one for 60: a
request sent into a connection that is just being closed is lost, and whether it was carried
out would be unknown."""

_CONNECTIONS = 4
# At most, at one time: a visit's, the watch over the service's health, a call for staff.

_IN_A_PATH = "/%:@!$&'()*+,;=~"
# Besides letters, digits, "-", "." and "_" (RFC 3986, section 3.3).

_USUAL_PORTS = {"https": ":443", "http": ":80"}

_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    OSError,
)
# The time limits' TimeoutError is an OSError, and so is what TLS and the name lookup raise.


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers (names in lower case) and content."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Transport:
    """The connections to one service."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        tls: ssl.SSLContext | None,
        connect_timeout: float,
        proxy: Proxy | None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            base_url: what all paths are appended to.
            headers: sent with each request.
            tls: None: plain HTTP, which no proxy is asked for.
            connect_timeout: seconds until a connection has to be ready, TLS and all.
            proxy: None: connections are made directly.
        """
        parts = urlsplit(base_url)
        # What may not stand in a request as it is, and was in the configuration nevertheless.
        self._base_url = parts._replace(path=quote(parts.path, safe=_IN_A_PATH)).geturl()
        # httpcore would name an IPv6 address without its brackets (RFC 9110, section 7.2).
        host = parts.netloc.lower().removesuffix(_USUAL_PORTS[parts.scheme])
        self._headers = {"Host": host, **headers}
        # Connections over a `Network` of our own: httpcore's proxies are not used.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE,
            network_backend=Network(connect_timeout, proxy if tls else None),
        )

    async def exchange(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> Answer:
        """Send one request and read its whole answer.

        Args:
            method: of HTTP.
            path: appended to the base URL.
            content: JSON; None: the request has no content.
            headers: besides those of every request.
            seconds: longest time for all of it.

        Raises:
            ServiceUntrusted: the other side is not the service, or refused this kiosk.
            ServiceUnreachable: no byte of the request left.
            AnswerLost: the request left, and no whole answer came.
            AnswerInvalid: the answer is too long, or compressed.
        """
        left = False

        async def watch(event: str, _info: Mapping[str, Any]) -> None:
            nonlocal left
            if event.endswith("send_request_headers.started"):
                left = True

        given = {} if content is None else {"Content-Type": "application/json"}
        sent = {**self._headers, **given, **headers}
        try:
            async with (
                asyncio.timeout(seconds),
                self._pool.stream(
                    method,
                    self._base_url + path,
                    headers=list(sent.items()),
                    content=content,
                    extensions={"trace": watch},
                ) as response,
            ):
                return await _read(response)
        except _FAILURES as error:
            raise (AnswerLost if left else ServiceUnreachable)(_reason(error)) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


async def _read(response: httpcore.Response) -> Answer:
    """Take the content as it comes, up to the limit."""
    headers = _joined(response.headers)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise AnswerInvalid("compressed answer")
    content = bytearray()
    async for piece in response.aiter_stream():
        content += piece
        if len(content) > MAX_ANSWER:
            raise AnswerInvalid(f"more than {MAX_ANSWER} bytes")
    return Answer(response.status, headers, bytes(content))


def _joined(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by name; the values of one that comes several times are put behind each other
    (RFC 9110, section 5.2)."""
    joined: dict[str, str] = {}
    for name, value in fields:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


def _reason(error: Exception) -> str:
    """Name what went wrong; a foreign exception's text may name addresses, so it is left out."""
    if isinstance(error, httpcore.ProxyError):
        return f"proxy: {error}"
    return type(error).__name__
