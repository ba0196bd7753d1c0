"""Which way the customer goes."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.widget import Widget

from kiosk.flow import (
    Back,
    Cancelled,
    ForgotUsername,
    LookupAsked,
    LostMailbox,
    RememberedUsername,
)
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words


class ChooseCaseScreen(JourneyScreen):
    """`State.CHOOSE_CASE`. A forgotten username is found with the token where the service can
    do that, else by telephone."""

    STEP = 2
    AS_LIST = True

    def body(self) -> ComposeResult:
        """Offer the three cases."""
        yield Words("case.title", "title")
        yield ActionButton("case.username", RememberedUsername, "choice", primary=True, number=1)
        yield ActionButton(
            "case.forgotten", ForgotUsername, "choice", number=2, when=lambda v: not v.can_look_up
        )
        yield ActionButton(
            "case.look_up", LookupAsked, "choice", number=2, when=lambda v: v.can_look_up
        )
        yield ActionButton("case.mailbox", LostMailbox, "choice", number=3)

    def actions(self) -> Iterable[ActionButton]:
        """Back, or out."""
        yield ActionButton("button.back", Back, escape=True)
        yield ActionButton("button.cancel", Cancelled)

    def first_focus(self) -> Widget:
        """The first case."""
        return self.query(".choice").first()
