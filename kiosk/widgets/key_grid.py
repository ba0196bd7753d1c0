"""Keys on the screen, for kiosks with a touch screen and people with a mouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Offset, Size
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from kiosk.i18n import Translator
from kiosk.styles.tokens import LARGE_SCREEN, TALL_SCREEN
from kiosk.view import View
from kiosk.widgets.drawn import Drawn
from kiosk.widgets.keyboards import Key, Page

SHOWN_PRESSED = 0.2
"""Seconds for which a key that was pressed is seen to be."""


class KeyGrid(Drawn, Widget):
    """A page of keys that calls back for each one pressed.

    It takes no focus, so that a finger on a key leaves the cursor in the field. It calls
    back directly, because a message would carry the typed character through queues and
    logs, and one of these grids types a PIN.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "key-grid--cap",
        "key-grid--command",
        "key-grid--enter",
        "key-grid--pressed",
    }

    def __init__(
        self,
        pages: Mapping[str, Page],
        type_character: Callable[[str], None],
        commands: Mapping[str, Callable[[], None]],
        *,
        widths: Sequence[tuple[int, int]],
        shows_presses: bool = False,
    ) -> None:
        """Make a grid that shows the first page.

        Args:
            pages: the keys, by the pages' names.
            type_character: called with each character.
            commands: what `clear`, `backspace` and `enter` do.
            widths: columns of the screen and the grid's width from there on, the most first.
            shows_presses: a key that is pressed is seen to be; never where a PIN is typed.
        """
        super().__init__()
        self._pages = pages
        self._page = self._letters = next(iter(pages))
        self._shifted = False
        self._type = type_character
        self._commands = commands
        self._widths = widths
        self._shows_presses = shows_presses
        self._pressed: Key | None = None
        self._pressed_timer: Timer | None = None
        self._t: Translator | None = None

    def draw(self, _view: View, t: Translator) -> None:
        """Speak the customer's language."""
        if self._t is not t:
            self._t = t
            self.refresh()

    def turn_to(self, pages: Mapping[str, Page]) -> None:
        """Show the first of other pages, such as those with the digits in another order."""
        self._pages = pages
        self._page = self._letters = next(iter(pages))
        self.refresh(layout=True)

    @property
    def page(self) -> Page:
        """The keys that are shown."""
        return self._pages[self._page]

    @property
    def _cell(self) -> int:
        """Width of a column, in cells: pages with few columns have wider keys."""
        return self.size.width // max(sum(key.width for key in row) for row in self.page)

    @property
    def _rows(self) -> int:
        """Height of a key."""
        height = self.app.size.height
        return 5 if height >= LARGE_SCREEN else 3 if height >= TALL_SCREEN else 1

    @property
    def _pitch(self) -> int:
        """Rows from one row of keys to the next: a drawn key, or a line and a gap."""
        return max(2, self._rows)

    def get_content_width(self, _container: Size, _viewport: Size) -> int:
        """The width for this screen, so that turning a page moves nothing else."""
        columns = self.app.size.width
        return next(width for least, width in self._widths if columns >= least)

    def get_content_height(self, _container: Size, _viewport: Size, _width: int) -> int:
        """Height of all rows of keys."""
        return len(self.page) * self._pitch - (1 if self._rows == 1 else 0)

    def label(self, key: Key) -> str:
        """What stands on a key now."""
        if key.spoken:
            return self._t(key.label) if self._t is not None else ""
        return key.label.upper() if self._shifted and not key.does else key.label

    def _left(self, row: Sequence[Key]) -> int:
        """Cells to the left of a row: rows are centred."""
        return max(0, (self.size.width - sum(key.width for key in row) * self._cell) // 2)

    def render_line(self, y: int) -> Strip:
        """Draw one line of cells."""
        row_index, line = divmod(y, self._pitch)
        if row_index >= len(self.page) or line >= self._rows:
            return Strip.blank(self.size.width, self.rich_style)
        row = self.page[row_index]
        # Both are worked out anew whenever they are asked for.
        cell, paper = self._cell, self.rich_style
        segments = [Segment(" " * self._left(row), paper)]
        for key in row:
            look = "pressed" if key is self._pressed else _look(key)
            style = self.get_component_rich_style(f"key-grid--{look}")
            inner = key.width * cell - 3
            if self._rows == 1:
                drawn = _centred(self.label(key), inner + 2)
            elif line == 0:
                drawn = "╭" + "─" * inner + "╮"
            elif line == self._rows - 1:
                drawn = "╰" + "─" * inner + "╯"
            else:
                drawn = f"│{_centred(self.label(key) if line == self._rows // 2 else '', inner)}│"
            segments += [Segment(drawn, style), Segment(" ", paper)]
        return Strip(segments).adjust_cell_length(self.size.width, paper)

    def centre_of(self, label: str) -> Offset:
        """Where the key with this label is, from the widget's upper left corner.

        Raises:
            KeyError: the page has no such key.
        """
        for row_index, row in enumerate(self.page):
            x = self._left(row)
            for key in row:
                if self.label(key) == label:
                    y = row_index * self._pitch + self._rows // 2
                    return Offset(x + (key.width * self._cell - 1) // 2, y)
                x += key.width * self._cell
        raise KeyError(label)

    def on_click(self, event: events.Click) -> None:
        """Press the key that is under the finger; a finger between keys presses none."""
        event.stop()
        row_index, line = divmod(event.y, self._pitch)
        if row_index >= len(self.page) or line >= self._rows:
            return
        x = event.x - self._left(self.page[row_index])
        for key in self.page[row_index]:
            width = key.width * self._cell
            if 0 <= x < width - 1:
                self._press(key)
                return
            x -= width

    def _press(self, key: Key) -> None:
        if self._shows_presses:
            self._show_pressed(key)
        if key.does in self._commands:
            self._commands[key.does]()
        elif key.does == "space":
            self._type(" ")
        elif key.does == "shift":
            self._shifted = not self._shifted
            self.refresh()
        elif key.does:
            self._turn(key.does)
        else:
            self._type(self.label(key))

    def _turn(self, page: str) -> None:
        if page == "return":
            self._page = self._letters
        else:
            self._letters, self._page = self._page, page
        self._shifted = False
        self.refresh(layout=True)

    def _show_pressed(self, key: Key) -> None:
        if self._pressed_timer is not None:
            self._pressed_timer.stop()
        self._pressed = key
        self._pressed_timer = self.set_timer(SHOWN_PRESSED, self._show_released)
        self.refresh()

    def _show_released(self) -> None:
        self._pressed = self._pressed_timer = None
        self.refresh()


def _look(key: Key) -> str:
    if key.does == "enter":
        return "enter"
    return "command" if key.does else "cap"


def _centred(text: str, width: int) -> str:
    """The text in the middle of so many cells; letters of some languages take two."""
    left = max(0, width - cell_len(text)) // 2
    return " " * left + text + " " * max(0, width - cell_len(text) - left)
