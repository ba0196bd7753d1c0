"""Speaks to the BHXH service over HTTP.

What matters most is what is known after a failure. A request of which no byte left the
machine was certainly not carried out (`ServiceUnreachable`); as soon as one byte has
left, only the service's own word tells what was done, and without it nobody knows
(`AnswerLost`). The transport is watched for that first byte, so the two are never guessed
from the kind of exception.

The service is trusted with nothing it sends: answers are bounded while they come in, of
one content type, strictly typed, and rid of control characters. Redirects, cookies,
compression and proxies from the environment are not used.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import ipaddress
import re
import ssl
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from random import SystemRandom
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from kiosk import __version__
from kiosk.config import ConfigError
from kiosk.service.errors import AnswerInvalid, AnswerLost, ServiceRefused, ServiceUnreachable
from kiosk.service.messages import (
    Accounts,
    Challenge,
    Delivery,
    Health,
    NoContent,
    ProblemDocument,
    Reset,
    without_controls,
)

if TYPE_CHECKING:
    import httpx

MAX_ANSWER = 64 * 1024
"""Bytes. No answer of the contract comes near it."""

ORDER_TRIES = 3
"""How often an order (confirmation, resend) is put to the service before giving up."""

ORDER_PATIENCE = 2.5
"""How long all tries of an order may take together, in time-outs of one answer."""

_BACK_OFF = (0.1, 0.3)
# Seconds before an order is put again, from and to; doubled for each try. At random, so
# that the kiosks that a failure hit together do not come back together.

_KEEP_ALIVE = 3.0
# Seconds that an idle connection is kept. It has to be less than what servers keep one
# (uvicorn: 5 s): a request sent into a connection that is just being closed is lost, and
# whether it was carried out would be unknown.

_MAX_RETRY_AFTER = 86_400

M = TypeVar("M", bound=msgspec.Struct)


class ServiceClient:
    """The calls of the service contract, version 1.

    Every call raises a `ServiceError`: `ServiceUnreachable`, `AnswerLost`, `AnswerInvalid`
    or `ServiceRefused`. One client serves many visits; it keeps nothing of them.
    """

    def __init__(self, url: str, kiosk_id: str, ca_file: str = "", timeout: float = 10.0) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: base URL of the service, https; plain http to this machine alone.
            kiosk_id: name of this machine towards the service.
            ca_file: PEM file of the service's CA; empty: the system's.
            timeout: longest wait for one answer, in seconds.

        Raises:
            ConfigError: the URL or the CA file cannot be used.
        """
        self.audience = url.rstrip("/")
        """The service's base URL: what a proof names as its audience."""
        self._headers = {
            "Accept": "application/json, application/problem+json",
            "Accept-Encoding": "identity",
            "Kiosk-Id": kiosk_id,
            "User-Agent": f"vnpt-bhxh-kiosk/{__version__}",
        }
        self._timeout = timeout
        self._tls = _tls_context(url, ca_file)
        self._http: httpx.AsyncClient | None = None
        self._random = SystemRandom()

    async def health(self) -> Health:
        """Ask whether the service is up, what time it has and what it offers."""
        return await self._repeatable("GET", "/v1/health", Health)

    async def challenge(self, chain: tuple[bytes, ...]) -> Challenge:
        """Have a certificate checked (dates, path, revocation) and get a nonce for a proof.

        Args:
            chain: certificates in DER, the customer's first.
        """
        body = {"chain": [base64.b64encode(der).decode("ascii") for der in chain]}
        return await self._exchange("POST", "/v1/challenges", Challenge, body)

    async def request_reset(self, username: str, proof: str) -> Reset:
        """Prove the token and learn what would be reset. Nothing is mailed by this."""
        body = {"username": username, "proof": proof}
        return await self._exchange("POST", "/v1/password-resets", Reset, body)

    async def look_up_accounts(self, proof: str) -> Accounts:
        """Prove the token and learn the usernames of its tax code."""
        return await self._exchange("POST", "/v1/account-lookups", Accounts, {"proof": proof})

    async def confirm(self, reset_id: str, idempotency_key: str) -> Delivery:
        """Order the mail with the new password: at most one for this reset.

        When the answer is lost or cannot be understood, the same order with the same key
        is put again, a few times.

        Raises:
            ServiceUnreachable: nothing was sent at all.
            AnswerLost: it is not known whether the mail is on its way.
            ServiceRefused: nothing was done.
        """
        return await self._order(reset_id, "confirmation", idempotency_key)

    async def resend(self, reset_id: str, idempotency_key: str) -> Delivery:
        """Order another mail for a reset that was confirmed. Raises as `confirm` does."""
        return await self._order(reset_id, "resend", idempotency_key)

    async def status(self, reset_id: str) -> Delivery:
        """Ask what became of the mail."""
        path = f"/v1/password-resets/{_identifier(reset_id)}"
        return _of(reset_id, await self._repeatable("GET", path, Delivery))

    async def call_staff(self, call_id: str) -> None:
        """Tell the counter that a customer asks for help; repeating the call changes nothing."""
        body = {"id": _identifier(call_id)}
        await self._repeatable("POST", "/v1/staff-calls", NoContent, body)

    async def cancel_staff_call(self, call_id: str) -> None:
        """Tell the counter that help is no longer needed."""
        path = f"/v1/staff-calls/{_identifier(call_id)}"
        await self._repeatable("DELETE", path, NoContent)

    async def close(self) -> None:
        """Close all connections. The client may be used again afterwards."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _order(self, reset_id: str, kind: str, idempotency_key: str) -> Delivery:
        """Put an order until its answer is known, the tries are used up or time is over."""
        path = f"/v1/password-resets/{_identifier(reset_id)}/{kind}"
        headers = {"Idempotency-Key": _identifier(idempotency_key)}
        ends = time.monotonic() + ORDER_PATIENCE * self._timeout
        lost = False
        for attempt in range(ORDER_TRIES):
            if attempt:
                await asyncio.sleep(self._random.uniform(*_BACK_OFF) * 2**attempt)
            left = ends - time.monotonic()
            if left <= 0:
                break
            try:
                answer = await self._exchange(
                    "POST", path, Delivery, {}, headers, min(left, self._timeout)
                )
                return _of(reset_id, answer)
            except (AnswerLost, AnswerInvalid):
                lost = True
            except ServiceUnreachable:
                if not lost:
                    raise
            except ServiceRefused:
                # It speaks of the repeated request; the lost one may have been carried out.
                if not lost:
                    raise
        raise AnswerLost(f"{kind}: no usable answer to the order")

    async def _repeatable(
        self, method: str, path: str, kind: type[M], body: Mapping[str, Any] | None = None
    ) -> M:
        """Make a call that changes nothing when it is repeated; repeat it once if need be."""
        try:
            return await self._exchange(method, path, kind, body)
        except AnswerLost:
            return await self._exchange(method, path, kind, body)

    async def _exchange(
        self,
        method: str,
        path: str,
        kind: type[M],
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - it tells two outcomes apart on expiry.
    ) -> M:
        """Make one request and understand its answer."""
        http = await self._connection_pool()
        import httpx  # noqa: PLC0415

        left = False

        async def watch(event: str, _info: Mapping[str, Any]) -> None:
            nonlocal left
            if event.endswith("send_request_headers.started"):
                left = True

        content = None if body is None else msgspec.json.encode(body)
        given = {} if content is None else {"Content-Type": "application/json"}
        where = f"{method} {path.split('/')[2]}"
        try:
            async with (
                asyncio.timeout(self._timeout if timeout is None else timeout),
                http.stream(
                    method,
                    self.audience + path,
                    content=content,
                    headers={**given, **(headers or {})},
                    extensions={"trace": watch},
                ) as response,
            ):
                answer = await _read(response, where)
        except (httpx.TransportError, TimeoutError, OSError) as error:
            # The foreign exception's text may name addresses: its kind is enough.
            reason = f"{where}: {type(error).__name__}"
            raise (AnswerLost(reason) if left else ServiceUnreachable(reason)) from None
        return _understand(response.status_code, response.headers, answer, kind, where)

    async def _connection_pool(self) -> httpx.AsyncClient:
        """Make the HTTP client when it is first needed: importing httpx takes a while."""
        if self._http is None:
            httpx = await asyncio.to_thread(importlib.import_module, "httpx")
            # Another call may have made it while this one waited for the import.
            if self._http is None:
                self._http = httpx.AsyncClient(
                    # Without a context only plain http within this machine is spoken.
                    verify=self._tls if self._tls is not None else False,
                    headers=self._headers,
                    timeout=self._timeout,
                    limits=httpx.Limits(
                        max_connections=4,
                        max_keepalive_connections=2,
                        keepalive_expiry=_KEEP_ALIVE,
                    ),
                    follow_redirects=False,
                    trust_env=False,
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                )
        return self._http


def _tls_context(url: str, ca_file: str) -> ssl.SSLContext | None:
    """Check the URL and read the CA; None for plain http to this machine."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username or not parts.hostname:
        raise ConfigError("kiosk.toml", "service.url", repr(url), "scheme, host and path alone")
    if parts.scheme == "http" and _is_loopback(parts.hostname):
        return None
    if parts.scheme != "https":
        raise ConfigError(
            "kiosk.toml", "service.url", repr(url), "https (http only to this machine)"
        )
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # ssl.SSLError is one.
        found = f"{ca_file!r} ({error.strerror or 'not PEM'})"
        raise ConfigError("kiosk.toml", "service.ca_file", found, "a readable PEM file") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _identifier(value: str) -> str:
    """Let only what the contract takes for an identifier into a path or a header."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value, re.ASCII):
        raise ValueError("not an identifier of the contract")
    return value


def _of(reset_id: str, delivery: Delivery) -> Delivery:
    """Refuse an answer that speaks of another reset."""
    if delivery.id != reset_id:
        raise AnswerInvalid("the answer is about another reset")
    return delivery


async def _read(response: httpx.Response, where: str) -> bytes:
    """Take the body as it comes, up to the limit."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise AnswerInvalid(f"{where}: compressed answer")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > MAX_ANSWER:
            raise AnswerInvalid(f"{where}: more than {MAX_ANSWER} bytes")
    return bytes(body)


