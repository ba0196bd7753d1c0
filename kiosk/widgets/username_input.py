"""The field in which a username is typed."""

from __future__ import annotations

import unicodedata
from typing import ClassVar, Self

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Input

from kiosk.widgets.presses import PRESSES

LONGEST_USERNAME = 128
"""Characters. The username's format is not published; this bounds what is sent."""


class UsernameInput(Input, inherit_bindings=False):
    """A line of text without clipboard: what one customer copies, the next could paste."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "cursor_left", show=False),
        Binding("right", "cursor_right", show=False),
        Binding("home", "home", show=False),
        Binding("end", "end", show=False),
        Binding("backspace", "delete_left", show=False),
        Binding("delete", "delete_right", show=False),
        Binding("enter", "submit", show=False),
    ]

    class PasteRefused(Message):
        """Somebody tried to paste."""

    def __init__(self, value: str) -> None:
        super().__init__(
            value, max_length=LONGEST_USERNAME, select_on_focus=False, highlighter=None
        )
        self.cursor_blink = False
        self._changing = False

    def _watch_value(self, value: str) -> None:
        self._changing = True
        try:
            super()._watch_value(value)
        finally:
            self._changing = False

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Draw again. Textual lays the whole screen out for every character that is typed, as if
        the field grew with it; this one does not."""
        layout = layout and not self._changing
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    @property
    def username(self) -> str:
        """What was typed, trimmed and in NFC: terminals may deliver decomposed letters."""
        return unicodedata.normalize("NFC", self.value).strip()

    async def _on_key(self, event: events.Key) -> None:
        """Take what is typed, but not the rest of a digit that is held since it chose something."""
        if event.is_printable and not PRESSES.types(event.key, event.time):
            event.stop()
            event.prevent_default()
            return
        await super()._on_key(event)

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.post_message(self.PasteRefused())

    def restricted(self) -> None:
        """Stay silent where Textual would ring the terminal's bell."""
