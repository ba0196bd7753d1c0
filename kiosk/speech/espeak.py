"""Speech by espeak-ng, one child process for each text."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from typing import ClassVar

from kiosk.speech.speaker import Speaker, SpeechFailed, Wish


class EspeakNg(Speaker):
    """espeak-ng(1). The text goes through its standard input: arguments are there for every
    user of the machine to read, and may be taken for options."""

    NAME: ClassVar[str] = "espeak-ng"

    def __init__(self, rate: int, program: str = NAME) -> None:
        """Make a speaker that is silent.

        Args:
            rate: words a minute.
            program: name or path of the program.
        """
        super().__init__(rate)
        self._program = program
        self._child: asyncio.subprocess.Process | None = None

    async def _begin(self, wish: Wish) -> None:
        if shutil.which(self._program) is None:
            raise SpeechFailed("is not installed")
        # The kernel ends it with the kiosk, whatever ends that.
        command = ("setpriv", "--pdeathsig", "KILL", self._program)
        self._child = child = await asyncio.create_subprocess_exec(
            *command, "-v", wish.language, "-s", str(self.rate), "-b", "1", "--stdin",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        if child.stdin is None:
            raise SpeechFailed("has no input")
        with suppress(BrokenPipeError, ConnectionResetError):
            # One that has ended already says why with its exit code.
            child.stdin.write(wish.text.encode())
            await child.stdin.drain()
        child.stdin.close()

    async def _said(self) -> None:
        code = await self._child.wait() if self._child is not None else 0
        if code:
            raise SpeechFailed(f"ended with {code}")

    async def _silence(self) -> None:
        child, self._child = self._child, None
        if child is None or child.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()

    async def _drop(self) -> None:
        await self._silence()
