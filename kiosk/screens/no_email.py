"""No mail has come."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Back, Finished, ResendAsked, StaffCalled
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.checklist import checklist
from kiosk.widgets.drawn import Words


class NoEmailScreen(JourneyScreen):
    """`State.NO_EMAIL`."""

    AS_LIST = True

    def body(self) -> ComposeResult:
        """Say where to look and whom to ask."""
        yield Words("no_email.title", "title")
        yield from checklist("no_email.spam", "no_email.resend", "no_email.call")

    def actions(self) -> Iterable[ActionButton]:
        """Send again, staff, back, out."""
        yield ActionButton("no_email.send", ResendAsked, primary=True)
        yield ActionButton("button.call_staff", StaffCalled)
        yield ActionButton("button.back", Back, escape=True)
        yield ActionButton("button.finish", Finished)
