"""How keys come in from the terminal: one at a time, so that no text of several is ever made.

Textual's own driver reads whatever has arrived. Keys that arrive together, because they
were typed while the process was busy or come from a device that types, are one `str` there,
and a PIN stays in memory that way. A `str` or `bytes` of a single character is one that
Python has anyway.
"""

from __future__ import annotations

import os
import select
from codecs import getincrementaldecoder

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

POLL = 0.1
"""Seconds between two looks at whether the driver shall end, and at a lone Escape."""


class KeyByKeyDriver(LinuxDriver):
    """The terminal's driver, reading byte by byte."""

    def run_input_thread(self) -> None:
        """Read until the driver ends. Bytes that are no UTF-8 come as replacement characters."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        while not self.exit_event.is_set():
            readable, _, _ = select.select([self.fileno], [], [], POLL)
            if readable:
                octet = os.read(self.fileno, 1)
                if not octet:
                    # The terminal hung up; who watches for that ends the app.
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
