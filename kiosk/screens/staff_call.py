"""Staff have been called."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import StaffCallCancelled, StaffCallClosed
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words


class StaffCallScreen(JourneyScreen):
    """`Overlay.STAFF_CALL`. The customer may go on while somebody is on the way."""

    def body(self) -> ComposeResult:
        """Say so, and warn of the one thing staff never ask."""
        yield Words("staff_call.title", "title")
        yield Words("staff_call.text", "text")
        yield Words("staff_call.pin", "text warning")

    def actions(self) -> Iterable[ActionButton]:
        """Go on, or take the call back."""
        yield ActionButton("staff_call.go_on", StaffCallClosed, primary=True, escape=True)
        yield ActionButton("staff_call.cancel", StaffCallCancelled)
