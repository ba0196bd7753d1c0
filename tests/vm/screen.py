"""Reads pictures of the machine's screen: the text on it, cell by cell, and the QR code.

The terminal and the console put each letter into a cell of a grid, so a cell is compared with
every letter of the same font. For the terminal the font is painted by FreeType, as the terminal
does; for the console the letters are in the font's own file, dot by dot.
"""

from __future__ import annotations

import math
import operator
import struct
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zxingcpp
from PIL import Image, ImageDraw, ImageFont

FONT_FOLDER = Path("/usr/share/fonts/truetype/noto")

_MARKED = "aăâeêioôơuưy"
_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
VIETNAMESE = "đ" + "".join(
    unicodedata.normalize("NFC", letter + tone) for letter in _MARKED for tone in _TONES
)
LETTERS = "".join(sorted({*map(chr, range(33, 127)), *VIETNAMESE, *VIETNAMESE.upper(), *"…–•·①②③"}))

UNKNOWN = "\ufffd"
"""Stands for a cell with something in it that is no letter, such as a frame or a block."""

_FAINT = 48
"""Difference of colour, of 255, below which a cell is empty."""
_LIKENESS = 0.78
"""Correlation from which a cell is taken for a letter. Tones are told apart far above that."""

_Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the cells are."""

    cell: tuple[int, int]
    origin: tuple[int, int]
    size: tuple[int, int]
    """Columns and rows."""

    def boxes(self, row: int) -> Iterator[tuple[int, int, int, int]]:
        """The cells of a row, for `Image.crop`."""
        width, height = self.cell
        top = self.origin[1] + row * height
        for column in range(self.size[0]):
            left = self.origin[0] + column * width
            yield left, top, left + width, top + height


class Reader:
    """Reads pictures of one grid in one font. It remembers cells that it has read."""

    def __init__(self, grid: Grid, letters: Iterable[tuple[str, Image.Image]]) -> None:
        """Prepare; `letters` are pictures of a cell each, white on black."""
        self.grid = grid
        self._letters: list[tuple[str, _Vector]] = []
        for letter, picture in letters:
            vector = _vector(picture.tobytes())
            if vector is not None:
                self._letters.append((letter, vector))
        self._known: dict[bytes, str] = {}

    def lines(self, picture: Image.Image) -> list[str]:
        """The text on each row."""
        return [
            "".join(self._letter(picture.crop(box)) for box in self.grid.boxes(row)).rstrip()
            for row in range(self.grid.size[1])
        ]

    def _letter(self, cell: Image.Image) -> str:
        key = cell.tobytes()
        if key not in self._known:
            self._known[key] = self._recognise(cell)
        return self._known[key]

    def _recognise(self, cell: Image.Image) -> str:
        data = cell.tobytes()
        pixels = list(zip(data[0::3], data[1::3], data[2::3], strict=True))
        paper = Counter(pixels).most_common(1)[0][0]
        ink = bytes(max(abs(a - b) for a, b in zip(pixel, paper, strict=True)) for pixel in pixels)
        if max(ink) < _FAINT:
            return " "
        vector = _vector(ink)
        if vector is None:
            return " "
        score, letter = max(
            (sum(map(operator.mul, vector, known)), letter) for letter, known in self._letters
        )
        return letter if score >= _LIKENESS else UNKNOWN


def _vector(grey: bytes) -> _Vector | None:
    """The pixels as a vector of length 1 and mean 0; None if all are the same."""
    mean = sum(grey) / len(grey)
    centred = [value - mean for value in grey]
    length = math.sqrt(sum(value * value for value in centred))
    return tuple(value / length for value in centred) if length else None


def terminal_reader(screen: tuple[int, int], pixel_size: int) -> Reader:
    """Read what foot shows with Noto Sans Mono of this size on a screen of so many pixels."""
    fonts = [
        ImageFont.truetype(str(FONT_FOLDER / f"NotoSansMono-{weight}.ttf"), pixel_size)
        for weight in ("Regular", "Bold")
    ]
    ascent, descent = fonts[0].getmetrics()
    cell = (round(fonts[0].getlength("M")), ascent + descent)
    grid = _centred(screen, cell)

    def letters() -> Iterator[tuple[str, Image.Image]]:
        for font in fonts:
            for letter in LETTERS:
                # The terminal may put the line that letters stand on a pixel higher or lower.
                for shift in (-1, 0, 1):
                    picture = Image.new("L", cell)
                    ImageDraw.Draw(picture).text(
                        (0, ascent + shift), letter, 255, font=font, anchor="ls"
                    )
                    yield letter, picture

    return Reader(grid, letters())


def console_reader(screen: tuple[int, int], font: bytes) -> Reader:
    """Read what the bare console shows with this font (a file of PSF version 2)."""
    cell, glyphs = _read_psf(font)
    columns, rows = screen[0] // cell[0], screen[1] // cell[1]
    wanted = set(LETTERS)
    return Reader(
        Grid(cell, (0, 0), (columns, rows)),
        ((letter, picture) for letter, picture in glyphs if letter in wanted),
    )


def _centred(screen: tuple[int, int], cell: tuple[int, int]) -> Grid:
    size = screen[0] // cell[0], screen[1] // cell[1]
    origin = (screen[0] - size[0] * cell[0]) // 2, (screen[1] - size[1] * cell[1]) // 2
    return Grid(cell, origin, size)


def _read_psf(data: bytes) -> tuple[tuple[int, int], list[tuple[str, Image.Image]]]:
    """Cell, and each letter's picture (kbd's psf-formats)."""
    _, start, _, count, size, height, width = struct.unpack("<7I", data[4:32])
    table = [part.decode() for part in data[start + count * size :].split(b"\xff")]
    pictures: list[tuple[str, Image.Image]] = []
    for index, names in enumerate(table[:count]):
        dots = data[start + index * size : start + (index + 1) * size]
        picture = Image.frombytes("1", (width, height), dots).convert("L")
        pictures += [(letter, picture) for letter in names]
    return (width, height), pictures


def holds(lines: list[str], words: str) -> bool:
    """Whether a line holds these words; one letter in twelve may have been misread."""
    slips = len(words) // 12
    for line in lines:
        for start in range(len(line) - len(words) + 1):
            wrong = sum(map(operator.ne, words, line[start : start + len(words)]))
            if wrong <= slips:
                return True
    return False


def qr_code(picture: Image.Image) -> str:
    """The text of the one QR code in the picture; empty if there is none or more than one."""
    found = zxingcpp.read_barcodes(picture)
    return found[0].text if len(found) == 1 else ""
