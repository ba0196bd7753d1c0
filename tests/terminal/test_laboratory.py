"""The laboratory's eyes see what they are there to see."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops, ImageDraw

from kiosk.i18n import LANGUAGES
from tests.terminal import glyphs
from tests.terminal.cells import Cell, Shown
from tests.terminal.laboratory import Laboratory, Window
from tests.terminal.picture_check import PictureCheck
from tests.terminal.review import Review


def box(column: int, line: int, window: Window) -> tuple[int, int, int, int]:
    """A cell's pixels."""
    width, height = window.cell
    return column * width, line * height, (column + 1) * width - 1, (line + 1) * height - 1


def first(shown: Shown, sign: str) -> tuple[int, int, Cell]:
    """Column and line of this sign, and its cell."""
    return next(
        (column, line, cell)
        for line, cells in enumerate(shown.cells)
        for column, cell in enumerate(cells)
        if cell.sign == sign
    )


def test_a_spoilt_picture_is_seen(lab: Laboratory) -> None:
    with Review(lab, 80, 25) as review:
        shown, picture, faults = review.show(view="welcome", language=LANGUAGES[0], theme="light")
        assert faults == []
        window = review.window

    def painted(sign: str, colour: str | tuple[int, int, int], right_half: bool) -> Image.Image:
        column, line, _ = first(shown, sign)
        left, top, right, bottom = box(column, line, window)
        spoilt = picture.copy()
        left += (right - left + 1) // 2 if right_half else 0
        ImageDraw.Draw(spoilt).rectangle((left, top, right, bottom), colour)
        return spoilt

    assert list(PictureCheck().faults(picture, shown, window)) == []
    paper = first(shown, "V")[2].background
    for name, spoilt in {
        "a clipped sign": painted("V", paper, right_half=True),
        "a sign in another colour": painted("V", "#12ff34", right_half=True),
        "a sign that is not there": painted("V", paper, right_half=False),
        "a spot where nothing ought to be": painted(" ", "#ff0000", right_half=True),
        "another background": painted(" ", "#ff0000", right_half=False),
        "all moved aside by a pixel": ImageChops.offset(picture, 1, 0),
        "all moved down by a line": ImageChops.offset(picture, 0, window.cell[1]),
        "a picture that is cut off": picture.crop((0, 0, picture.width - 1, picture.height)),
    }.items():
        check = PictureCheck()
        assert list(check.faults(picture, shown, window)) == []
        assert list(check.faults(spoilt, shown, window)), name


@pytest.mark.parametrize("bold", [False, True])
def test_a_sign_without_a_glyph_is_seen(lab: Laboratory, bold: bool) -> None:
    nowhere = chr(next(point for point in range(0xF000, 0xF8FF) if point not in glyphs.covered()))
    with Review(lab, 80, 25) as review:

        def show(lines: list[str]) -> tuple[Shown, Image.Image]:
            shown, picture, _ = review.show(sheet=lines)
            return shown, picture

        known = {("Ệ", bold): 1, ("█", bold): 1, (" ", bold): 1}
        assert list(glyphs.faults(known, show, review.window)) == []
        faults = list(glyphs.faults({**known, (nowhere, bold): 1}, show, review.window))
    assert len(faults) == 2
    assert all(repr(nowhere) in fault for fault in faults)
