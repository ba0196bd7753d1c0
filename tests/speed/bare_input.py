"""The least that takes what somebody types: one field. `python -m tests.speed.bare_input [two]`

With `two`, there is another field below it, and Tab moves the focus.
"""

from __future__ import annotations

import sys

from textual.app import App, ComposeResult
from textual.widgets import Input

TEXT, OTHER = TEXTS = ("field and nothing else", "second field")
"""Each in one piece: the cursor stands on the letter before it."""


class BareInputApp(App[None]):
    """A Textual application with a field that has the focus."""

    def __init__(self, *texts: str) -> None:
        """Have a field for each text, which it shows."""
        super().__init__()
        self._texts = texts

    def compose(self) -> ComposeResult:
        """The fields."""
        for text in self._texts:
            # A cursor that blinks would be taken for what a key has changed.
            field = Input(placeholder=f"A {text}")
            field.cursor_blink = False
            yield field


if __name__ == "__main__":
    BareInputApp(*(TEXTS if sys.argv[1:] == ["two"] else TEXTS[:1])).run()
