"""The calls of the service contract.

What matters most is what is known after a failure. A request of which no byte left the
machine was certainly not carried out (`ServiceUnreachable`); as soon as one byte has
left, only the service's own word tells what was done, and without it nobody knows
(`AnswerLost`). So which calls are repeated, and after what:

- Questions (health, challenge, status) and calls for staff change nothing when they are
  repeated; they are, after either.
- A proof is good for one request. It is sent again only if no byte of it has left.
- An order is put again with the same idempotency key once it may have arrived.
- Whoever is not the service, or does not know this kiosk, is not asked again.

The service is trusted with nothing it sends: see `transport.py` and `answers.py`. Redirects,
cookies, compression and what the environment says about proxies and certificates are not used.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import importlib
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from random import SystemRandom
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from kiosk import __version__
from kiosk.service.address import read_proxy, uses_tls
from kiosk.service.answers import understand, usable_accounts
from kiosk.service.errors import (
    AnswerInvalid,
    AnswerLost,
    ServiceError,
    ServiceRefused,
    ServiceUnreachable,
    ServiceUntrusted,
)
from kiosk.service.messages import Accounts, Challenge, Delivery, Health, NoContent, Reset
from kiosk.service.tls import tls_context

if TYPE_CHECKING:
    from kiosk.service.transport import Transport

TRIES = 3
"""How often a request is sent before giving up."""

PATIENCE = 1.5
"""How long all tries may take together, in time-outs of one answer."""

ORDER_PATIENCE = 2.5
"""The same for an order: not knowing what became of one is worse than waiting."""

MAX_WAIT = 2
"""Seconds. A service that is away and wants a longer wait is not asked again."""

_BACK_OFF = (0.1, 0.3)
# Seconds before a request is sent again, from and to; doubled for each try. At random, so
# that the kiosks that a failure hit together do not come back together.

M = TypeVar("M", bound=msgspec.Struct)


class ServiceClient:
    """The calls of the service contract, version 1.

    Every call raises a `ServiceError`: `ServiceUnreachable`, `AnswerLost`, `AnswerInvalid`
    or `ServiceRefused`. One client serves many visits; it keeps nothing of them.
    """

    def __init__(
        self,
        url: str,
        kiosk_id: str,
        ca_file: str = "",
        timeout: float = 10.0,
        *,
        connect_timeout: float = 3.0,
        pins: Iterable[str] = (),
        client_certificate: str = "",
        client_key: str = "",
        proxy: str = "",
        proxy_credentials: str = "",
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: base URL of the service, https; plain http to this machine alone.
            kiosk_id: name of this machine towards the service.
            ca_file: PEM file of the service's CA; empty: the system's.
            timeout: longest wait for one answer, connecting and all, in seconds.
            connect_timeout: longest wait for a connection, TLS and all, in seconds.
            pins: hashes of the service's key, one of which has to match; see `tls.pin_of`.
            client_certificate: PEM file of the kiosk's own certificate.
            client_key: PEM file of its key, which only its owner may read.
            proxy: `http://host:port` of a proxy; empty: none. Plain http never takes it.
            proxy_credentials: file with one line `user:password` for the proxy.

        Raises:
            ConfigError: the URL, a file, a pin or the proxy cannot be used.
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
        self._connect_timeout = connect_timeout
        self._tls = (
            tls_context(ca_file, pins, client_certificate, client_key, kiosk_id)
            if uses_tls(url)
            else None
        )
        self._proxy = read_proxy(proxy, proxy_credentials)
        self._transport: Transport | None = None
        self._random = SystemRandom()

    @property
    def encrypted(self) -> bool:
        """Whether it speaks TLS. Plain http goes to this machine alone."""
        return self._tls is not None

    def twin(self) -> ServiceClient:
        """Make a client of the same service with connections of its own."""
        twin = copy.copy(self)
        twin._transport = None
        return twin

    async def warm_up(self) -> None:
        """Have a connection that works, so that the next call does not wait for one.

        An idle one that has died unnoticed is found out and thrown away. Never raises a
        `ServiceError`: the next call will tell.
        """
        with suppress(ServiceError):
            await self._exchange("GET", "/v1/health", Health)

    async def certificate(self, *, checked: bool = True) -> bytes:
        """Look at the certificate that whoever answers shows, for a technician.

        No request is sent.

        Args:
            checked: demand and show what every call does; else take whatever is there.

        Returns:
            The certificate in DER; empty where plain http is spoken.

        Raises:
            ServiceUntrusted, ServiceUnreachable
        """
        if self._tls is None:
            return b""
        peer = await asyncio.to_thread(importlib.import_module, "kiosk.service.peer")
        found: bytes = await peer.shown_certificate(
            self.audience,
            self._tls if checked else peer.unchecked(),
            self._connect_timeout,
            self._proxy,
        )
        return found

    @property
    def nearest(self) -> str:
        """The host that is connected to: the service's, or its proxy's."""
        if self._proxy is not None and self._tls is not None:
            return self._proxy.host
        return urlsplit(self.audience).hostname or ""

    async def health(self) -> Health:
        """Ask whether the service is up, what time it has and what it offers."""
        return await self._repeatable("GET", "/v1/health", Health)

    async def challenge(self, chain: tuple[bytes, ...]) -> Challenge:
        """Have a certificate checked (dates, path, revocation) and get a nonce for a proof.

        Args:
            chain: certificates in DER, the customer's first.
        """
        body = {"chain": [base64.b64encode(der).decode("ascii") for der in chain]}
        return await self._repeatable("POST", "/v1/challenges", Challenge, body)

    async def request_reset(self, username: str, proof: str) -> Reset:
        """Prove the token and learn what would be reset. Nothing is mailed by this."""
        body = {"username": username, "proof": proof}
        return await self._proof("/v1/password-resets", Reset, body)

    async def look_up_accounts(self, proof: str) -> Accounts:
        """Prove the token and learn the usernames of its tax code.

        A name that could not be shown exactly as it would be signed is left out.
        """
        answer = await self._proof("/v1/account-lookups", Accounts, {"proof": proof})
        return usable_accounts(answer)

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
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    async def _order(self, reset_id: str, kind: str, idempotency_key: str) -> Delivery:
        """Put an order until its answer is known, the tries are used up or time is over."""
        path = f"/v1/password-resets/{_identifier(reset_id)}/{kind}"
        headers = {"Idempotency-Key": _identifier(idempotency_key)}
        ends = time.monotonic() + ORDER_PATIENCE * self._timeout
        lost = False
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(self._back_off(attempt))
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
            except ServiceUntrusted as error:
                if not lost and not error.request_left:
                    raise
                # Certain or not: of an order that has left, nothing but an answer is believed.
                break
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
        """Make a call that changes nothing when it is repeated; repeat it if need be."""
        return await self._persist(method, path, kind, body, (AnswerLost, ServiceUnreachable))

    async def _proof(self, path: str, kind: type[M], body: Mapping[str, Any]) -> M:
        """Send a proof, and again only if nothing of it has left."""
        return await self._persist("POST", path, kind, body, (ServiceUnreachable,))

    async def _persist(
        self,
        method: str,
        path: str,
        kind: type[M],
        body: Mapping[str, Any] | None,
        after: tuple[type[ServiceError], ...],
    ) -> M:
        """Make a call again after such failures, until the tries or the time are used up.

        Who may ask again after a lost answer may also do so when the service is away.
        """
        ends = time.monotonic() + PATIENCE * self._timeout
        left = self._timeout
        for attempt in range(1, TRIES + 1):
            try:
                return await self._exchange(method, path, kind, body, seconds=left)
            except ServiceUntrusted:
                raise
            except after as error:
                failure: ServiceError = error
                wait = 0
            except ServiceRefused as error:
                failure, wait = error, error.retry_after or 0
                away = error.status == 503 and error.code == "unavailable"
                if not away or wait > MAX_WAIT or AnswerLost not in after:
                    raise
            pause = max(wait, self._back_off(attempt))
            left = min(ends - time.monotonic() - pause, self._timeout)
            if attempt == TRIES or left <= 0:
                break
            await asyncio.sleep(pause)
        raise failure

    def _back_off(self, attempt: int) -> float:
        """Seconds to wait after this many tries."""
        shortest, longest = _BACK_OFF
        return self._random.uniform(shortest, longest) * float(2**attempt)

    async def _exchange(
        self,
        method: str,
        path: str,
        kind: type[M],
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> M:
        """Make one request and understand its answer."""
        transport = await self._connections()
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = await transport.exchange(
                method, path, content, headers or {}, self._timeout if seconds is None else seconds
            )
            return understand(answer.status, answer.headers, answer.content, kind)
        except (ServiceUnreachable, AnswerLost, AnswerInvalid) as error:
            error.args = (f"{method} {path.split('/')[2]}: {error}",)
            raise

    async def _connections(self) -> Transport:
        """Make the transport when it is first needed: importing it takes a while."""
        if self._transport is None:
            module = await asyncio.to_thread(importlib.import_module, "kiosk.service.transport")
            # Another call may have made it while this one waited for the import.
            if self._transport is None:
                self._transport = module.Transport(
                    self.audience, self._headers, self._tls, self._connect_timeout, self._proxy
                )
        return self._transport


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
