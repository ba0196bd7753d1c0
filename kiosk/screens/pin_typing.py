"""What the screens have in common on which a PIN is typed: a customer's and staff's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from textual import on
from textual.widget import Widget

from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.hint import Hint
from kiosk.widgets.key_grid import KeyGrid
from kiosk.widgets.keyboards import Page
from kiosk.widgets.pin_entry import PinEntry


class PinTypingScreen(JourneyScreen):
    """A screen with a `PinEntry`, a `Hint`, keys to touch, and the buttons `confirm` and
    `clear`. Where a PIN is typed on the reader, the field is not there."""

    FORGETS_KEYS = False

    @abstractmethod
    def confirm(self) -> None:
        """Take what was typed, or say why not."""

    def pad(self, pages: Mapping[str, Page], widths: Sequence[tuple[int, int]]) -> KeyGrid:
        """Make the keys to touch. Which of them is pressed is never seen."""
        commands = {"clear": self._clear, "backspace": self._backspace, "enter": self._enter}
        return KeyGrid(pages, self._type, commands, widths=widths)

    def first_focus(self) -> Widget | None:
        """The field, if there is one."""
        return next(iter(self.query(PinEntry)), super().first_focus())

    def press(self, button: ActionButton) -> None:
        """Do what a button says."""
        if button.id == "confirm":
            self.confirm()
        elif button.id == "clear":
            self._clear()
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
        self.confirm()

    @on(PinEntry.Changed)
    def _changed(self) -> None:
        self.query_one(Hint).say("")

    @on(PinEntry.Refused)
    def _refused(self, message: PinEntry.Refused) -> None:
        self.query_one(Hint).say(message.hint)

    def _type(self, character: str) -> None:
        if not self._has_just_appeared():
            self.query_one(PinEntry).type_character(character)

    def _clear(self) -> None:
        entry = self.query_one(PinEntry)
        entry.clear()
        self.query_one(Hint).say("")
        self.set_focus(entry)

    def _enter(self) -> None:
        if not self._is_too_soon():
            self.confirm()

    def _backspace(self) -> None:
        self.query_one(PinEntry).action_backspace()
