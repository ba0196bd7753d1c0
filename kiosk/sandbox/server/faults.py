"""Faults on demand: what servers and networks do wrong, one by one.

A fault is put on a board, for one call of the contract or for all, for some times or until it
is taken away. Those of the answer are done by `FaultyApp`, around the application; those of
the connection (TLS, a closed port) by whoever runs the server.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kiosk.sandbox.server.connections import Connection, send_problem
from kiosk.sandbox.server.refusal import Refusal

CALLS: dict[str, tuple[str, str]] = {
    "health": ("GET", r"/v1/health"),
    "challenge": ("POST", r"/v1/challenges"),
    "requestReset": ("POST", r"/v1/password-resets"),
    "lookUpAccounts": ("POST", r"/v1/account-lookups"),
    "confirm": ("POST", r"/v1/password-resets/[^/]+/confirmation"),
    "status": ("GET", r"/v1/password-resets/[^/]+"),
    "resend": ("POST", r"/v1/password-resets/[^/]+/resend"),
    "callStaff": ("POST", r"/v1/staff-calls"),
    "cancelStaffCall": ("DELETE", r"/v1/staff-calls/[^/]+"),
}
"""The calls of a kiosk by their operationId in the contract: method and path."""

Place = Literal["before", "after", "clock", "tls", "port"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault that can be had."""

    name: str
    place: Place
    """`before` the call is carried out, or instead of it; `after` it was; or elsewhere."""
    meaning: str
    seconds: float | None = None
    """What its parameter is if none is given; None: it has none."""


