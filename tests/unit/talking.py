"""Servers on real sockets that answer as a test tells them, with TLS or without."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from kiosk.service.client import ServiceClient

Writer = asyncio.StreamWriter

HEALTH = {"status": "ok", "time": 1_800_000_000}
CHALLENGE = {"challenge": "c" * 32, "expires_in": 300}
RESET = {
    "id": "r1",
    "organisation": "CÔNG TY",
    "tax_code": "0100000001",
    "masked_email": "k•••@g•••.com",
}
DELIVERY = {"id": "r1", "status": "sent", "reference": "BH-1"}
ACCOUNTS = {"usernames": ["hoasen", "hoasen-kt"]}


def answer(
    status: str = "200 OK",
    body: Any = None,
    content_type: str = "application/json",
    headers: str = "",
) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{headers}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def problem(status: str, code: str, headers: str = "", **fields: Any) -> bytes:
    return answer(status, {"code": code} | fields, "application/problem+json", headers)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)


async def be_silent(_request: bytes, _writer: Writer) -> None:
    await asyncio.sleep(30)


def then_close(reply: bytes) -> Callable[[bytes, Writer], Awaitable[None]]:
    """Send this, and nothing after it."""

    async def act(_request: bytes, writer: Writer) -> None:
        writer.write(reply)
        await writer.drain()

    return act


Act = bytes | Callable[[bytes, Writer], Awaitable[None]] | None


class Listener:
    """Listens on a free port of this machine and counts who comes."""

    def __init__(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._tls = tls
        self._tasks: set[asyncio.Task[Any]] = set()
        self.connections = 0
        """Accepted so far; with TLS, those whose handshake was done."""
        self.open: set[Writer] = set()
        self.port = port

    async def __aenter__(self) -> Any:
        # A handshake's failure is the test's business, not the log's.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks)

    def stop_listening(self) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def _accept(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open.add(writer)
        try:
            await self.serve(reader, writer)
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            return
        finally:
            writer.close()
            if self._tls is None:
                with suppress(OSError):
                    await writer.wait_closed()
            self.open.discard(writer)

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        raise NotImplementedError

    async def drop_connections(self, *, abruptly: bool = False) -> None:
        """Close what is open; abruptly: without TLS's goodbye."""
        for writer in list(self.open):
            if abruptly:
                writer.transport.abort()
            else:
                writer.close()
        # With a goodbye, TLS waits for the other side's: then it is enough that it was said.
        async with asyncio.timeout(10):
            while self.open and (abruptly or self._tls is None):
                await asyncio.sleep(0.01)


class Server(Listener):
    """A server that answers each request with the next of the given answers.

    None breaks the connection off after the request; a function is called.
    """

    def __init__(self, *answers: Act, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        super().__init__(tls, port)
        self.answers = list(answers)
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        while True:
            self.requests.append(await read_request(reader))
            act = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if callable(act):
                await act(self.requests[-1], writer)
                return
            if act is None:
                return
            writer.write(act)
            await writer.drain()


class BluntServer:
    """A TLS server that says what it has against a handshake; asyncio's just hangs up.

    Whoever gets through gets no answer.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self.admitted = 0

    def __enter__(self) -> BluntServer:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _run(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            with plain:
                plain.settimeout(10)
                try:
                    # A copy of the socket, since wrapping one takes it away.
                    self._tls.wrap_socket(plain.dup(), server_side=True).close()
                    self.admitted += 1
                except OSError:
                    # Read to the end: unread data would turn the end into a reset, and a reset
                    # may overtake the alert.
                    plain.shutdown(socket.SHUT_WR)
                    with suppress(OSError):
                        while plain.recv(4096):
                            pass


class Proxy(Listener):
    """A proxy that makes tunnels, unless it is told what to answer instead."""

    def __init__(self, refusal: bytes = b"", target: int = 0) -> None:
        """`target`: the port that tunnels lead to, whatever is asked for; 0: what is asked for."""
        super().__init__()
        self.refusal = refusal
        self.target = target
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        if self.refusal:
            writer.write(self.refusal)
            await writer.drain()
            return
        port = self.target or int(self.asked[-1].split()[1].rpartition(b":")[2])
        there, onward = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        pumps = {
            asyncio.create_task(_pump(reader, onward)),
            asyncio.create_task(_pump(there, writer)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            onward.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: Writer) -> None:
    while data := await source.read(65_536):
        sink.write(data)
        await sink.drain()


@asynccontextmanager
async def talking_to(
    server: Listener, patience: float = 5.0, url: str = "", **options: Any
) -> AsyncIterator[ServiceClient]:
    client = ServiceClient(url or server.url, "k1", timeout=patience, **options)
    try:
        yield client
    finally:
        await client.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
