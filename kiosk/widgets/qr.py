"""A QR code (ISO/IEC 18004) in character cells that a telephone can read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from kiosk.i18n import Translator
from kiosk.view import View
from kiosk.widgets.drawn import Drawn

BORDER = 4
"""Modules of quiet zone on each side, as the standard demands."""

_DARK_ON_LIGHT = Style(color="#000000", bgcolor="#ffffff")
_DARK = Style(color="#000000", bgcolor="#000000")


def matrix(data: str) -> Sequence[Sequence[bool]]:
    """Return the modules of the code for `data` with its border; True is dark."""
    # The library is needed two minutes into a visit, not for the first frame.
    with _without_pillow():
        from qrcode.constants import ERROR_CORRECT_M  # noqa: PLC0415
        from qrcode.main import QRCode  # noqa: PLC0415

    code = QRCode(error_correction=ERROR_CORRECT_M, border=BORDER)
    code.add_data(data)
    code.make(fit=True)
    return tuple(tuple(map(bool, row)) for row in code.get_matrix())


@contextmanager
def _without_pillow() -> Iterator[None]:
    """Keep what is imported from loading Pillow, which is there for a printer's process: it would
    draw the code for no one, and take 4 MB. Nothing else of this process needs it meanwhile."""
    loaded = sys.modules.get("PIL")
    sys.modules["PIL"] = loaded  # type: ignore[assignment]
    try:
        yield
    finally:
        if loaded is None:
            del sys.modules["PIL"]


class QrCode(Drawn, Widget):
    """A QR code, black on white whatever the theme, so that every reader decodes it.

    Two modules share a cell as half blocks. Where the screen has room, a module is two cells of
    plain background colour: twice as large.
    """

    DEFAULT_CSS = "QrCode { width: auto; height: auto; }"

    def __init__(self, source: Callable[[View], str], *, large: bool = True) -> None:
        """Make one.

        Args:
            source: what the code says; empty: there is no code.
            large: whether it may be as large as the room allows.
        """
        super().__init__()
        self._source = source
        self._data = ""
        self._modules: Sequence[Sequence[bool]] = []
        self._large = large
        self.full_block = False

    def draw(self, view: View, _t: Translator) -> None:
        """Encode the view's address; without one there is no code."""
        data = self._source(view)
        if data != self._data:
            self._data = data
            self._modules = matrix(data) if data else []
            self.refresh(layout=True)
        self.display = bool(data)

    @property
    def needed(self) -> Size:
        """Cells that the whole code takes."""
        return self._cells(self.full_block)

    def _cells(self, full_block: bool) -> Size:
        count = len(self._modules)
        return Size(count * 2, count) if full_block else Size(count, (count + 1) // 2)

    @staticmethod
    def _fits(cells: Size, room: Size) -> bool:
        return cells.width <= room.width and cells.height <= room.height

    def fit(self, room: Size) -> None:
        """Show the code if all of it has room, else not at all: a clipped one is no use."""
        large = self._large and self._fits(self._cells(full_block=True), room)
        if large != self.full_block:
            self.full_block = large
            self.refresh(layout=True)
        self.display = bool(self._data) and self._fits(self.needed, room)

    def get_content_width(self, _container: Size, _viewport: Size) -> int:
        """Width in cells, never less than the code."""
        return self.needed.width

    def get_content_height(self, _container: Size, _viewport: Size, _width: int) -> int:
        """Height in cells, never less than the code."""
        return self.needed.height

    def render_line(self, y: int) -> Strip:
        """Draw one row of cells, in the middle of the widget."""
        width = self.size.width
        left = max(0, (width - self.needed.width) // 2)
        blank = Strip.blank(left, self.rich_style)
        return Strip.join([blank, self._row(y)]).adjust_cell_length(width, self.rich_style)

    def _row(self, y: int) -> Strip:
        rows = self._modules
        if self.full_block:
            if y >= len(rows):
                return Strip.blank(self.needed.width)
            return Strip(
                [Segment("  ", _DARK if dark else _DARK_ON_LIGHT) for dark in rows[y]],
                len(rows) * 2,
            )
        if y * 2 >= len(rows):
            return Strip.blank(self.needed.width)
        upper = rows[y * 2]
        lower = rows[y * 2 + 1] if y * 2 + 1 < len(rows) else [False] * len(rows)
        cells = "".join(
            "█" if top and bottom else "▀" if top else "▄" if bottom else " "
            for top, bottom in zip(upper, lower, strict=True)
        )
        return Strip([Segment(cells, _DARK_ON_LIGHT)], len(cells))
