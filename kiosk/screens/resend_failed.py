"""The mail could not be sent again."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Back, Finished, StaffCalled
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words


class ResendFailedScreen(JourneyScreen):
    """`State.RESEND_FAILED`. The first mail is on its way all the same."""

    def body(self) -> ComposeResult:
        """Say so, and what still holds."""
        yield Words("resend_failed.title", "title alarm")
        yield Words("resend_failed.text", "text")

    def actions(self) -> Iterable[ActionButton]:
        """Back to the result, staff, out."""
        yield ActionButton("resend_failed.back", Back, primary=True, escape=True)
        yield ActionButton("button.call_staff", StaffCalled)
        yield ActionButton("button.finish", Finished)
