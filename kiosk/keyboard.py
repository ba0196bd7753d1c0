"""How the kiosk speaks to its terminal.

Keys come in one at a time, so that no text of several is ever made.

Textual's own driver reads whatever has arrived. Keys that arrive together, because they
were typed while the process was busy or come from a device that types, are one `str` there,
and a PIN stays in memory that way. A `str` or `bytes` of a single character is one that
Python has anyway.

A sequence that Textual's parser cannot read does nothing, and ends nothing: keys may send any.
How large the screen is only the kernel says (SIGWINCH): a sequence that says so as well (mode 2048)
is not asked for and not believed, because for a huge one the kiosk would draw until it is killed.

What is drawn on a terminal that has hung up is dropped. In Textual's own driver the thread that
writes dies of it, and the end of the program then waits for that thread for ever.
"""

from __future__ import annotations

import os
import select
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TextIO, cast

from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.messages import InBandWindowResize

POLL = 0.1
"""Seconds between two looks at whether the driver shall end, and at a lone Escape."""

SIZES = (events.Resize, InBandWindowResize)
"""What tells of a screen's size in the keys' own stream."""


def hung_up(terminal: int) -> bool:
    """Whether this terminal has gone; it does not come back."""
    poll = select.poll()
    poll.register(terminal, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


class _Drawing:
    """The terminal as a file that is written to."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self.fileno = terminal.fileno

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._terminal.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._terminal.flush()


class _Parser:
    """Textual's parser, begun anew after a sequence that it fails on or shall not follow."""

    def __init__(self, debug: bool) -> None:
        self._debug = debug
        self._parser = XTermParser(debug)

    def feed(self, character: str) -> list[Message]:
        return self._take(lambda parser: parser.feed(character))

    def tick(self) -> list[Message]:
        return self._take(lambda parser: parser.tick())

    def _take(self, step: Callable[[XTermParser], Iterable[Message]]) -> list[Message]:
        try:
            messages = list(step(self._parser))
        except Exception:
            # Numbers in a sequence may be too large for anything, or zero where it divides. What
            # raised is a generator, which goes no further.
            messages = []
        else:
            if not any(isinstance(message, SIZES) for message in messages):
                return messages
        # This one would also place every click by the size that it was told.
        self._parser = XTermParser(self._debug)
        return [message for message in messages if not isinstance(message, SIZES)]


class KeyByKeyDriver(LinuxDriver):
    """The terminal's driver, reading byte by byte."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        """Make the driver.

        Args:
            app: whose screen it draws.
            options: of Textual's own driver.
        """
        super().__init__(app, **options)
        self._file = cast(Any, _Drawing(cast(TextIO, self._file)))

    def _query_in_band_window_resize(self) -> None:
        """Do not ask for sizes in the keys' own stream."""

    def _run_input_thread(self) -> None:
        """Let what ends this thread reach the app as from any thread. Textual's own way would
        print a traceback with the values in it, and count nothing."""
        self.run_input_thread()

    def run_input_thread(self) -> None:
        """Read until the driver ends. Bytes that are no UTF-8 come as replacement characters."""
        parser = _Parser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        while not self.exit_event.is_set():
            readable, _, _ = select.select([self.fileno], [], [], POLL)
            if readable:
                octet = os.read(self.fileno, 1)
                if not octet:
                    if hung_up(self.fileno):
                        # Nothing comes any more; who watches for that ends the app, and the end
                        # of the process waits for this thread.
                        return
                    self.exit_event.wait(POLL)
                # The parser takes an empty text for the end of all input.
                elif character := decode(octet):
                    for event in parser.feed(character):
                        self.process_message(event)
                # Escape is a key of its own when nothing follows it, not when this process was
                # too busy to look at what has followed.
                continue
            for event in parser.tick():
                self.process_message(event)
