"""The PIN was wrong, or too short or too long, and there are tries left."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Retried, Stopped
from kiosk.screens.base import JourneyScreen
from kiosk.screens.problem import problem_words
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words


class PinWrongScreen(JourneyScreen):
    """`State.PIN_WRONG`. No number of tries is shown: PKCS#11 tells none."""

    STEP = 4

    def body(self) -> ComposeResult:
        """Say so, and what more mistakes lead to."""
        yield Words(problem_words("title"), "title alarm")
        yield Words(problem_words("text"), "text")

    def actions(self) -> Iterable[ActionButton]:
        """Again, or stop."""
        yield ActionButton("pin_wrong.again", Retried, primary=True)
        yield ActionButton("button.stop", Stopped, escape=True)
