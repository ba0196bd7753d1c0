"""The staff PIN."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from kiosk.flow import StaffLeft, StaffPinEntered
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words
from kiosk.widgets.hint import Hint
from kiosk.widgets.key_grid import STAFF_PIN_PAGES, KeyGrid
from kiosk.widgets.pin_entry import PinEntry


class StaffLoginScreen(JourneyScreen):
    """`State.STAFF_LOGIN`. The PIN goes where a customer's goes: into the one PIN buffer."""

    def body(self) -> ComposeResult:
        """Take the PIN, and say how long nobody looks at one."""
        with Horizontal(classes="columns"):
            with Vertical(classes="words"):
                yield Words("staff_login.title", "title")
                yield Words("staff_login.text", "text")
                yield PinEntry(self.view.pin, digits=True)
                yield Hint()
                yield Words(_standing, "status")
            with Vertical(classes="pad"):
                yield KeyGrid(STAFF_PIN_PAGES, self._type, self._backspace, column=4)

    def actions(self) -> Iterable[ActionButton]:
        """Confirm, clear, out."""
        yield ActionButton("pin.confirm", widget_id="confirm", primary=True)
        yield ActionButton("pin.clear", widget_id="clear")
        yield ActionButton("staff.leave", StaffLeft, escape=True)

    def first_focus(self) -> Widget:
        """The field."""
        return self.query_one(PinEntry)

    @property
    def _staff_can_be_called(self) -> bool:
        return False

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
        entry, pin = self.query_one(PinEntry), self.view.pin
        self.set_focus(entry)
        if self.view.staff_mode.checking:
            return
        if entry.incomplete or len(pin) < self.view.pin_length[0]:
            # Something was left out, so it is certainly wrong, and would cost a try.
            pin.release()
            entry.clear()
            self.call_after_refresh(self.query_one(Hint).say, "staff_login.again")
            return
        pin.seal()
        self.raise_event(StaffPinEntered())

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


def _standing(view: View, t: Translator) -> str:
    """What became of the last PIN, and how long none is looked at."""
    standing = view.staff_mode
    if standing.checking:
        return t("staff.running")
    parts = [t("staff_login.wrong")] if standing.refused else []
    if standing.wait:
        minutes, seconds = divmod(standing.wait, 60)
        parts.append(t("staff_login.wait", time=f"{minutes}:{seconds:02}"))
    return " ".join(parts)
