"""The server's end of a connection: who calls, and how long that may take.

uvicorn keeps neither the client's certificate nor a limit on how slowly a request may come.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from kiosk.sandbox.server.refusal import Refusal

KEEP_ALIVE = 75
"""Seconds that an idle connection is kept; the contract wants 60 at least."""

REQUEST_TIME = 10.0
"""Seconds in which a request has to be here, head and body."""

MAX_CONNECTIONS = 1000
"""More than so many at once are turned away."""


class Connection(H11Protocol):
    """One client's connection."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Look who it is, and do not wait for ever."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self.app_state = {
            **self.app_state,
            "connection": self,
            "client_name": _client_name(transport.get_extra_info("ssl_object")),
        }
        self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        """Begin to count when a request does."""
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_request()
        super().data_received(data)

    def request_arrived(self) -> None:
        """The whole request is here: the rest is the server's own time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        self.request_arrived()
        super().connection_lost(exc)

    def reset(self) -> None:
        """Break the connection off so that the client's side sees a reset (RFC 9293, 3.10.7)."""
        self.leave()
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def leave(self) -> None:
        """Have uvicorn take the answer for done with: the rest of it will never come."""
        if self.cycle is not None:
            self.cycle.disconnected = True

    def _wait_for_request(self) -> None:
        self._timer = self.loop.call_later(REQUEST_TIME, self.transport.abort)


class CallerCheck:
    """Lets a kiosk with a client certificate call under its own name only; and sees to it that
    a request is here in time."""

    def __init__(self, app: ASGIApp, *, mutual: bool) -> None:
        """Wrap an application; `mutual`: the contract's calls need a client certificate."""
        self._app = app
        self._mutual = mutual

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.get("state", {})
        connection = state.get("connection")

        async def watched() -> Any:
            message = await receive()
            if not message.get("more_body") and connection is not None:
                connection.request_arrived()
            return message

        has_body = any(k in (b"content-length", b"transfer-encoding") for k, _ in scope["headers"])
        if not has_body and connection is not None:
            connection.request_arrived()
        certified = state.get("client_name")
        named = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"kiosk-id"), None)
        # The mailbox's pages are for any browser.
        checked = self._mutual and scope["path"].startswith("/v1/")
        if checked and (certified is None or named not in (None, certified)):
            await send_problem(Refusal("kiosk_unknown"), send)
        else:
            await self._app(scope, watched, send)
        if connection is not None:
            # Also for a request whose body nobody wanted to read.
            connection.request_arrived()


async def send_problem(refusal: Refusal, send: Send) -> None:
    """Answer with a problem document (RFC 9457) from outside the application."""
    document = {
        "type": "about:blank",
        "title": refusal.title,
        "status": refusal.status,
        "code": refusal.code,
    }
    body = msgspec.json.encode(document)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"cache-control", b"no-store"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _client_name(ssl_object: ssl.SSLObject | None) -> str | None:
    """The CN of the certificate that the client has shown; None if it has shown none."""
    certificate = ssl_object.getpeercert() if ssl_object is not None else None
    if not certificate:
        return None
    subject: Any = certificate.get("subject", ())
    names = dict(pair for part in subject for pair in part)
    return str(names.get("commonName", ""))
