"""The service knows no such account for this certificate."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Finished, LookupAsked, Retried, StaffCalled
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words


class NoMatchScreen(JourneyScreen):
    """`State.NO_MATCH`. It does not tell an unknown username from another's."""

    STEP = 4
    AS_LIST = True

    def body(self) -> ComposeResult:
        """Say so, and what to check."""
        yield Words("no_match.title", "title")
        yield Words("no_match.text", "text")

    def actions(self) -> Iterable[ActionButton]:
        """Again, with the token's help, staff, out."""
        yield ActionButton("no_match.again", Retried, primary=True)
        yield ActionButton("no_match.look_up", LookupAsked, when=lambda v: v.can_look_up)
        # The head of every screen calls staff; beside the lookup a second button has no room.
        yield ActionButton("button.call_staff", StaffCalled, when=lambda v: not v.can_look_up)
        yield ActionButton("button.finish", Finished, escape=True)
