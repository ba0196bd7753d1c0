"""Letters and pictures drawn in block elements, for what shall be read from across the room.

Half blocks and the full block are in every font that the kiosk runs with; the two halves of a
cell are about square, so a picture is a grid of squares, two in a cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

from kiosk.styles.tokens import MEDIUM_SCREEN

Bitmap = Sequence[str]
"""Rows of squares of the same length, a letter each; `.` leaves what is behind."""

_BLOCKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


class Font(msgspec.Struct, frozen=True):
    """Signs of one height, drawn as squares."""

    glyphs: Mapping[str, Bitmap]
    gap: int
    """Squares between two signs."""
    least_rows: int = 0
    """Rows that a screen needs to have for it."""

    def write(self, text: str) -> Bitmap | None:
        """Draw `text`; None if there is nothing to draw, or no picture of one of its signs."""
        if not text or any(sign not in self.glyphs for sign in text):
            return None
        return beside(*(self.glyphs[sign] for sign in text), gap=self.gap)


def _glyph(text: str) -> Bitmap:
    return tuple(text.split())


def _glyphs(signs: str, drawn: str, *, below: int) -> dict[str, Bitmap]:
    """Cut a table of glyphs, side by side, each with `|` after it, into its signs.

    Above them is one row of nothing, and `below` rows under them.
    """
    columns = zip(*(line.rstrip("|").split("|") for line in drawn.split()), strict=True)
    return {
        sign: ("." * len(glyph[0]), *glyph, *["." * len(glyph[0])] * below)
        for sign, glyph in zip(signs, columns, strict=True)
    }


POSTER = Font(
    {
        "0": _glyph(".####. ###### ##..## ##..## ##..## ##..## ##..## ##..## ###### .####."),
        "1": _glyph("..##.. .###.. ####.. ..##.. ..##.. ..##.. ..##.. ..##.. ###### ######"),
        "2": _glyph(".####. ###### ##..## ....## ...### ..###. .###.. ###... ###### ######"),
        "3": _glyph(".####. ###### ##..## ....## ..###. ..###. ....## ##..## ###### .####."),
        "4": _glyph("...### ..#### .##.## ##..## ##..## ###### ###### ....## ....## ....##"),
        "5": _glyph("###### ###### ##.... #####. ###### ....## ....## ##..## ###### .####."),
        "6": _glyph(".####. ###### ##.... ##.... #####. ###### ##..## ##..## ###### .####."),
        "7": _glyph("###### ###### ....## ....## ...##. ...##. ..##.. ..##.. ..##.. ..##.."),
        "8": _glyph(".####. ###### ##..## ##..## .####. ###### ##..## ##..## ###### .####."),
        "9": _glyph(".####. ###### ##..## ##..## ###### .##### ....## ....## ###### .####."),
        "+": _glyph("...... ...... ..##.. ..##.. ###### ###### ..##.. ..##.. ...... ......"),
        "-": _glyph("..... ..... ..... ..... ##### ##### ..... ..... ..... ....."),
        "B": _glyph(
            "######. ####### ##...## ##...## ######. ######. ##...## ##...## ####### ######."
        ),
        "H": _glyph(" ".join(["##....##"] * 4 + ["########"] * 2 + ["##....##"] * 4)),
        "N": _glyph(
            "##....## ###...## ####..## ####..## ##.##.## "
            "##.##.## ##..#### ##..#### ##...### ##....##"
        ),
        "P": _glyph(
            "######. ####### ##...## ##...## ####### ######. ##..... ##..... ##..... ##....."
        ),
        "T": _glyph(" ".join(["########"] * 2 + ["...##..."] * 8)),
        "V": _glyph(
            "##....## ##....## ##....## ##....## .##..##. "
            ".##..##. .##..##. ..####.. ..####.. ...##..."
        ),
        "X": _glyph(
            "##....## ##....## .##..##. ..####.. ...##... "
            "...##... ..####.. .##..##. ##....## ##....##"
        ),
        " ": ("....",) * 10,
    },
    gap=2,
)
"""Digits, and the letters of the product's name."""

