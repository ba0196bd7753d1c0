"""Names of cards and tokens, by ATR, from the list of Debian's package pcsc-tools.

Thousands of cards are in it, with what people call them. A name is a hint for a technician:
nothing is decided by it. The list has blocks of one line with an ATR, in hexadecimal with
the signs of regular expressions, and lines with names that begin with a tab.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from kiosk.text import clean_text

LIST = Path("/usr/share/pcsc/smartcard_list.txt")
"""Where the package puts it."""

_ATR_LINE = re.compile(r"3[BFbf][0-9A-Fa-f .*,\[\]-]{0,400}")
"""A line that can be compared: everything else in the file is passed over."""
_STARS_MAX = 2
"""Any rest, at most so often in one line: more would take a comparison long."""
_NAME_MAX = 120


class CardNames:
    """The list. It is read at the first question; without it, no card has a name."""

    def __init__(self, path: Path = LIST) -> None:
        self._path = path
        self._entries: list[tuple[str, tuple[str, ...]]] | None = None

    @property
    def installed(self) -> bool:
        """Whether there is a list at all."""
        return self._path.is_file()

    def names(self, atr: bytes) -> tuple[str, ...]:
        """What cards with this ATR are called; of all entries that fit, in the list's order."""
        if self._entries is None:
            self._entries = list(self._read())
        text = atr.hex(" ").upper()
        found = (name for pattern, names in self._entries if _fits(pattern, text) for name in names)
        return tuple(dict.fromkeys(found))

    def _read(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return
        pattern, names = "", list[str]()
        for line in (*lines, ""):
            if pattern and line.startswith("\t"):
                names.append(clean_text(line, _NAME_MAX))
                continue
            if pattern and any(names):
                yield pattern, tuple(filter(None, names))
            pattern, names = line.strip().upper() if _ATR_LINE.fullmatch(line.strip()) else "", []


def _fits(pattern: str, atr: str) -> bool:
    if pattern == atr:
        return True
    fixed = re.match(r"[0-9A-F ]*", pattern)
    literal = fixed[0] if fixed else ""
    if literal == pattern or not atr.startswith(literal) or pattern.count("*") > _STARS_MAX:
        return False
    try:
        return re.fullmatch(pattern, atr) is not None
    except re.error:
        return False
