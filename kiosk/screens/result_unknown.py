"""The order left and no answer came."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Finished, StaffCalled
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawings import LETTER_WANTED
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture


class ResultUnknownScreen(JourneyScreen):
    """`State.RESULT_UNKNOWN`. It guesses nothing."""

    def body(self) -> ComposeResult:
        """Say what is not known and what to do."""
        yield Words("result_unknown.title", "title alarm")
        yield Words("result_unknown.text", "text strong")
        yield Words("result_unknown.help", "text")
        yield Picture(LETTER_WANTED)

    def actions(self) -> Iterable[ActionButton]:
        """Out, staff."""
        yield ActionButton("button.finish", Finished, primary=True)
        yield ActionButton("button.call_staff", StaffCalled)
