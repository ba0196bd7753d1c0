"""The least that Textual can show: one label. `python -m tests.speed.bare_label`"""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Label

TEXT = "A label and nothing else"


class BareApp(App[None]):
    """A Textual application as its tutorial begins."""

    def compose(self) -> ComposeResult:
        """One label."""
        yield Label(TEXT)


if __name__ == "__main__":
    BareApp().run()
