"""The token or its driver does not answer."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Finished, StaffCalled
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawings import REMOVE
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture


class TokenStalledScreen(JourneyScreen):
    """`State.TOKEN_STALLED`. Nothing helps but to remove the token, which is noticed without
    a key press; then the customer may start over."""

    STEP = 3
    SETTLE = 1.0

    def body(self) -> ComposeResult:
        """Ask to remove it."""
        yield Words("problem.token_stalled.title", "title alarm")
        yield Words("problem.token_stalled.text", "text")
        yield Picture(REMOVE)
        yield Words("stalled.waiting", "status")

    def actions(self) -> Iterable[ActionButton]:
        """Staff, out."""
        yield ActionButton("button.call_staff", StaffCalled, primary=True)
        yield ActionButton("button.finish", Finished, escape=True)
