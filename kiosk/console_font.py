"""Letters for the bare console: Debian's Vietnamese fonts, larger, with what they lack.

The Vietnamese fonts named Terminus and DejaVu lack half of the Vietnamese letters with two
marks. Those named Fixed have them all, but are eight dots wide, and have no half blocks, of which
the QR code is drawn. So each dot is drawn two to four times, and two signs that nobody misses
give way to the half blocks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

WIDTH = 8
"""Dots, of every font of PSF version 1."""

HEIGHTS = (18, 16, 15, 13)
"""Dots of the fonts that have all letters, Vietnamese-Fixed18 and so on; of Debian's package
console-setup-linux."""

COMFORTABLE, ENOUGH = (100, 30), (80, 25)
"""Columns and rows with which no screen is crowded, and in which all screens have room."""
LARGE, PLAIN = (4, 3, 2), (1,)
"""How often a dot may be drawn across and down."""

UPPER_HALF, LOWER_HALF = "▀", "▄"
GIVE_WAY = {"≪": UPPER_HALF, "≫": LOWER_HALF}
STAND_IN = {"▸": "►", "◂": "◄", "│": "▏"}
"""Signs that the font has, and those of the screens that look alike."""


class UnknownFormat(ValueError):
    """This is no console font of PSF version 1 with 512 letters and their names."""


@dataclass(frozen=True, slots=True)
class Size:
    """Which font, and how often each of its dots is drawn across and down."""

    height: int
    scale: int

    @property
    def name(self) -> str:
        """The font's name among Debian's."""
        return f"Vietnamese-Fixed{self.height}"

    @property
    def cell(self) -> tuple[int, int]:
        """Width and height of a letter in dots."""
        return WIDTH * self.scale, self.height * self.scale


@dataclass(frozen=True, slots=True)
class ConsoleFont:
    """The pictures of the letters."""

    height: int
    glyphs: tuple[bytes, ...]
    """A byte a row, a bit a dot."""
    letters: tuple[str, ...]
    """What each glyph stands for."""


def size_for(width: int, height: int) -> Size:
    """Return the largest letters with which a screen of so many dots has room.

    A crowded screen of large letters comes before a roomy one of plain letters.
    """
    wishes = ((COMFORTABLE, LARGE), (ENOUGH, LARGE), (ENOUGH, PLAIN))
    for (columns, rows), scales in wishes:
        for scale in scales:
            for letter in HEIGHTS:
                size = Size(letter, scale)
                across, down = size.cell
                if width // across >= columns and height // down >= rows:
                    return size
    return Size(16, 1)


def read(data: bytes) -> ConsoleFont:
    """Read a font, PSF version 1 (kbd, psf-formats).

    Raises:
        UnknownFormat
    """
    if data[:2] != b"\x36\x04" or len(data) < 4 or data[2] & 3 != 3 or not data[3]:
        raise UnknownFormat("no PSF font of version 1 with 512 letters and their names")
    height, count = data[3], 512
    table = 4 + count * height
    if len(data) < table or (len(data) - table) % 2:
        raise UnknownFormat("the font is cut off")
    glyphs = tuple(data[at : at + height] for at in range(4, table, height))
    names = struct.unpack(f"<{(len(data) - table) // 2}H", data[table:])
    letters = tuple(_letters(names))
    if len(letters) != count:
        raise UnknownFormat(f"the font names {len(letters)} letters instead of {count}")
    return ConsoleFont(height, glyphs, letters)


def _letters(names: tuple[int, ...]) -> Iterator[str]:
    """What each glyph stands for; sequences of letters and marks, which no console knows, left."""
    letters, sequence = "", False
    for name in names:
        if name == 0xFFFF:
            yield letters
            letters, sequence = "", False
        elif name == 0xFFFE:
            sequence = True
        elif not sequence:
            letters += chr(name)


def completed(font: ConsoleFont) -> ConsoleFont:
    """The font with half blocks, and with signs that stand in for others."""
    upper = b"\xff" * (font.height // 2) + b"\0" * (font.height - font.height // 2)
    drawn = {UPPER_HALF: upper, LOWER_HALF: bytes(row ^ 0xFF for row in upper)}
    glyphs, letters = list(font.glyphs), list(font.letters)
    for place, names in enumerate(font.letters):
        for name in names:
            if name in GIVE_WAY:
                letters[place] = GIVE_WAY[name]
                glyphs[place] = drawn[letters[place]]
            elif name in STAND_IN:
                letters[place] += STAND_IN[name]
    return replace(font, glyphs=tuple(glyphs), letters=tuple(letters))


def written(font: ConsoleFont, scale: int) -> bytes:
    """The font as a file, PSF version 2 (kbd, psf-formats), each dot drawn so often."""
    wide = [_wide(row, scale) for row in range(256)]
    pictures = b"".join(wide[row] * scale for glyph in font.glyphs for row in glyph)
    height = font.height * scale
    header = struct.pack(
        *("<4s7I", b"\x72\xb5\x4a\x86", 0, 32, 1, len(font.glyphs)),
        *(height * scale, height, WIDTH * scale),
    )
    names = b"".join(letters.encode() + b"\xff" for letters in font.letters)
    return header + pictures + names


def _wide(row: int, scale: int) -> bytes:
    dots = "".join(dot * scale for dot in f"{row:08b}")
    return int(dots, 2).to_bytes(scale, "big")
