"""The token was pulled out before anything was sent."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Finished, Retried, StaffCalled
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawings import REMOVED
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture


class TokenRemovedScreen(JourneyScreen):
    """`State.TOKEN_REMOVED`."""

    def body(self) -> ComposeResult:
        """Say that nothing was sent."""
        yield Words("problem.token_removed.title", "title alarm")
        yield Words("problem.token_removed.text", "text")
        yield Picture(REMOVED)

    def actions(self) -> Iterable[ActionButton]:
        """Start over, staff, out."""
        yield ActionButton("token_removed.again", Retried, primary=True)
        yield ActionButton("button.call_staff", StaffCalled)
        yield ActionButton("button.finish", Finished, escape=True)
