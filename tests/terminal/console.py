"""A program in a real pseudo-terminal, its screen read back cell by cell."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable

import pexpect
import pyte

from kiosk.widgets.presses import TypingFilter

# Questions that Textual asks the terminal, which pyte would print as text.
QUESTIONS = re.compile(rb"\x1b\[\?[0-9]+\$p|\x1b\[[<>=][0-9;]*[a-zA-Z]")


class Console:
    """One program on one terminal. Everything waits for a condition; nothing sleeps for luck."""

    def __init__(
        self,
        command: list[str],
        *,
        columns: int = 120,
        lines: int = 34,
        env: dict[str, str] | None = None,
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            **(env or {}),
        }
        for told_by_somebody_else in ("COLUMNS", "LINES"):
            environment.pop(told_by_somebody_else, None)
        self.process = pexpect.spawn(
            command[0], command[1:], dimensions=(lines, columns), env=environment, timeout=5
        )
        self.process.delaybeforesend = None
        self._pending = b""
        self._gone = False
        self.raw = bytearray()
        """Everything the program wrote to the terminal."""

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pump(self, seconds: float = 0.05) -> None:
        """Take what the program has drawn, waiting this long for it at most."""
        if self._gone:
            # At the end of the file, pexpect would wait for the end of the program.
            time.sleep(seconds)
            return
        try:
            data = self.process.read_nonblocking(1 << 16, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.raw += data
        data = self._pending + data
        # A question may be cut in two by the read.
        cut = data.rfind(b"\x1b")
        whole = cut < 0 or len(data) - cut > 32
        self._pending = b"" if whole else data[cut:]
        self._stream.feed(QUESTIONS.sub(b"", data if whole else data[:cut]))

    def pass_time(self, seconds: float) -> None:
        """Take what is drawn for exactly this long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.pump(left)

    def settle(self) -> None:
        """Take everything until the program has been quiet for a moment."""
        quiet = 0
        while quiet < 3:
            before = len(self.raw)
            self.pump(0.1)
            quiet = quiet + 1 if len(self.raw) == before else 0
        if self._pending:
            self._stream.feed(QUESTIONS.sub(b"", self._pending))
            self._pending = b""

    @property
    def text(self) -> str:
        """The screen as text."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def shows(self, *words: str) -> bool:
        """Whether all these words are on the screen, whatever line breaks are between them."""
        flat = " ".join(self.text.split())
        return all(word in flat for word in words)

    def wait(self, *words: str, seconds: float = 15) -> None:
        """Wait until all these words are on the screen.

        Raises:
            AssertionError: they did not come; carries the screen.
        """
        self.wait_until(lambda: self.shows(*words), f"{words}", seconds)

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 15) -> None:
        """Wait until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come in {seconds} s; screen:\n{self.text}")
            if not self.process.isalive():
                self.settle()
                if condition():
                    return
                raise AssertionError(f"the program ended before {what}; screen:\n{self.text}")
            self.pump()

    def press(self, *keys: str) -> None:
        """Press keys: names of `KEYS` or single characters."""
        for key in keys:
            self.process.send(KEYS.get(key, key))

    def type(self, text: str) -> None:
        """Type a text the way a person does, one character at a time.

        Each is sent when the one before was drawn, so that no read of the program's
        holds more than one. Nobody types the same character nine times a second: the kiosk
        would take that for a key that is held down.
        """
        last = ""
        for character in text:
            if character == last:
                self.pass_time(TypingFilter.FASTEST * 1.5)
            last = character
            before = len(self.raw)
            self.process.send(character)
            self.wait_until(lambda b=before: len(self.raw) > b, f"an echo of a key in {text!r}", 3)  # type: ignore[misc]

    def click(self, text: str) -> None:
        """Click with the left button on the middle of this text."""
        for row, line in enumerate(self.screen.display):
            column = line.find(text)
            if column >= 0:
                at = f"{column + len(text) // 2 + 1};{row + 1}"
                self.process.send(f"\x1b[<0;{at}M\x1b[<0;{at}m")
                return
        raise AssertionError(f"{text!r} is not on the screen:\n{self.text}")

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed or its line is cut."""
        self._gone = True
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, self.process.child_fd)
        os.close(nothing)

    def leave(self, signal_number: int = signal.SIGTERM) -> int:
        """End the program with a signal and return its exit code."""
        self.process.kill(signal_number)
        return self.ended()

    def ended(self, seconds: float = 10) -> int:
        """Wait for the program's end and return its exit code; minus the signal if killed."""
        deadline = time.monotonic() + seconds
        while self.process.isalive():
            if time.monotonic() > deadline:
                raise AssertionError(f"the program does not end; screen:\n{self.text}")
            self.pump()
        self.settle()
        if self.process.signalstatus is not None:
            return -self.process.signalstatus
        return self.process.exitstatus or 0

    def close(self) -> None:
        """End the program, if it has not."""
        with contextlib.suppress(pexpect.ExceptionPexpect, OSError):
            self.process.close(force=True)


KEYS = {
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "escape": "\x1b",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f8": "\x1b[19~",
    "f10": "\x1b[21~",
    "f11": "\x1b[23~",
    "f12": "\x1b[24~",
    "ctrl+c": "\x03",
    "ctrl+q": "\x11",
    "ctrl+z": "\x1a",
    "ctrl+v": "\x16",
    "ctrl+x": "\x18",
}
