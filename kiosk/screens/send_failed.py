"""The order to send the mail did not reach the service."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Finished, Retried, StaffCalled
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawings import LETTER_FAILED
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture


class SendFailedScreen(JourneyScreen):
    """`State.SEND_FAILED`."""

    STEP = 5

    def body(self) -> ComposeResult:
        """Say so, and that nothing has changed."""
        yield Words("send_failed.title", "title alarm")
        yield Words("send_failed.text", "text")
        yield Picture(LETTER_FAILED)

    def actions(self) -> Iterable[ActionButton]:
        """Again, staff, out."""
        yield ActionButton("button.again", Retried, primary=True)
        yield ActionButton("button.call_staff", StaffCalled)
        yield ActionButton("button.finish", Finished, escape=True)
