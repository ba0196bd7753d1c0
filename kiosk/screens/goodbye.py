"""Goodbye."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Finished
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawings import CLEAN
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture


class GoodbyeScreen(JourneyScreen):
    """`State.GOODBYE`."""

    def body(self) -> ComposeResult:
        """Thank, and say that everything is erased."""
        yield Words("goodbye.title", "title")
        yield Words("goodbye.text", "text")
        yield Picture(CLEAN)

    def actions(self) -> Iterable[ActionButton]:
        """To the welcome screen at once."""
        yield ActionButton("goodbye.start", Finished, primary=True)
