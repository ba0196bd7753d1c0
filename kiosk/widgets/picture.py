"""A drawing where words fail."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from kiosk.i18n import Translator
from kiosk.styles.tokens import MEDIUM_SCREEN
from kiosk.view import View
from kiosk.widgets.blocks import Bitmap, cells, doubled
from kiosk.widgets.drawn import Drawn, When

if TYPE_CHECKING:
    # Putting all of them together takes a while, and the first screen shows none.
    from kiosk.widgets.drawings import Drawing

_ROLES = {
    "b": "picture--brand",
    "q": "picture--quiet",
    "h": "picture--heading",
    "f": "picture--focus",
    "a": "picture--alarm",
    "o": "picture--ok",
}
"""Dots and the component class whose colour they have; the others are paper."""


class Picture(Drawn, Widget):
    """A drawing in the theme's colours, as large as the room that the words leave: doubled, plain
    or not at all. Two dots share a cell as half blocks, which every font of a console has.

    What moves goes on once a second at most, and only while somebody can see it.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(_ROLES.values())

    FRAME_TIME: ClassVar[float] = 1.0
    """Seconds from one frame to the next."""

    def __init__(
        self,
        drawing: Drawing | Callable[[View], Drawing],
        classes: str = "",
        *,
        when: When | None = None,
    ) -> None:
        super().__init__(classes=classes)
        self._choose = drawing if callable(drawing) else lambda _view: drawing
        self._when = when
        self._drawing: Drawing | None = None
        self._frame = 0
        self._moving: Timer | None = None

    def draw(self, view: View, _t: Translator) -> None:
        """Show what belongs to the view, and let it move if that is wanted."""
        if self._when is not None:
            # Not `display`, which would outweigh the style sheet where there is no room.
            self.set_class(not self._when(view), "elsewhere")
        drawing = self._choose(view)
        if drawing is not self._drawing:
            self._drawing = drawing
            self._frame = 0
            self.fit(self.app.size)
        moves = len(drawing.frames) > 1 and not view.reduced_motion
        if moves and self._moving is None:
            self._moving = self.set_interval(self.FRAME_TIME, self._turn)
        elif not moves:
            if self._moving is not None:
                self._moving.stop()
                self._moving = None
            if self._frame != drawing.still:
                self._frame = drawing.still
                self.refresh()

    def fit(self, screen: Size) -> None:
        """Take as many rows at most as the drawing needs on a screen of this size."""
        if self._drawing is not None:
            scale = 2 if screen.height >= MEDIUM_SCREEN else 1
            self.styles.max_height = _cells(self._drawing, scale).height
            self.refresh(layout=True)

    @property
    def scale(self) -> int:
        """Dots that a dot of the drawing is wide; 0: there is no room."""
        if self._drawing is None:
            return 0
        for scale in (2, 1):
            needed = _cells(self._drawing, scale)
            if needed.width <= self.size.width and needed.height <= self.size.height:
                return scale
        return 0

    def _turn(self) -> None:
        """Go on by a frame."""
        if self._drawing is not None and self.scale and self.display and self.screen.is_active:
            before = self._drawing.frames[self._frame]
            self._frame = (self._frame + 1) % len(self._drawing.frames)
            if self._drawing.frames[self._frame] != before:
                self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw one row of cells: two rows of dots."""
        width, scale = self.size.width, self.scale
        if self._drawing is None or not scale:
            return Strip.blank(width, self.rich_style)
        rows: Bitmap = self._drawing.frames[self._frame]
        if scale == 2:
            rows = doubled(rows, goes_on=True)
        y -= (self.size.height - (len(rows) + 1) // 2) // 2
        if not 0 <= 2 * y < len(rows):
            return Strip.blank(width, self.rich_style)
        left = (width - len(rows[0])) // 2
        segments = [Segment(" " * left, self.rich_style), *self._segments(rows, y)]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _segments(self, rows: Bitmap, y: int) -> list[Segment]:
        paper = self.rich_style.bgcolor
        segments = []
        for (top, bottom), run in groupby(cells(rows, y)):
            above, below = (
                self.get_component_rich_style(_ROLES[dot]).color if dot in _ROLES else paper
                for dot in (top, bottom)
            )
            sign = " " if above == below else "▀"
            segments.append(Segment(sign * len(list(run)), Style(color=above, bgcolor=below)))
        return segments


def _cells(drawing: Drawing, scale: int) -> Size:
    return Size(drawing.width * scale, (drawing.height * scale + 1) // 2)
