"""One request and its answer over HTTP, and what is known when it fails.

Imported when the service is first called: httpx takes a while to load.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

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

_FAILURES = (
    httpx.TransportError,
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
        self._base_url = base_url
        self._http = httpx.AsyncClient(
            transport=_Connections(tls, Network(connect_timeout, proxy if tls else None)),
            headers=headers,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
            # One limit for all of an exchange stands in its place.
            timeout=None,  # noqa: S113
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
        try:
            async with (
                asyncio.timeout(seconds),
                self._http.stream(
                    method,
                    self._base_url + path,
                    headers={**given, **headers},
                    content=content,
                    extensions={"trace": watch},
                ) as response,
            ):
                return await _read(response)
        except _FAILURES as error:
            raise (AnswerLost if left else ServiceUnreachable)(_reason(error)) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


class _Connections(httpx.AsyncBaseTransport):
    """The connections, over a `Network` of our own: httpx's own transport takes none."""

    def __init__(self, tls: ssl.SSLContext | None, network: Network) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE,
            network_backend=network,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and come back with the answer's head."""
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Content(answer),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close all."""
        await self._pool.aclose()


class _Content(httpx.AsyncByteStream):
    """An answer's content, piece by piece."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._answer.aiter_stream():
            yield piece

    async def aclose(self) -> None:
        await self._answer.aclose()


async def _read(response: httpx.Response) -> Answer:
    """Take the content as it comes, up to the limit."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise AnswerInvalid("compressed answer")
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > MAX_ANSWER:
            raise AnswerInvalid(f"more than {MAX_ANSWER} bytes")
    return Answer(response.status_code, headers, bytes(content))


def _reason(error: Exception) -> str:
    """Name what went wrong; a foreign exception's text may name addresses, so it is left out."""
    if isinstance(error, httpcore.ProxyError):
        return f"proxy: {error}"
    return type(error).__name__
