"""More than one token is in."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Cancelled, StaffCalled
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawings import SEVERAL
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture


class SeveralTokensScreen(JourneyScreen):
    """`State.SEVERAL_TOKENS`. That one is left is noticed without a key press."""

    STEP = 3

    def body(self) -> ComposeResult:
        """Ask to leave one."""
        yield Words("problem.token_several.title", "title alarm")
        yield Words("problem.token_several.text", "text")
        yield Picture(SEVERAL)
        yield Words("several.waiting", "status")

    def actions(self) -> Iterable[ActionButton]:
        """Staff, out."""
        yield ActionButton("button.call_staff", StaffCalled)
        yield ActionButton("button.cancel", Cancelled, escape=True)

    def first_focus(self) -> None:
        """Nothing: the hand is at the tokens, and a stray Enter leads nowhere."""