LARGE = Font(
    _glyphs(
        "0123456789 -.+()",
        """
        .###.|..##.|####.|####.|##.##|#####|.###.|#####|.###.|.###.|..|...|..|...|.#|#.|
        ##.##|.###.|...##|...##|##.##|##...|##...|...##|##.##|##.##|..|...|..|...|#.|.#|
        ##.##|####.|...##|...##|##.##|##...|##...|...##|##.##|##.##|..|...|..|.#.|#.|.#|
        ##.##|..##.|.###.|.###.|#####|####.|####.|..##.|.###.|.####|..|###|..|###|#.|.#|
        ##.##|..##.|##...|...##|...##|...##|##.##|..##.|##.##|...##|..|...|..|.#.|#.|.#|
        ##.##|..##.|##...|...##|...##|...##|##.##|.##..|##.##|...##|..|...|..|...|#.|.#|
        ##.##|..##.|##...|...##|...##|...##|##.##|.##..|##.##|...##|..|...|##|...|#.|.#|
        .###.|#####|#####|####.|...##|####.|.###.|.##..|.###.|.###.|..|...|##|...|.#|#.|
        """,
        below=1,
    ),
    gap=1,
    least_rows=MEDIUM_SCREEN,
)
"""Signs of telephone numbers, five rows of cells high with what is around them."""

SMALL = Font(
    _glyphs(
        "0123456789 -.+()",
        """
        ###|.#.|###|###|#.#|###|###|###|###|###|.|..|.|...|.#|#.|
        #.#|##.|..#|..#|#.#|#..|#..|..#|#.#|#.#|.|..|.|.#.|#.|.#|
        #.#|.#.|###|###|###|###|###|.#.|###|###|.|##|.|###|#.|.#|
        #.#|.#.|#..|..#|..#|..#|#.#|.#.|#.#|..#|.|..|.|.#.|#.|.#|
        ###|###|###|###|..#|###|###|.#.|###|###|.|..|#|...|.#|#.|
        """,
        below=2,
    ),
    gap=1,
)
"""The same, four rows high."""


def beside(*bitmaps: Bitmap, gap: int) -> Bitmap:
    """Put bitmaps of the same height next to each other, `gap` squares apart."""
    return [("." * gap).join(rows) for rows in zip(*bitmaps, strict=True)]


@lru_cache(maxsize=64)
def doubled(bitmap: tuple[str, ...], *, goes_on: bool) -> tuple[str, ...]:
    """Return the bitmap twice as large, slanting edges smoothed (the Scale2x algorithm).

    Args:
        bitmap: what to enlarge.
        goes_on: what touches the bitmap's edge is cut off there, so that it has no corners.
    """
    height, width = len(bitmap), len(bitmap[0])

    def at(x: int, y: int) -> str:
        if goes_on or (0 <= x < width and 0 <= y < height):
            return bitmap[min(max(y, 0), height - 1)][min(max(x, 0), width - 1)]
        return "."

    result: list[str] = []
    for y in range(height):
        upper, lower = "", ""
        for x in range(width):
            dot = at(x, y)
            up, down, left, right = at(x, y - 1), at(x, y + 1), at(x - 1, y), at(x + 1, y)
            if up != down and left != right:
                upper += (left if left == up else dot) + (right if right == up else dot)
                lower += (left if left == down else dot) + (right if right == down else dot)
            else:
                upper += dot * 2
                lower += dot * 2
        result += [upper, lower]
    return tuple(result)


def cells(bitmap: Bitmap, y: int) -> Iterator[tuple[str, str]]:
    """Return the upper and the lower square of each cell in row `y` of cells."""
    lower = bitmap[2 * y + 1] if 2 * y + 1 < len(bitmap) else "." * len(bitmap[0])
    return zip(bitmap[2 * y], lower, strict=True)


def in_blocks(bitmap: Bitmap) -> list[str]:
    """Return the lines of text that show the bitmap in one colour."""
    return [
        "".join(_BLOCKS[upper != ".", lower != "."] for upper, lower in cells(bitmap, y))
        for y in range((len(bitmap) + 1) // 2)
    ]
