"""Please insert your token."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Back, Cancelled, NoToken
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawings import INSERT
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture


class InsertTokenScreen(JourneyScreen):
    """`State.INSERT_TOKEN`. The token is noticed without a key press."""

    STEP = 3

    def body(self) -> ComposeResult:
        """Ask for the token."""
        yield Words("insert.title", "title")
        yield Words("insert.text", "text")
        yield Picture(INSERT)
        yield Words("insert.waiting", "status")

    def actions(self) -> Iterable[ActionButton]:
        """Back, the way without a token, out. The primary action is to insert the token."""
        yield ActionButton("button.back", Back, escape=True)
        yield ActionButton("insert.none", NoToken)
        yield ActionButton("button.cancel", Cancelled)

    def first_focus(self) -> None:
        """Nothing: the hand is at the token, and a stray Enter leads nowhere."""
