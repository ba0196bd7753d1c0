"""The PIN."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from kiosk.flow import Back, Cancelled, PinConfirmed
from kiosk.screens.pin_typing import PinTypingScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawings import COVER
from kiosk.widgets.drawn import Words
from kiosk.widgets.hint import Hint
from kiosk.widgets.keyboards import DIGITS, pin_pages, shuffled_digits
from kiosk.widgets.picture import Picture
from kiosk.widgets.pin_entry import PinEntry
from kiosk.widgets.presses import PRESSES

PAD_WIDTHS = ((120, 66), (0, 44))


class PinScreen(PinTypingScreen):
    """`State.PIN`. With `View.pin_pad` the PIN is typed on the reader, and nothing here."""

    STEP = 4

    def body(self) -> ComposeResult:
        """Take the PIN, or say where to type it."""
        if self.view.pin_pad:
            yield Words("pin.title", "title")
            yield _last_try()
            yield Words("pin.pad", "text")
            yield Words("pin.warning", "text warning")
            yield Picture(COVER)
            return
        with Horizontal(classes="columns"):
            with Vertical(classes="words"):
                yield Words("pin.title", "title")
                yield _last_try()
                yield Words("pin.text", "text")
                yield PinEntry(self.view.pin)
                yield Hint()
                yield Words("pin.warning", "text warning")
                yield Picture(COVER, "cover", when=lambda v: not v.last_try)
            with Vertical(classes="pad"):
                digits = shuffled_digits() if self.view.shuffle_pin_pad else DIGITS
                yield self.pad(pin_pages(digits), PAD_WIDTHS)

    def actions(self) -> Iterable[ActionButton]:
        """Confirm, clear, back to a mistyped username, out."""
        yield ActionButton("pin.confirm", widget_id="confirm", primary=True)
        yield ActionButton("pin.clear", widget_id="clear", when=lambda v: not v.pin_pad)
        # Who had the username looked up has typed none that could be mended.
        yield ActionButton("button.back", Back, escape=True, when=lambda v: bool(v.username))
        yield ActionButton("button.cancel", Cancelled, escape=True)

    def confirm(self) -> None:
        """Take the PIN, or say what is missing."""
        pin = self.view.pin
        if self.view.pin_pad:
            pin.wipe()
        elif self.query_one(PinEntry).incomplete:
            self.ask_again("pin.hint.again")
            return
        elif PRESSES.missed:
            self.ask_again("pin.hint.missed")
            return
        elif len(pin) < self.view.pin_length[0]:
            pin.release()
            self.query_one(Hint).say("pin.hint.short" if len(pin) else "pin.hint.empty")
            self.set_focus(self.query_one(PinEntry))
            return
        pin.seal()
        if not self.raise_event(PinConfirmed()):
            pin.release()


def _last_try() -> Words:
    """Whoever has insisted is told once more, where it counts."""
    return Words("pin.last_try", "text last-try", when=lambda v: v.last_try)
