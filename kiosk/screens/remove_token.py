"""Please take your token with you."""

from __future__ import annotations

from textual.app import ComposeResult

from kiosk.screens.base import JourneyScreen
from kiosk.widgets.drawings import REMOVE
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture


class RemoveTokenScreen(JourneyScreen):
    """`State.REMOVE_TOKEN`. Pulling the token out leads on; there is nothing to press."""

    def body(self) -> ComposeResult:
        """Ask for it."""
        yield Words("remove.title", "title")
        yield Words("remove.text", "text strong")
        yield Picture(REMOVE)
