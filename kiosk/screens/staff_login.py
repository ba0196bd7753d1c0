"""The staff PIN."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from kiosk.flow import StaffLeft, StaffPinEntered
from kiosk.i18n import Translator
from kiosk.screens.pin_typing import PinTypingScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words
from kiosk.widgets.hint import Hint
from kiosk.widgets.key_grid import KeyGrid
from kiosk.widgets.keyboards import DIGITS, shuffled_digits, staff_pin_pages
from kiosk.widgets.pin_entry import PinEntry
from kiosk.widgets.presses import PRESSES

PAD_WIDTHS = ((200, 45), (0, 36))


class StaffLoginScreen(PinTypingScreen):
    """`State.STAFF_LOGIN`. The PIN goes where a customer's goes: into the one PIN buffer."""

    FORGETS_KEYS = True

    FOR_STAFF = True

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._asked_again = False
        """Whether what was typed last was not even looked at; what became of the PIN before is
        told no more then."""

    def body(self) -> ComposeResult:
        """Take the PIN, and say how long nobody looks at one."""
        with Horizontal(classes="columns"):
            with Vertical(classes="words"):
                yield Words("staff_login.title", "title")
                yield Words("staff_login.text", "text")
                yield PinEntry(self.view.pin, digits=True)
                yield Hint()
                yield Words(self._standing, "status")
            with Vertical(classes="pad"):
                digits = shuffled_digits() if self.view.shuffle_pin_pad else DIGITS
                yield self.pad(staff_pin_pages(digits), PAD_WIDTHS)

    def actions(self) -> Iterable[ActionButton]:
        """Confirm, clear, out."""
        yield ActionButton("pin.confirm", widget_id="confirm", primary=True)
        yield ActionButton("pin.clear", widget_id="clear")
        yield ActionButton("staff.leave", StaffLeft, escape=True)

    def show(self, view: View) -> None:
        """Draw the view, after each PIN with the digits in another order if they are shuffled."""
        checked = self.view.staff_mode.checking and not view.staff_mode.checking
        super().show(view)
        if checked and view.shuffle_pin_pad and self.is_mounted:
            self.query_one(KeyGrid).turn_to(staff_pin_pages(shuffled_digits()))

    @property
    def _staff_can_be_called(self) -> bool:
        return False

    def confirm(self) -> None:
        """Take the PIN, or say what it is made of: what is too short is certainly wrong."""
        entry, pin = self.query_one(PinEntry), self.view.pin
        self.set_focus(entry)
        if self.view.staff_mode.checking:
            return
        if entry.incomplete or PRESSES.missed or len(pin) < self.view.pin_length[0]:
            self._ask_again()
            return
        self._asked_again = False
        pin.seal()
        if not self.raise_event(StaffPinEntered()):
            pin.release()

    def _ask_again(self) -> None:
        self._asked_again = True
        self.ask_again("staff_login.again")
        self.query_one(".status", Words).on_mount()

    def _standing(self, view: View, t: Translator) -> str:
        """What became of the last PIN, and how long none is looked at."""
        standing = view.staff_mode
        if standing.checking:
            return t("staff_login.checking")
        parts = []
        if standing.unchecked and not self._asked_again:
            parts.append(t("staff_login.unchecked"))
        elif standing.refused and not self._asked_again:
            parts.append(t("staff_login.wrong"))
        if standing.wait:
            minutes, seconds = divmod(standing.wait, 60)
            parts.append(t("staff_login.wait", time=f"{minutes}:{seconds:02}"))
        return " ".join(parts)
