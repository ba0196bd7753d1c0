"""A page of text over everything: what a demonstration or a technician wants to read."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from kiosk.i18n import LANGUAGES, translator
from kiosk.widgets.presses import POINTER, PRESSES

SCROLLING: dict[str, Callable[[Widget], None]] = {
    "up": lambda text: text.scroll_up(animate=False),
    "down": lambda text: text.scroll_down(animate=False),
    "pageup": lambda text: text.scroll_page_up(animate=False),
    "pagedown": lambda text: text.scroll_page_down(animate=False),
}
"""What the keys do that do not close the page."""


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
            with VerticalScroll(id="note-text", can_focus=False):
                yield Static(Content(self._text), markup=False)
            yield Static(Content(close), markup=False, classes="note-close")

    def on_key(self, event: events.Key) -> None:
        """Scroll, or close; a key that is held down does nothing to the screen below."""
        event.stop()
        PRESSES.judge(event.key, event.time)
        if scroll := SCROLLING.get(event.key):
            scroll(self.query_one("#note-text"))
        elif self.is_current:
            self.dismiss()

    def on_click(self, event: events.Click) -> None:
        """Close."""
        event.stop()
        PRESSES.judge(POINTER, event.time)
        if self.is_current:
            self.dismiss()
