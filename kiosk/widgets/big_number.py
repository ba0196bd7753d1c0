"""A telephone number that is read from afar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from kiosk.i18n import Translator
from kiosk.styles.tokens import MEDIUM_SCREEN
from kiosk.view import View
from kiosk.widgets.drawn import Drawn

_SIDE = 2
"""Columns to the left and right of the number."""


@dataclass(frozen=True, slots=True)
class _Figures:
    """Digits drawn as dots, two of which share a cell."""

    glyphs: Mapping[str, Sequence[str]]
    above: int
    """Rows of dots over the digits."""
    rows: int
    """Rows of cells that the whole takes."""

    def lines(self, number: str) -> list[str] | None:
        """Return the number's rows of dots, or nothing if a sign of it is not known."""
        glyphs = [self.glyphs.get(sign) for sign in number]
        known = [glyph for glyph in glyphs if glyph is not None]
        if not known or len(known) < len(glyphs):
            return None
        dots = [" ".join(rows) for rows in zip(*known, strict=True)]
        blank = " " * len(dots[0])
        below = self.rows * 2 - self.above - len(dots)
        return [blank] * self.above + dots + [blank] * below


def _glyphs(signs: str, drawn: str) -> dict[str, Sequence[str]]:
    """Cut a table of glyphs, side by side, each with `|` after it, into its signs."""
    rows = [line.split("|") for line in drawn.splitlines()]
    return {sign: [row[place] for row in rows] for place, sign in enumerate(signs)}


_LARGE = _Figures(
    _glyphs(
        "0123456789 -.+()",
        """\
 ### |  ## |#### |#### |## ##|#####| ### |#####| ### | ### |  |   |  |   | #|# |
## ##| ### |   ##|   ##|## ##|##   |##   |   ##|## ##|## ##|  |   |  |   |# | #|
## ##|#### |   ##|   ##|## ##|##   |##   |   ##|## ##|## ##|  |   |  | # |# | #|
## ##|  ## | ### | ### |#####|#### |#### |  ## | ### | ####|  |###|  |###|# | #|
## ##|  ## |##   |   ##|   ##|   ##|## ##|  ## |## ##|   ##|  |   |  | # |# | #|
## ##|  ## |##   |   ##|   ##|   ##|## ##| ##  |## ##|   ##|  |   |  |   |# | #|
## ##|  ## |##   |   ##|   ##|   ##|## ##| ##  |## ##|   ##|  |   |##|   |# | #|
 ### |#####|#####|#### |   ##|#### | ### | ##  | ### | ### |  |   |##|   | #|# """,
    ),
    above=1,
    rows=5,
)

_SMALL = _Figures(
    _glyphs(
        "0123456789 -.+()",
        """\
###| # |###|###|# #|###|###|###|###|###| |  | |   | #|# |
# #|## |  #|  #|# #|#  |#  |  #|# #|# #| |  | | # |# | #|
# #| # |###|###|###|###|###| # |###|###| |##| |###|# | #|
# #| # |#  |  #|  #|  #|# #| # |# #|  #| |  | | # |# | #|
###|###|###|###|  #|###|###| # |###|###| |  |#|   | #|# """,
    ),
    above=1,
    rows=4,
)


class BigNumber(Drawn, Widget):
    """A number in digits of several rows, as large as there is room for; signs that it cannot
    draw, or no room at all, leave it in plain letters."""

    DEFAULT_CSS = "BigNumber { width: auto; height: auto; }"

    def __init__(self, source: Callable[[View], str]) -> None:
        super().__init__()
        self._source = source
        self._number = ""

    def draw(self, view: View, _t: Translator) -> None:
        """Take the view's number."""
        number = self._source(view)
        if number != self._number:
            self._number = number
            self.refresh(layout=True)

    def _lines(self, room: int) -> list[str] | None:
        """The rows of dots for so many columns."""
        tall = self.app.size.height >= MEDIUM_SCREEN
        for figures in (_LARGE, _SMALL) if tall else (_SMALL,):
            lines = figures.lines(self._number)
            if lines is not None and len(lines[0]) + 2 * _SIDE <= room:
                return lines
        return None

    def get_content_width(self, container: Size, _viewport: Size) -> int:
        """Width in cells."""
        lines = self._lines(container.width)
        return (len(lines[0]) if lines else len(self._number)) + 2 * _SIDE

    def get_content_height(self, container: Size, _viewport: Size, _width: int) -> int:
        """Height in cells."""
        lines = self._lines(container.width)
        return len(lines) // 2 if lines else 3

    def render_line(self, y: int) -> Strip:
        """Draw one row of cells: two rows of dots."""
        width, style = self.size.width, self.rich_style
        lines = self._lines(width)
        if lines is None:
            text = self._number if y == self.size.height // 2 else ""
            return Strip([Segment(text.center(width), style)], width)
        if 2 * y + 1 >= len(lines):
            return Strip.blank(width, style)
        cells = "".join(
            " ▄▀█"[2 * (top == "#") + (bottom == "#")]
            for top, bottom in zip(lines[2 * y], lines[2 * y + 1], strict=True)
        )
        return Strip([Segment(cells.center(width), style)], width)
