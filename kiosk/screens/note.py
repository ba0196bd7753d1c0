"""A page of text over everything: what a demonstration or a technician wants to read."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from kiosk.i18n import LANGUAGES, translator


class NoteScreen(Screen[None], inherit_bindings=False):
    """Shows `text` as it is until a key or a click closes it."""

    AUTO_FOCUS = ""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Show the text, and how to close it."""
        close = " / ".join(translator(language)("note.close") for language in LANGUAGES)
        with Vertical(id="note-page"):
            yield Static(Content(self._text), markup=False, classes="note-text")
            yield Static(Content(close), markup=False, classes="note-close")

    def on_key(self, event: events.Key) -> None:
        """Close."""
        event.stop()
        if self.is_current:
            self.dismiss()

    def on_click(self, event: events.Click) -> None:
        """Close."""
        event.stop()
        if self.is_current:
            self.dismiss()
