"""The least that takes what somebody types: one field. `python -m tests.speed.bare_input`"""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Input

TEXT = "field and nothing else"
"""In one piece: the cursor stands on the letter before it."""


class BareInputApp(App[None]):
    """A Textual application with a field that has the focus."""

    def compose(self) -> ComposeResult:
        """One field."""
        # A cursor that blinks would be taken for what a key has changed.
        field = Input(placeholder=f"A {TEXT}")
        field.cursor_blink = False
        yield field


if __name__ == "__main__":
    BareInputApp().run()
