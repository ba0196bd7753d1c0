"""The PIN."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from kiosk.flow import Cancelled, PinConfirmed
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words
from kiosk.widgets.hint import Hint
from kiosk.widgets.key_grid import PIN_PAGES, KeyGrid
from kiosk.widgets.pin_entry import PinEntry


class PinScreen(JourneyScreen):
    """`State.PIN`. With `View.pin_pad` the PIN is typed on the reader, and nothing here."""

    STEP = 4

    def body(self) -> ComposeResult:
        """Take the PIN, or say where to type it."""
        if self.view.pin_pad:
            yield Words("pin.title", "title")
            yield Words("pin.pad", "text")
            yield Words("pin.warning", "text warning")
            return
        with Horizontal(classes="columns"):
            with Vertical(classes="words"):
                yield Words("pin.title", "title")
                yield Words("pin.text", "text")
                yield PinEntry(self.view.pin)
                yield Hint()
                yield Words("pin.warning", "text warning")
            with Vertical(classes="pad"):
                yield KeyGrid(PIN_PAGES, self._type, self._backspace, column=4)

    def actions(self) -> Iterable[ActionButton]:
        """Confirm, clear, out."""
        yield ActionButton("pin.confirm", widget_id="confirm", primary=True)
        yield ActionButton("pin.clear", widget_id="clear", when=lambda v: not v.pin_pad)
        yield ActionButton("button.cancel", Cancelled, escape=True)

    def first_focus(self) -> Widget | None:
        """The field, if there is one."""
        return next(iter(self.query(PinEntry)), super().first_focus())

    def press(self, button: ActionButton) -> None:
        """Do what a button says."""
        if button.id == "confirm":
            self._confirm()
        elif button.id == "clear":
            entry = self.query_one(PinEntry)
            entry.clear()
            self.set_focus(entry)
        else:
            super().press(button)

    @on(PinEntry.Submitted)
    def _submitted(self) -> None:
        if self._is_too_soon():
            self.view.pin.release()
        else:
            self._confirm()

    def _confirm(self) -> None:
        if self.view.pin_pad:
            self.view.pin.wipe()
        elif (entry := self.query_one(PinEntry)).incomplete:
            # A PIN that was cut short would cost one of the token's tries.
            self.view.pin.release()
            entry.clear()
            self.call_after_refresh(self.query_one(Hint).say, "pin.hint.again")
            self.set_focus(entry)
            return
        elif len(self.view.pin) < self.view.pin_length[0]:
            self.view.pin.release()
            self.query_one(Hint).say("pin.hint.short" if len(self.view.pin) else "pin.hint.empty")
            self.set_focus(self.query_one(PinEntry))
            return
        self.view.pin.seal()
        self.raise_event(PinConfirmed())

    @on(PinEntry.Changed)
    def _changed(self) -> None:
        self.query_one(Hint).say("")

    @on(PinEntry.Refused)
    def _refused(self, message: PinEntry.Refused) -> None:
        self.query_one(Hint).say(message.hint)

    def _type(self, character: str) -> None:
        self.query_one(PinEntry).type_character(character)

    def _backspace(self) -> None:
        self.query_one(PinEntry).action_backspace()
