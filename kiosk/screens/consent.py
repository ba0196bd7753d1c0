"""The personal data notice."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Agreed, Declined
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.checklist import points
from kiosk.widgets.drawn import Words


class ConsentScreen(JourneyScreen):
    """`State.CONSENT`.

    Personal data law 91/2025/QH15: consent is specific, never given beforehand, and
    refusing is as easy as agreeing. So both buttons look alike and neither has the focus.
    """

    STEP = 1
    AS_LIST = True

    def body(self) -> ComposeResult:
        """Say what is used, for what, and what is not kept."""
        yield Words("consent.title", "title")
        yield Words("consent.text", "text")
        yield from points("consent.data", "consent.purpose", "consent.kept")
        yield Words("consent.refuse", "text quiet")

    def actions(self) -> Iterable[ActionButton]:
        """Agree, or not."""
        yield ActionButton("consent.agree", Agreed, number=1)
        yield ActionButton("consent.decline", Declined, escape=True, number=2)

    def first_focus(self) -> None:
        """Nothing: Enter alone does not agree."""