_KINDS = (
    Kind("slow", "before", "answers late, by this many seconds", 3.0),
    Kind("hang", "before", "never answers; the call is not carried out"),
    Kind("reset", "before", "resets the connection; the call is not carried out"),
    Kind("500", "before", "answers as a broken gateway does, with a page; not carried out"),
    Kind("503", "before", "answers `unavailable`: not carried out"),
    Kind("redirect", "before", "sends the kiosk elsewhere; not carried out"),
    Kind("lost", "after", "carries the call out and resets the connection without an answer"),
    Kind("502-after", "after", "carries the call out and answers with a gateway's page"),
    Kind("cut", "after", "carries the call out and breaks off in the middle of the answer"),
    Kind("cut-head", "after", "carries the call out and breaks off in the answer's head"),
    Kind("garbage", "after", "carries the call out and answers with what is no JSON"),
    Kind("wrong-shape", "after", "carries the call out and answers with other JSON"),
    Kind("wrong-type", "after", "carries the call out and calls the answer HTML"),
    Kind("huge", "after", "carries the call out and answers without an end"),
    Kind("compressed", "after", "carries the call out and compresses the answer unasked"),
    Kind("controls", "after", "puts terminal escape sequences into the answer's texts"),
    Kind("bad-url", "after", "names a mailbox address that is not on the kiosk's list"),
    Kind("clock", "clock", "the service's clock is ahead by this many seconds", 600.0),
    Kind("tls-expired", "tls", "the server's certificate has expired"),
    Kind("tls-wrong-host", "tls", "the server's certificate is another host's"),
    Kind("tls-unknown-ca", "tls", "the server's certificate is of a CA that nobody knows"),
    Kind("refuse", "port", "nobody listens on the service's port"),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
"""All faults, by name."""

EVIL_TEXT = "\x1b[2J\x1b]0;owned\x07\u202e\u0085"
"""What `controls` puts in front of each text."""

EVIL_URL = "https://mail.google.com.evil.example/"
"""What `bad-url` names."""

_TEXTS = ("organisation", "masked_email", "title", "usernames")
_HUGE = 256 * 1024 * 1024


class FaultError(Exception):
    """There is no such fault or call, or it does not go with the rest."""

    def __init__(self, what: str, found: str, expected: str) -> None:
        super().__init__(f"{what}: found {found!r}, expected {expected}")
        self.what, self.found, self.expected = what, found, expected


class ActiveFault(msgspec.Struct, frozen=True):
    """A fault on the board."""

    name: str
    call: str = ""
    """Operation of the contract; empty: every one."""
    times: int | None = None
    """How often it still happens; None: until it is cleared."""
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            FaultError
        """
        kind = KINDS.get(self.name)
        if kind is None:
            raise FaultError("fault", self.name, "one of " + ", ".join(KINDS))
        if self.call and self.call not in CALLS:
            raise FaultError("call", self.call, "one of " + ", ".join(CALLS))
        if self.times is not None and self.times < 1:
            raise FaultError("times", str(self.times), "1 or more")
        if self.seconds is not None and (kind.seconds is None or abs(self.seconds) > 86_400):
            expected = "no seconds for this fault" if kind.seconds is None else "at most a day"
            raise FaultError("seconds", str(self.seconds), expected)
        if kind.place in ("clock", "tls", "port") and (self.call or self.times is not None):
            raise FaultError(self.name, "a call or times", "neither: it is for all until cleared")

    @property
    def kind(self) -> Kind:
        """Which fault it is."""
        return KINDS[self.name]

    @property
    def duration(self) -> float:
        """Its seconds, or the usual ones."""
        return (self.kind.seconds or 0.0) if self.seconds is None else self.seconds


class Faults:
    """The board. May be used from any thread."""

    def __init__(self, apply: Callable[[], None], *, tls: bool) -> None:
        """Make an empty board.

        Args:
            apply: called after each change; it returns when the server behaves so.
            tls: whether the server speaks TLS, so that it can do that wrong.
        """
        self._tls = tls
        self._lock = threading.Lock()
        self._active: list[ActiveFault] = []
        self._apply = apply

    def set(
        self,
        name: str,
        *,
        call: str = "",
        times: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Put a fault on the board, instead of an earlier one of the same call.

        Raises:
            FaultError: there is no such thing.
        """
        fault = ActiveFault(name, call, times, seconds)
        if fault.kind.place == "tls" and not self._tls:
            raise FaultError("fault", name, "another one: this service speaks plain HTTP")
        with self._lock:
            self._active = [
                one
                for one in self._active
                if one.call != call or _is_lasting(one) != _is_lasting(fault)
            ] + [fault]
        self._apply()

    def clear(self) -> None:
        """Take all away."""
        with self._lock:
            self._active = []
        self._apply()

    @contextmanager
    def during(self, name: str, **options: Any) -> Iterator[None]:
        """Have a fault while something is done; see `set`."""
        self.set(name, **options)
        try:
            yield
        finally:
            self.clear()

    def active(self) -> list[ActiveFault]:
        """What is on the board."""
        with self._lock:
            return list(self._active)

    def take(self, call: str) -> ActiveFault | None:
        """The fault that this call meets now; it is counted."""
        with self._lock:
            for index, fault in enumerate(self._active):
                if fault.kind.place not in ("before", "after") or fault.call not in ("", call):
                    continue
                if fault.times == 1:
                    del self._active[index]
                elif fault.times is not None:
                    self._active[index] = ActiveFault(
                        fault.name, fault.call, fault.times - 1, fault.seconds
                    )
                return fault
        return None

    def of(self, place: Place) -> ActiveFault | None:
        """The fault of the clock, of TLS or of the port, if there is one."""
        return next((one for one in self.active() if one.kind.place == place), None)


def _is_lasting(fault: ActiveFault) -> str:
    """Faults of the clock, TLS and the port go beside each other and beside those of calls."""
    place = fault.kind.place
    return "" if place in ("before", "after") else place


def operation(method: str, path: str) -> str:
    """The contract's name of a call; empty if it is none of a kiosk's."""
    for name, (known, pattern) in CALLS.items():
        if method == known and re.fullmatch(pattern, path):
            return name
    return ""


class FaultyApp:
    """An application that does wrong what the board says."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        call = operation(scope["method"], scope["path"]) if scope["type"] == "http" else ""
        fault = self._faults.take(call) if call else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        connection: Connection = scope["state"]["connection"]
        if fault.kind.place == "before":
            connection.request_arrived()
            await self._instead(fault, connection, scope, receive, send)
        else:
            answer = await self._answer(scope, receive)
            await _spoil(fault, answer, connection, send)

    async def _instead(
        self,
        fault: ActiveFault,
        connection: Connection,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        match fault.name:
            case "slow":
                # The request is taken now, so that it is carried out whoever still waits.
                request = await receive()
                await asyncio.sleep(fault.duration)
                await self._app(scope, _first(request, receive), send)
            case "hang":
                while (await receive())["type"] != "http.disconnect":
                    pass
            case "reset":
                connection.reset()
            case "500":
                await _Answer(500, "text/html", b"<h1>Internal Server Error</h1>").send(send)
            case "503":
                await send_problem(Refusal("unavailable"), send)
            case "redirect":
                location = ((b"location", b"/v1/elsewhere"),)
                await _Answer(307, "text/html", b"", location).send(send)

    async def _answer(self, scope: Scope, receive: Receive) -> _Answer:
        """Let the call be carried out and keep the answer back."""
        start: Message = {}
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, keep)
        kind = next((v.decode() for k, v in start["headers"] if k == b"content-type"), "")
        # An answer without content has nothing that could be spoilt.
        status = 200 if start["status"] == 204 else start["status"]
        return _Answer(status, kind or "application/json", bytes(body))


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer as the application gave it."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, send: Send, *, length: int | None = None) -> None:
        """Send it; `length` is what it claims to have, if that is not so."""
        headers = [
            (b"content-type", self.content_type.encode()),
            (b"content-length", str(len(self.body) if length is None else length).encode()),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        more = length is not None
        await send({"type": "http.response.body", "body": self.body, "more_body": more})


def _first(message: Message, then: Receive) -> Receive:
    """Give this message first."""
    held = [message]

    async def receive() -> Message:
        return held.pop() if held else await then()

    return receive


async def _spoil(fault: ActiveFault, answer: _Answer, connection: Connection, send: Send) -> None:
    """Send another answer than the application's."""
    match fault.name:
        case "lost":
            connection.reset()
        case "502-after":
            await _Answer(502, "text/html", b"<h1>Bad Gateway</h1>").send(send)
        case "cut":
            half = replace(answer, body=answer.body[: len(answer.body) // 2])
            await half.send(send, length=len(answer.body) + 1)
            connection.leave()
            connection.transport.close()
        case "cut-head":
            connection.leave()
            connection.transport.write(f"HTTP/1.1 {answer.status} OK\r\nContent-Ty".encode())
            connection.transport.close()
        case "garbage":
            await replace(answer, body=b"\x00\xff not JSON").send(send)
        case "wrong-shape":
            await replace(answer, status=200, body=b'[{"id": 7}]').send(send)
        case "wrong-type":
            await replace(answer, content_type="text/html").send(send)
        case "huge":
            await replace(answer, body=b"[").send(send, length=_HUGE)
            while not connection.transport.is_closing():
                await send({"type": "http.response.body", "body": b" " * 65_536, "more_body": True})
        case "compressed":
            await replace(answer, headers=((b"content-encoding", b"gzip"),)).send(send)
        case "controls":
            await replace(answer, body=_changed(answer.body, _with_controls)).send(send)
        case "bad-url":
            await replace(answer, body=_changed(answer.body, _with_bad_url)).send(send)


def _changed(body: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    if isinstance(document, dict):
        change(document)
    return msgspec.json.encode(document)


def _with_controls(document: dict[str, Any]) -> None:
    for name in _TEXTS:
        value = document.get(name)
        if isinstance(value, str):
            document[name] = EVIL_TEXT + value
        elif isinstance(value, list):
            document[name] = [EVIL_TEXT + str(one) for one in value]


def _with_bad_url(document: dict[str, Any]) -> None:
    if "masked_email" in document:
        document["mailbox_url"] = EVIL_URL
