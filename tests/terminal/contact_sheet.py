"""Many pictures on one, small, with their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests.terminal.pictures import FONT_DIRECTORY

_GAP = 8
_LABEL = 18
_INK = "#ffffff"
_PAPER = "#303030"


def contact_sheet(
    pictures: Sequence[tuple[str, Path]], *, columns: int = 6, width: int = 320
) -> Image.Image:
    """Set pictures in rows, each below its name.

    Args:
        pictures: their names and files; at least one. A file that is not there leaves a gap.
        columns: how many stand in a row.
        width: pixels of one.
    """
    small = [(name, _small(file, width)) for name, file in pictures]
    height = max(picture.height for _, picture in small) + _LABEL
    rows = -(-len(small) // columns)
    size = (_GAP + columns * (width + _GAP), _GAP + rows * (height + _GAP))
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(str(FONT_DIRECTORY / "NotoSansMono-Regular.ttf"), _LABEL - 6)
    for number, (name, picture) in enumerate(small):
        row, column = divmod(number, columns)
        x, y = _GAP + column * (width + _GAP), _GAP + row * (height + _GAP)
        draw.text((x, y), name, fill=_INK, font=font)
        sheet.paste(picture, (x, y + _LABEL))
    return sheet


def _small(file: Path, width: int) -> Image.Image:
    if not file.exists():
        return Image.new("RGB", (width, 1), _PAPER)
    with Image.open(file) as picture:
        height = round(picture.height * width / picture.width)
        # Halving first is quick, and the eye sees no difference at this size.
        return picture.convert("RGB").resize((width, height), reducing_gap=2.0)
