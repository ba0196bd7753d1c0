"""The PIN."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from kiosk.flow import Cancelled, PinConfirmed
from kiosk.screens.pin_typing import PinTypingScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawings import COVER
from kiosk.widgets.drawn import Words
from kiosk.widgets.hint import Hint
from kiosk.widgets.key_grid import PIN_PAGES, KeyGrid
from kiosk.widgets.picture import Picture
from kiosk.widgets.pin_entry import PinEntry


class PinScreen(PinTypingScreen):
    """`State.PIN`. With `View.pin_pad` the PIN is typed on the reader, and nothing here."""

    STEP = 4

    def body(self) -> ComposeResult:
        """Take the PIN, or say where to type it."""
        if self.view.pin_pad:
            yield Words("pin.title", "title")
            yield Words("pin.pad", "text")
            yield Words("pin.warning", "text warning")
            yield Picture(COVER)
            return
        with Horizontal(classes="columns"):
            with Vertical(classes="words"):
                yield Words("pin.title", "title")
                yield Words("pin.text", "text")
                yield PinEntry(self.view.pin)
                yield Hint()
                yield Words("pin.warning", "text warning")
                yield Picture(COVER, "cover")
            with Vertical(classes="pad"):
                yield KeyGrid(PIN_PAGES, self._type, self._backspace, column=4)

    def actions(self) -> Iterable[ActionButton]:
        """Confirm, clear, out."""
        yield ActionButton("pin.confirm", widget_id="confirm", primary=True)
        yield ActionButton("pin.clear", widget_id="clear", when=lambda v: not v.pin_pad)
        yield ActionButton("button.cancel", Cancelled, escape=True)

    def confirm(self) -> None:
        """Take the PIN, or say what is missing."""
        pin = self.view.pin
        if self.view.pin_pad:
            pin.wipe()
        elif self.query_one(PinEntry).incomplete:
            self.ask_again("pin.hint.again")
            return
        elif len(pin) < self.view.pin_length[0]:
            pin.release()
            self.query_one(Hint).say("pin.hint.short" if len(pin) else "pin.hint.empty")
            self.set_focus(self.query_one(PinEntry))
            return
        pin.seal()
        self.raise_event(PinConfirmed())
