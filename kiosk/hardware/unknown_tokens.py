"""Tokens that the catalogue does not know, written down for staff: their ATRs, nothing else.

An ATR names a model of chip, not a person and not a single token. One line each, in the
order in which they were first seen, in the notation of `tokens.toml`, so that a line can
be pasted there.
"""

from __future__ import annotations

import logging
from pathlib import Path

log = logging.getLogger(__name__)

LINES_MAX = 200
"""More models than that do not come to a counter; whoever feeds more than that in is
playing, and does not fill the disk."""


def notation(atr: bytes) -> str:
    """An ATR as `tokens.toml` has it: `3B 9F 95 …`."""
    return atr.hex(" ").upper()


class UnknownTokens:
    """The list of unknown ATRs, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[str] | None = None
        """What the file holds; read at the first need."""

    def note(self, atr: bytes) -> None:
        """Write an ATR down, unless it is there already. Never raises."""
        line = notation(atr)
        if not line:
            return
        try:
            if self._known is None:
                self._known = set(self.read())
            if line in self._known or len(self._known) >= LINES_MAX:
                return
            self._known.add(line)
            log.info("no family in the token catalogue for ATR %s; trying the default", line)
            with self._path.open("a", encoding="ascii") as file:
                file.write(line + "\n")
        except OSError as error:
            log.warning("ATR %s was not written down: %s", line, error.strerror)

    def read(self) -> list[str]:
        """The ATRs written down so far.

        Raises:
            OSError: there is a file, and it cannot be read.
        """
        try:
            text = self._path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return []
        return [line.strip() for line in text.splitlines() if line.strip()]
