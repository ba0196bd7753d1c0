"""The welcome screen: what this machine does and what is needed for it."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Started
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.checklist import checklist
from kiosk.widgets.drawn import Words


class WelcomeScreen(JourneyScreen):
    """`State.WELCOME`."""

    AS_LIST = True

    def body(self) -> ComposeResult:
        """Name the service and its preconditions."""
        yield Words("welcome.title", "title")
        yield Words("welcome.need", "text")
        yield from checklist("welcome.need.username", "welcome.need.token", "welcome.need.mailbox")
        yield Words("welcome.text", "text")

    def actions(self) -> Iterable[ActionButton]:
        """Start."""
        yield ActionButton("welcome.start", Started, primary=True)
