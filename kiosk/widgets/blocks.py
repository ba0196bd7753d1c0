"""Letters and pictures drawn in block elements, for what shall be read from across the room.

Half blocks and the full block are in every font that the kiosk runs with; the two halves of a
cell are about square, so a picture is a grid of squares, two in a cell.
"""

from __future__ import annotations

from collections.abc import Sequence

Bitmap = Sequence[str]
"""Rows of squares of the same length; `#` is drawn."""

LETTER_ROWS = 10
"""Squares from a letter's top to its foot."""

_BLANK = "." * 4
_GAP = ".."
_BLOCKS = {("#", "#"): "█", ("#", "."): "▀", (".", "#"): "▄", (".", "."): " "}


def _glyph(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GLYPHS: dict[str, tuple[str, ...]] = {
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
    "B": _glyph("######. ####### ##...## ##...## ######. ######. ##...## ##...## ####### ######."),
    "H": _glyph(" ".join(["##....##"] * 4 + ["########"] * 2 + ["##....##"] * 4)),
    "N": _glyph(
        "##....## ###...## ####..## ####..## ##.##.## ##.##.## ##..#### ##..#### ##...### ##....##"
    ),
    "P": _glyph("######. ####### ##...## ##...## ####### ######. ##..... ##..... ##..... ##....."),
    "T": _glyph(" ".join(["########"] * 2 + ["...##..."] * 8)),
    "V": _glyph(
        "##....## ##....## ##....## ##....## .##..##. .##..##. .##..##. ..####.. ..####.. ...##..."
    ),
    "X": _glyph(
        "##....## ##....## .##..##. ..####.. ...##... ...##... ..####.. .##..##. ##....## ##....##"
    ),
    " ": (_BLANK,) * LETTER_ROWS,
}
"""The signs that there are: digits, and the letters of the product's name."""


def in_letters(text: str) -> Bitmap | None:
    """Write `text` in large letters; None if there is no such letter."""
    if not text or any(letter not in GLYPHS for letter in text):
        return None
    return [_GAP.join(row) for row in zip(*(GLYPHS[letter] for letter in text), strict=True)]


def beside(*bitmaps: Bitmap, gap: int) -> Bitmap:
    """Put bitmaps of the same height next to each other, `gap` squares apart."""
    return [("." * gap).join(rows) for rows in zip(*bitmaps, strict=True)]


def scaled(bitmap: Bitmap, scale: int) -> Bitmap:
    """Draw each square `scale` times across and down."""
    return ["".join(square * scale for square in row) for row in bitmap for _ in range(scale)]


def in_blocks(bitmap: Bitmap) -> list[str]:
    """Return the lines of text that show the bitmap."""
    rows = list(bitmap)
    if len(rows) % 2:
        rows.append("." * len(rows[0]))
    return [
        "".join(_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]