def _understand(
    status: int, headers: Mapping[str, str], body: bytes, kind: type[M], where: str
) -> M:
    """Turn an answer into a message, or raise what it stands for."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        if kind is NoContent:
            return kind()
        if content_type != "application/json":
            raise AnswerInvalid(f"{where}: {status} with an unexpected content type")
        return without_controls(_decode(body, kind, where))
    problem = None
    if status >= 400 and content_type == "application/problem+json":
        problem = _decode(body, ProblemDocument, where)
    if status >= 500 and (problem is None or problem.code != "unavailable"):
        # A server or a gateway broke: what it had done by then, nobody knows.
        raise AnswerLost(f"{where}: {status}")
    if problem is None:
        raise AnswerInvalid(f"{where}: {status} without a problem document")
    raise ServiceRefused(problem.code, status, _retry_after(headers, problem))


def _decode(body: bytes, kind: type[M], where: str) -> M:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The decoder's message may quote the answer.
        raise AnswerInvalid(f"{where}: not a {kind.__name__}") from None


def _retry_after(headers: Mapping[str, str], problem: ProblemDocument) -> int | None:
    """Seconds to wait, from the header (RFC 9110, section 10.2.3) or else from the document."""
    text = headers.get("retry-after", "")
    seconds = int(text) if re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) else problem.retry_after
    if seconds is None or seconds < 0:
        return None
    return min(seconds, _MAX_RETRY_AFTER)
