"""Telling an address of the counter's own that a customer asks for staff, or no longer does.

It is told nothing but that: which kiosk, which call, when. It is trusted with nothing it answers,
as the service is not: only the answer's status is looked at.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import msgspec

from kiosk import __version__
from kiosk.config import ConfigError
from kiosk.service.address import uses_tls
from kiosk.service.errors import ServiceError, ServiceUnreachable, ServiceUntrusted
from kiosk.service.files import private_text
from kiosk.service.tls import tls_context

if TYPE_CHECKING:
    from kiosk.service.transport import Transport

URL_KEY = "support.webhook"
TOKEN_KEY = "support.webhook_token_file"

TRIES = 2
"""How often a message is sent that certainly has not arrived. One that may have is not repeated:
behind the address may be a chat that would show it twice."""

_PAUSE = 0.3
# Seconds before the second try.

Event = Literal["staff_called", "staff_call_cancelled"]


class Message(msgspec.Struct, frozen=True):
    """What is posted, as JSON."""

    event: Event
    kiosk: str
    call: str
    """The same in a call and its cancellation."""
    at: str
    """RFC 3339, UTC."""


class WebhookRefused(ServiceError):
    """The address answered with a status that is none of success. A redirect is one of those."""


class StaffWebhook:
    """The address. One serves many visits; it keeps nothing of them."""

    def __init__(
        self,
        url: str,
        kiosk_id: str,
        token_file: str = "",
        *,
        timeout: float = 10.0,
        connect_timeout: float = 3.0,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: https; plain http to this machine alone.
            kiosk_id: name of this machine.
            token_file: file with one line, the bearer token (RFC 6750), which only its owner may
                read; empty: none is sent.
            timeout: longest wait for the answer, connecting and all, in seconds.
            connect_timeout: longest wait for a connection, TLS and all, in seconds.

        Raises:
            ConfigError: the URL or the file cannot be used.
        """
        self._url = url
        self._kiosk_id = kiosk_id
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._headers = {
            "Accept-Encoding": "identity",
            "User-Agent": f"vnpt-bhxh-kiosk/{__version__}",
        }
        if token_file:
            self._headers["Authorization"] = "Bearer " + read_token(token_file)
        self._tls = tls_context() if uses_tls(url, URL_KEY) else None
        self._transport: Transport | None = None

    async def call_staff(self, call_id: str) -> None:
        """Tell that a customer asks for help.

        Raises:
            ServiceError: nobody knows that it was told.
        """
        await self._tell("staff_called", call_id)

    async def cancel_staff_call(self, call_id: str) -> None:
        """Tell that help is no longer needed.

        Raises:
            ServiceError: nobody knows that it was told.
        """
        await self._tell("staff_call_cancelled", call_id)

    @property
    def host(self) -> str:
        """Where it is. The path is nobody else's business: with some it is the secret."""
        return urlsplit(self._url).hostname or ""

    async def reach(self) -> None:
        """Connect, shake hands, and hang up, for a technician. No request is sent.

        Raises:
            ServiceUnreachable: nobody is there, or not whom the kiosk trusts.
        """
        peer = await asyncio.to_thread(importlib.import_module, "kiosk.service.peer")
        await peer.reach(self._url, self._tls, self._connect_timeout)

    async def close(self) -> None:
        """Close all connections."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    async def _tell(self, event: Event, call_id: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        content = msgspec.json.encode(Message(event, self._kiosk_id, call_id, now))
        for attempt in range(1, TRIES + 1):
            try:
                await self._post(content)
            except ServiceUntrusted:
                raise
            except ServiceUnreachable:
                if attempt == TRIES:
                    raise
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def _post(self, content: bytes) -> None:
        transport = await self._connections()
        answer = await transport.exchange("POST", "", content, {}, self._timeout)
        if not 200 <= answer.status < 300:
            raise WebhookRefused(f"status {answer.status}")

    async def _connections(self) -> Transport:
        """Make the transport when it is first needed: importing it takes a while."""
        if self._transport is None:
            module = await asyncio.to_thread(importlib.import_module, "kiosk.service.transport")
            if self._transport is None:
                self._transport = module.Transport(
                    self._url, self._headers, self._tls, self._connect_timeout, None
                )
        return self._transport


def read_token(file: str) -> str:
    """Read a bearer token (RFC 6750, section 2.1) from a file with one line.

    Raises:
        ConfigError: it cannot be read, others may read it, or there is something else in it.
    """
    expected = "one line with a bearer token"
    text = private_text(file, TOKEN_KEY, expected)
    line = text.removesuffix("\n").removesuffix("\r")
    if not re.fullmatch(r"[A-Za-z0-9._~+/-]{1,4096}=*", line):
        raise ConfigError("kiosk.toml", TOKEN_KEY, f"something else in {file!r}", expected)
    return line
