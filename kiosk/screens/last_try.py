"""One PIN is left, and a wrong one locks the token."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Insisted, Stopped
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words


class LastTryScreen(JourneyScreen):
    """`State.LAST_TRY`. Stopping is the default."""

    STEP = 4

    def body(self) -> ComposeResult:
        """Warn."""
        yield Words("last_try.title", "title alarm")
        yield Words("last_try.refused", "text strong", when=lambda v: v.pin_refused)
        yield Words("last_try.text", "text strong")
        yield Words("last_try.advice", "text")

    def actions(self) -> Iterable[ActionButton]:
        """Stop, or take it."""
        yield ActionButton("button.stop", Stopped, primary=True, escape=True)
        yield ActionButton("last_try.insist", Insisted)
