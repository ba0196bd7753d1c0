"""Speech by speech-dispatcher, through its protocol SSIP (`info ssip`) on its Unix socket."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from kiosk.speech.speaker import Speaker, SpeechFailed, Wish

SOCKET = "/run/speech-dispatcher/speechd.sock"
"""Where Debian's speech-dispatcherd.service listens; group audio may connect."""

SLOWEST, USUAL, FASTEST = 80, 170, 449
"""Words a minute that SSIP's rates -100, 0 and 100 are (espeak-ng.conf of speech-dispatcher)."""

END, CANCELED = 702, 703
"""Events: a message was said to its end, or was broken off."""

LINES_MAX = 100


def ssip_rate(rate: int) -> int:
    """Words a minute on SSIP's scale from -100 to 100."""
    span = FASTEST - USUAL if rate > USUAL else USUAL - SLOWEST
    return max(-100, min(100, round((rate - USUAL) * 100 / span)))


def socket_paths() -> list[str]:
    """Where speech-dispatcher may listen, the likeliest first."""
    named = os.environ.get("SPEECHD_ADDRESS", "")
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    paths = [named.removeprefix("unix_socket:")] if named.startswith("unix_socket:/") else []
    if runtime:
        paths.append(f"{runtime}/speech-dispatcher/speechd.sock")
    return [*paths, SOCKET]


class SpeechDispatcher(Speaker):
    """A client of a speech-dispatcher that runs already. The kiosk starts none."""

    NAME: ClassVar[str] = "speech-dispatcher"

    def __init__(self, rate: int, paths: list[str] | None = None) -> None:
        """Make a speaker that is silent and not connected.

        Args:
            rate: words a minute.
            paths: other sockets than the usual ones.
        """
        super().__init__(rate)
        self._paths = paths if paths is not None else socket_paths()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._partial: list[str] = []
        """Lines of a reply whose last one has not come. They stay when waiting is given up."""
        self._language = ""
        self._message = ""
        """Number of the message that is being said."""

    async def _begin(self, wish: Wish) -> None:
        if self._writer is not None:
            # It may have been started anew since the last text.
            with suppress(SpeechFailed, OSError):
                await self._speak(wish)
                return
            await self._drop()
        await self._connect()
        await self._speak(wish)

    async def _connect(self) -> None:
        there = self._socket()
        if there is None:
            raise SpeechFailed("is not running: it has no socket that the kiosk may see")
        self._reader, self._writer = await asyncio.open_unix_connection(there)
        for command in (
            "SET SELF CLIENT_NAME kiosk:kiosk:screens",
            "SET SELF NOTIFICATION END ON",
            "SET SELF NOTIFICATION CANCEL ON",
            f"SET SELF RATE {ssip_rate(self.rate)}",
        ):
            await self._command(command)

    def _socket(self) -> str | None:
        return next((path for path in self._paths if Path(path).exists()), None)

    async def _speak(self, wish: Wish) -> None:
        if wish.language != self._language:
            await self._command(f"SET SELF LANGUAGE {wish.language}")
            self._language = wish.language
        await self._command("SPEAK")
        # A line that is only a dot ends the message, so one that begins with a dot gets another.
        lines = ("." + line if line.startswith(".") else line for line in wish.text.splitlines())
        reply = await self._command("\r\n".join((*lines, ".")))
        self._message = reply[0]

    async def _said(self) -> None:
        while self._message:
            self._note(*await self._reply())

    async def _silence(self) -> None:
        if self._message:
            self._message = ""
            await self._command("CANCEL SELF")

    async def _drop(self) -> None:
        writer, self._reader, self._writer = self._writer, None, None
        broken_off = bool(self._message)
        self._partial, self._language, self._message = [], "", ""
        if writer is not None:
            with suppress(OSError):
                # What it has been given it says to the end, also to nobody.
                writer.write(b"CANCEL SELF\r\nQUIT\r\n" if broken_off else b"QUIT\r\n")
                writer.close()
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    async def _command(self, command: str) -> list[str]:
        """Send a command and return the lines of its reply.

        Raises:
            SpeechFailed: it is refused, or the connection ends.
        """
        if self._writer is None:
            raise SpeechFailed("has closed the connection")
        self._writer.write(command.encode() + b"\r\n")
        await self._writer.drain()
        while True:
            code, lines = await self._reply()
            if 700 <= code < 800:
                self._note(code, lines)
            elif 200 <= code < 300:
                return lines
            else:
                raise SpeechFailed(f"answers {code}")

    async def _reply(self) -> tuple[int, list[str]]:
        """The next reply or event: its code and the text of its lines."""
        if self._reader is None:
            raise SpeechFailed("has closed the connection")
        while True:
            try:
                raw = await self._reader.readline()
            except ValueError:
                raise SpeechFailed("answers without end") from None
            line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
            if not raw.endswith(b"\n"):
                raise SpeechFailed("has closed the connection")
            if not (line[:3].isascii() and line[:3].isdigit()) or len(self._partial) >= LINES_MAX:
                raise SpeechFailed("speaks another protocol")
            self._partial.append(line[4:])
            if line[3:4] != "-":
                lines, self._partial = self._partial, []
                return int(line[:3]), lines

    def _note(self, code: int, lines: list[str]) -> None:
        """Take notice of an event."""
        if code in (END, CANCELED) and lines[0] == self._message:
            self._message = ""
