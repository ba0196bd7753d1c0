"""A network between kiosks and service that loses answers, repeats requests and reorders them."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from contextlib import suppress
from enum import Enum
from urllib.parse import urlsplit

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Fate(Enum):
    """What becomes of a request."""

    PASSES = "passes"
    LOST = "is carried out, and the answer is lost"
    CUT = "never arrives"
    REPEATED = "is answered, and arrives a second time later"
    LATE = "is held back, and arrives when the kiosk has asked again"
    SLOW = "is answered late"
    TWICE_AT_ONCE = "arrives twice at the same time"


_WEIGHTS = {
    Fate.PASSES: 34,
    Fate.LOST: 18,
    Fate.CUT: 8,
    Fate.REPEATED: 14,
    Fate.LATE: 10,
    Fate.SLOW: 6,
    Fate.TWICE_AT_ONCE: 10,
}


class RoughNetwork:
    """A proxy in a thread of its own, for plain HTTP/1.1. A context manager."""

    def __init__(self, url: str, seed: int) -> None:
        """Prepare; `url` is the service's, `seed` decides what becomes of the orders."""
        parts = urlsplit(url)
        self._upstream = (parts.hostname or "", parts.port or 0)
        self._random = random.Random(seed)  # noqa: S311 - what it decides is to be repeatable.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._later: set[asyncio.Task[None]] = set()
        self.fates: Counter[Fate] = Counter()
        """What became of the orders."""
        self.url = ""

    def __enter__(self) -> RoughNetwork:
        self._thread.start()

        async def listen() -> asyncio.Server:
            return await asyncio.start_server(self._serve, "127.0.0.1", 0)

        self._server = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def come_to_rest(self) -> None:
        """Wait until everything that was held back has arrived."""

        async def rest() -> None:
            while self._later:
                await asyncio.gather(*self._later, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(rest(), self._loop).result(30)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._exchange(await _read_request(reader), writer):
                pass
        writer.close()

    async def _exchange(self, request: bytes, writer: Writer) -> bool:
        """Let a request meet its fate; tell whether the connection goes on."""
        fate = Fate.PASSES
        if b"/confirmation HTTP" in request.partition(b"\r\n")[0]:
            fate = self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            self.fates[fate] += 1
        match fate:
            case Fate.CUT:
                return False
            case Fate.LATE:
                self._send_later(request, self._random.uniform(0.1, 0.8))
                return False
            case Fate.SLOW:
                await asyncio.sleep(self._random.uniform(0.1, 0.5))
            case Fate.REPEATED:
                self._send_later(request, self._random.uniform(0.0, 0.5))
            case Fate.TWICE_AT_ONCE:
                self._send_later(request, 0.0)
        answer = await self._ask(request)
        if fate is Fate.LOST or not answer:
            return False
        writer.write(answer)
        await writer.drain()
        return True

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._upstream)
        try:
            writer.write(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            answer = await reader.read()
        finally:
            writer.close()
        # The kiosk's own connection goes on.
        return answer.replace(b"connection: close\r\n", b"", 1)

    def _send_later(self, request: bytes, seconds: float) -> None:
        async def send() -> None:
            await asyncio.sleep(seconds)
            with suppress(ConnectionError):
                await self._ask(request)

        task = asyncio.get_running_loop().create_task(send())
        self._later.add(task)
        task.add_done_callback(self._later.discard)


async def _read_request(reader: Reader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)
