"""Two screens that F2 switches between: `python -m tests.speed.bare_screens label|page`

With `label`, each is one label: the least that a switch can cost. With `page`, each has the words
and buttons of the screen that the kiosk is measured with, in Textual's own widgets as they come:
a head with a name and three buttons, the steps, a title, four choices, two buttons, a foot that
names the keys; no colours, no distances, no languages.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Label

TITLES = ("This is the first screen", "This is the second screen")


class BareScreen(Screen[None]):
    """One of the two."""

    def __init__(self, number: int, *, page: bool) -> None:
        super().__init__()
        self.number = number
        self._page = page

    def compose(self) -> ComposeResult:
        """The label, or the page."""
        if self._page:
            yield from self._whole_page()
        else:
            yield Label(TITLES[self.number])

    def _whole_page(self) -> Iterable[Widget]:
        with Horizontal():
            yield Label("A name")
            yield Label("What this machine does")
            for words in ("Language", "Contrast", "Staff"):
                yield Button(words)
        yield Label("1 First  2 Second  3 Third  4 Fourth  5 Fifth")
        with Vertical():
            yield Label(TITLES[self.number])
            for number in range(4):
                yield Button(f"{number + 1}  One of the ways to go on from here")
        with Horizontal():
            for words in ("Back", "Cancel"):
                yield Button(words)
        yield Label("Tab: next   Enter: press   Esc: back")


class BareSwitchApp(App[None]):
    """A Textual application whose key makes a new screen and switches to it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "other", show=False)]

    def __init__(self, *, page: bool) -> None:
        super().__init__()
        self._page = page
        self._number = 0

    def on_mount(self) -> None:
        """Show the first."""
        self.push_screen(BareScreen(0, page=self._page))

    def action_other(self) -> None:
        """Show the other one."""
        self._number = 1 - self._number
        self.switch_screen(BareScreen(self._number, page=self._page))


if __name__ == "__main__":
    BareSwitchApp(page=sys.argv[1:] == ["page"]).run()
