"""What the screens have in common on which a PIN is typed: a customer's and staff's."""

from __future__ import annotations

from abc import abstractmethod

from textual import on
from textual.widget import Widget

from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.hint import Hint
from kiosk.widgets.pin_entry import PinEntry


class PinTypingScreen(JourneyScreen):
    """A screen with a `PinEntry`, a `Hint`, keys to touch, and the buttons `confirm` and
    `clear`. Where a PIN is typed on the reader, the field is not there."""

    @abstractmethod
    def confirm(self) -> None:
        """Take what was typed, or say why not."""

    def first_focus(self) -> Widget | None:
        """The field, if there is one."""
        return next(iter(self.query(PinEntry)), super().first_focus())

    def press(self, button: ActionButton) -> None:
        """Do what a button says."""
        if button.id == "confirm":
            self.confirm()
        elif button.id == "clear":
            entry = self.query_one(PinEntry)
            entry.clear()
            self.query_one(Hint).say("")
            self.set_focus(entry)
        else:
            super().press(button)

    def ask_again(self, hint: str) -> None:
        """Have the PIN typed anew: it is not what was meant, and would cost a try.

        Args:
            hint: key of the message that says so.
        """
        entry = self.query_one(PinEntry)
        self.view.pin.release()
        entry.clear()
        self.query_one(Hint).say(hint)
        self.set_focus(entry)

    @on(PinEntry.Submitted)
    def _submitted(self) -> None:
        if self._is_too_soon():
            self.view.pin.release()
        else:
            self.confirm()

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
