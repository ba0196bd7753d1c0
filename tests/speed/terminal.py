"""A program on a pseudo-terminal, and when what it writes there arrives."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from types import TracebackType

COLUMNS, LINES = 120, 34

QUIET = 0.02
"""Seconds without a byte after which what was drawn is taken to be complete. Nothing is added
to a time by that: it counts to the last byte."""

PATIENCE = 30.0
"""Seconds after which what does not come is a failure."""


class NothingDrawn(Exception):
    """What was waited for did not come; the text carries the last that came."""


class Terminal:
    """One program on one terminal, which only reads: it interprets nothing, so that the program
    has the machine to itself. Times are seconds of `time.perf_counter`."""

    def __init__(self, command: list[str], env: Mapping[str, str] | None = None) -> None:
        """Start the program.

        Args:
            command: the program and its arguments.
            env: environment variables beside this process's own.
        """
        self._master, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        environment = {
            **{name: value for name, value in os.environ.items() if name not in _TOLD_BY_OTHERS},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            **(env or {}),
        }
        self.started = time.perf_counter()
        """When the process was started."""
        try:
            self._process = subprocess.Popen(
                command,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                env=environment,
            )
        finally:
            os.close(theirs)
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLIN)
        self.written = 0
        """Bytes that the program has written so far."""
        self._recent = b""
        self._arrived = self.started

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def read(self, seconds: float) -> bytes:
        """Take what comes within this time; returns at the first bytes.

        Raises:
            NothingDrawn: the program has ended.
        """
        if not self._poll.poll(max(seconds, 0) * 1000):
            return b""
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            raise NothingDrawn(f"the program has ended: {self._recent[-500:]!r}") from None
        self._arrived = time.perf_counter()
        self.written += len(data)
        self._recent = (self._recent + data)[-(1 << 17) :]
        return data

    def forget(self) -> None:
        """Take everything that is still to come, and wait for what comes from now on only."""
        while self.read(QUIET):
            pass
        self._recent = b""

    def wait_for(self, *words: str, seconds: float = PATIENCE) -> float:
        """Wait until these words were written since `forget`, each in one piece; without any,
        until something was.

        Returns:
            when the last byte of what was drawn with them arrived.

        Raises:
            NothingDrawn
        """
        wanted = [word.encode() for word in words]
        deadline = time.perf_counter() + seconds
        while not self._recent or not all(word in self._recent for word in wanted):
            left = deadline - time.perf_counter()
            if left <= 0:
                raise NothingDrawn(f"{words} did not come; last came {self._recent[-500:]!r}")
            self.read(left)
        while self.read(QUIET):
            pass
        return self._arrived

    def press(self, key: str) -> float:
        """Send a key and return when."""
        at = time.perf_counter()
        os.write(self._master, key.encode())
        return at

    def count(self, seconds: float) -> int:
        """Bytes that come within exactly this time."""
        before = self.written
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)
        return self.written - before

    def close(self) -> None:
        """Kill the program: how it ends is not measured here."""
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


_TOLD_BY_OTHERS = ("COLUMNS", "LINES", "PYTHONDONTWRITEBYTECODE", "NO_COLOR")
"""Environment variables that would change what is measured."""
