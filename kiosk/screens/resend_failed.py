"""The mail could not be sent again."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Back, Finished, StaffCalled
from kiosk.screens.base import JourneyScreen
from kiosk.screens.problem import problem_words
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words


class ResendFailedScreen(JourneyScreen):
    """`State.RESEND_FAILED`. The first mail was sent all the same."""

    AS_LIST = True

    def body(self) -> ComposeResult:
        """Say it in the problem's own words."""
        yield Words(problem_words("title"), "title alarm")
        yield Words(problem_words("text"), "text")

    def actions(self) -> Iterable[ActionButton]:
        """Back to the result, staff, out."""
        yield ActionButton("resend_failed.back", Back, primary=True, escape=True)
        yield ActionButton("button.call_staff", StaffCalled)
        yield ActionButton("button.finish", Finished)
