"""Keys on the screen, for kiosks with a touch screen and people with a mouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Offset, Size
from textual.strip import Strip
from textual.widget import Widget

from kiosk.styles.tokens import TALL_SCREEN


@dataclass(frozen=True, slots=True)
class Key:
    """One key: types its label, or does something else."""

    label: str
    does: str = ""
    """Empty: types the label. Else `backspace`, `shift`, or the name of another page."""
    width: int = 1
    """Columns of the grid that it takes."""


def typing(characters: str) -> list[Key]:
    """Return one typing key per character."""
    return [Key(character) for character in characters]


BACKSPACE = Key("←", "backspace")

Page = Sequence[Sequence[Key]]

PIN_PAGES: Mapping[str, Page] = {
    "digits": [
        typing("123"),
        typing("456"),
        typing("789"),
        [Key("abc", "letters"), Key("0"), BACKSPACE],
    ],
    "letters": [
        typing("qwertyuiop"),
        typing("asdfghjkl"),
        [Key("Aa", "shift"), *typing("zxcvbnm")],
        [Key("123", "digits", 3), Key("#@!", "symbols", 3), Key("←", "backspace", 4)],
    ],
    "symbols": [
        typing("!@#$%^&*()"),
        typing("-_=+[]{}\\|"),
        typing(";:'\",.<>/?"),
        [
            Key("123", "digits", 3),
            *typing("~`"),
            Key("abc", "letters", 2),
            Key("←", "backspace", 3),
        ],
    ],
}
"""A digit pad, and behind it the rest of printable ASCII."""

STAFF_PIN_PAGES: Mapping[str, Page] = {
    "digits": [typing("123"), typing("456"), typing("789"), [Key("0", width=2), BACKSPACE]]
}
"""Digits alone: a staff PIN has nothing else."""

USERNAME_PAGES: Mapping[str, Page] = {
    "all": [
        [*typing("1234567890"), BACKSPACE],
        typing("qwertyuiop@"),
        typing("asdfghjkl-_"),
        [Key("Aa", "shift", 2), *typing("zxcvbnm.")],
    ]
}
"""Letters, digits and what usernames are joined with."""


class KeyGrid(Widget):
    """A page of keys that calls back for each one pressed.

    It takes no focus, so that a finger on a key leaves the cursor in the field. It calls
    back directly, because a message would carry the typed character through queues and
    logs, and one of these grids types a PIN.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-grid--cap", "key-grid--command"}

    def __init__(
        self,
        pages: Mapping[str, Page],
        type_character: Callable[[str], None],
        backspace: Callable[[], None],
        *,
        column: int,
    ) -> None:
        super().__init__()
        self._pages = pages
        self._page = next(iter(pages))
        self._shifted = False
        self._type = type_character
        self._backspace = backspace
        self._column = column

    @property
    def page(self) -> Page:
        """The keys that are shown."""
        return self._pages[self._page]

    @property
    def _columns(self) -> int:
        return max(sum(key.width for key in row) for row in self.page)

    @property
    def _cell(self) -> int:
        """Width of a column, in cells: pages with few columns have wider keys."""
        return self._column if self._columns > 3 else self._column * 2

    @property
    def _pitch(self) -> int:
        """Rows from one row of keys to the next: a drawn key, or a line and a gap."""
        return 3 if self.app.size.height >= TALL_SCREEN else 2

    def get_content_width(self, _container: Size, _viewport: Size) -> int:
        """Width of the widest page, so that turning a page moves nothing else."""
        return max(
            columns * (self._column if columns > 3 else self._column * 2)
            for columns in (
                max(sum(key.width for key in row) for row in page) for page in self._pages.values()
            )
        )

    def get_content_height(self, _container: Size, _viewport: Size, _width: int) -> int:
        """Height of all rows of keys."""
        rows = len(self.page)
        return rows * 3 if self._pitch == 3 else rows * 2 - 1

    def _label(self, key: Key) -> str:
        return key.label.upper() if self._shifted and not key.does else key.label

    def _left(self, row: Sequence[Key]) -> int:
        """Cells to the left of a row: rows are centred."""
        return max(0, (self.size.width - sum(key.width for key in row) * self._cell) // 2)

    def render_line(self, y: int) -> Strip:
        """Draw one line of cells."""
        row_index, line = divmod(y, self._pitch)
        if row_index >= len(self.page) or (self._pitch == 2 and line):
            return Strip.blank(self.size.width, self.rich_style)
        row = self.page[row_index]
        left = self._left(row)
        segments = [Segment(" " * left, self.rich_style)]
        for key in row:
            style = self.get_component_rich_style(
                "key-grid--command" if key.does else "key-grid--cap"
            )
            inner = key.width * self._cell - 3
            label = self._label(key)
            if self._pitch != 3:
                drawn = label.center(inner + 2)
            elif line == 1:
                drawn = f"│{label.center(inner)}│"
            else:
                corners = "╭╮" if line == 0 else "╰╯"
                drawn = corners[0] + "─" * inner + corners[1]
            segments += [Segment(drawn, style), Segment(" ", self.rich_style)]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def centre_of(self, label: str) -> Offset:
        """Where the key with this label is, from the widget's upper left corner.

        Raises:
            KeyError: the page has no such key.
        """
        for row_index, row in enumerate(self.page):
            x = self._left(row)
            for key in row:
                if self._label(key) == label:
                    y = row_index * self._pitch + (1 if self._pitch == 3 else 0)
                    return Offset(x + (key.width * self._cell - 1) // 2, y)
                x += key.width * self._cell
        raise KeyError(label)

    def on_click(self, event: events.Click) -> None:
        """Press the key that is under the finger; a finger between keys presses none."""
        event.stop()
        row_index, line = divmod(event.y, self._pitch)
        if row_index >= len(self.page) or (self._pitch == 2 and line):
            return
        x = event.x - self._left(self.page[row_index])
        for key in self.page[row_index]:
            width = key.width * self._cell
            if 0 <= x < width - 1:
                self._press(key)
                return
            x -= width

    def _press(self, key: Key) -> None:
        if key.does == "backspace":
            self._backspace()
        elif key.does == "shift":
            self._shifted = not self._shifted
            self.refresh()
        elif key.does:
            self._page, self._shifted = key.does, False
            self.refresh(layout=True)
        else:
            self._type(self._label(key))
