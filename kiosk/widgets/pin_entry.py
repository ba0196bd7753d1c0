"""The field in which a PIN is typed."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kiosk.i18n import Translator
from kiosk.pin import PinBuffer
from kiosk.view import View
from kiosk.widgets.drawn import Drawn
from kiosk.widgets.presses import PRESSES, Typed, TypingFilter

DOT = "●"


class PinEntry(Drawn, Widget, can_focus=True):
    """A PIN as dots.

    Each character goes from its key event straight into the visit's `PinBuffer`; the
    widget keeps the number of characters only. It has no value, no selection and no
    clipboard. Textual's `Input` has all three, and leaves copies in memory after it
    is cleared.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", show=False),
        Binding("backspace", "backspace", show=False),
    ]

    class Submitted(Message):
        """Enter was pressed."""

    class Changed(Message):
        """The number of characters changed."""

        def __init__(self, *, erased: bool = False) -> None:
            super().__init__()
            self.erased = erased
            """A character was taken away, not typed."""

    class Refused(Message):
        """Something was not taken."""

        def __init__(self, hint: str) -> None:
            super().__init__()
            self.hint = hint
            """Message key of the reason."""

    def __init__(self, buffer: PinBuffer, *, digits: bool = False) -> None:
        """Make a field.

        Args:
            digits: nothing else is taken; this is the staff's PIN.
        """
        super().__init__()
        self._digits = digits
        self._buffer = buffer
        self._longest = buffer.CAPACITY
        self.incomplete = False
        """Something that was typed had no place, so what is here is not what was meant."""
        self._typing = TypingFilter()
        self._refused = False
        """Whether the last character from the keyboard had no room."""
        self._incomplete_before = False

    def draw(self, view: View, _t: Translator) -> None:
        """Follow the token's limits."""
        self._buffer = view.pin
        self._longest = min(view.pin_length[1], self._buffer.CAPACITY)
        self.refresh()

    def type_character(self, character: str) -> None:
        """Add one character, if a PIN may have it and there is room."""
        if self._digits and not (len(character) == 1 and "0" <= character <= "9"):
            self.incomplete = True
            self.post_message(self.Refused("staff_login.digits"))
        elif len(character) != 1 or not "!" <= character <= "~":
            self.incomplete = True
            self.post_message(self.Refused("pin.hint.characters"))
        elif len(self._buffer) >= self._longest:
            self.incomplete = True
            self.post_message(self.Refused("pin.hint.long"))
        elif not self._buffer.append(character):
            self.post_message(self.Refused("pin.hint.long"))
        else:
            self._changed()

    def action_backspace(self) -> None:
        """Take the last character away."""
        if not PRESSES.types("backspace", time.monotonic()):
            # It has answered the question that lay over this, and is still held.
            return
        before = len(self._buffer)
        self._buffer.backspace()
        if len(self._buffer) != before:
            self._changed(erased=True)

    def action_submit(self) -> None:
        """Say that the PIN is complete. What is typed from now on is not part of it."""
        self._buffer.seal()
        self.post_message(self.Submitted())

    def clear(self) -> None:
        """Wipe what was typed. Whoever calls this knows, so no `Changed` takes their hint away."""
        self._buffer.clear()
        self.incomplete = False
        PRESSES.missed = False
        self.refresh()

    def _changed(self, *, erased: bool = False) -> None:
        self.refresh()
        self.post_message(self.Changed(erased=erased))

    def on_key(self, event: events.Key) -> None:
        """Take what is typed on the keyboard."""
        if event.is_printable and event.character is not None:
            event.stop()
            event.prevent_default()
            if PRESSES.types(event.key, event.time):
                self._take(event.character, event.time)
            else:
                PRESSES.missed = True

    def _take(self, character: str, at: float) -> None:
        """Add a character from the keyboard, unless it is there because a key is held down."""
        match self._typing.judge(self._buffer.ends_with(character), at):
            case Typed.TAKE:
                before, self._incomplete_before = len(self._buffer), self.incomplete
                self.type_character(character)
                self._refused = len(self._buffer) == before
            case Typed.TAKE_BACK if self._refused:
                self.incomplete = self._incomplete_before
            case Typed.TAKE_BACK:
                self.action_backspace()

    def on_paste(self, event: events.Paste) -> None:
        """Refuse: a PIN on a clipboard stays there for the next customer."""
        event.stop()
        event.prevent_default()
        self.post_message(self.Refused("hint.paste"))

    def get_content_width(self, container: Size, _viewport: Size) -> int:
        """As wide as it may be."""
        return container.width

    def get_content_height(self, _container: Size, _viewport: Size, _width: int) -> int:
        """One line."""
        return 1

    def render_line(self, _y: int) -> Strip:
        """Draw the dots, and a bar where the next one comes."""
        count = len(self._buffer)
        width = self.size.width
        wide = count * 2 + 1 <= width
        dots = (f"{DOT} " if wide else DOT) * count
        dots = dots[-(width - 1) :] + ("▏" if self.has_focus else " ")
        return Strip([Segment(dots.center(width), self.rich_style)]).crop(0, width)
