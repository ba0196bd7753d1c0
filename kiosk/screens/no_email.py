"""No mail has come: where to look, and having it sent again within the limits."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Back, Finished, ResendAsked, StaffCalled
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.checklist import checklist
from kiosk.widgets.drawings import LETTER_WANTED
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture


class NoEmailScreen(JourneyScreen):
    """`State.NO_EMAIL`."""

    AS_LIST = True

    def body(self) -> ComposeResult:
        """Say where to look and whom to ask."""
        yield Words("no_email.title", "title")
        yield Words("no_email.delivered", "text strong", when=lambda v: v.delivery == "delivered")
        yield from checklist("no_email.spam", _resend, "no_email.call")
        yield Picture(LETTER_WANTED)

    def actions(self) -> Iterable[ActionButton]:
        """Send again, staff, back, out."""
        yield ActionButton("no_email.send", ResendAsked, primary=True, when=_can_resend)
        yield ActionButton("button.call_staff", StaffCalled)
        yield ActionButton("button.back", Back, escape=True)
        yield ActionButton("button.finish", Finished)

    def first_focus(self) -> ActionButton:
        """Sending again, or back while that cannot be had."""
        return self._actions[0 if _can_resend(self.view) else 2]

    def show(self, view: View) -> None:
        """Draw; who was about to send again is not left on another button than the way back."""
        was_there = self.focused is self._actions[0]
        super().show(view)
        if was_there and not _can_resend(view):
            self.call_after_refresh(self.set_focus, self.first_focus())


def _can_resend(view: View) -> bool:
    return view.resends_left != 0 and not view.resend_wait


def _resend(view: View, t: Translator) -> str:
    if view.resends_left == 0:
        return t("no_email.used_up")
    if view.resend_wait:
        return t("no_email.wait", seconds=view.resend_wait)
    return t("no_email.resend")
