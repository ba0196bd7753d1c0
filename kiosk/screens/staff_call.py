"""Staff are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.app import ComposeResult

from kiosk.flow import StaffCallCancelled, StaffCallClosed
from kiosk.screens.base import JourneyScreen
from kiosk.view import StaffCall, View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words
from kiosk.widgets.emblems import BELL, TICK
from kiosk.widgets.large import LargePicture, LargeWords

OUTCOMES = {
    StaffCall.CALLING: ("staff_call.calling", "title"),
    StaffCall.TOLD: ("staff_call.told", "title"),
    StaffCall.FAILED: ("staff_call.failed", "title alarm"),
}
"""What may have become of a call: its words, and how their title looks."""


class StaffCallScreen(JourneyScreen):
    """`Overlay.STAFF_CALL`. The customer may go on while somebody is on the way.

    It says "called" only when the counter was told.
    """

    FORGETS_KEYS = False

    def body(self) -> ComposeResult:
        """Say what became of the call, and warn of the one thing staff never ask."""
        for outcome, (words, style) in OUTCOMES.items():
            yield Words(f"{words}.title", style, when=_after(outcome))
            yield Words(f"{words}.text", "text", when=_after(outcome))
        yield LargePicture(BELL, when=_after(StaffCall.CALLING))
        yield LargePicture(BELL, TICK, when=_after(StaffCall.TOLD))
        yield LargeWords(lambda view, _t: view.support.hotline, when=_after(StaffCall.FAILED))
        yield Words("staff_call.pin", "text warning")

    def actions(self) -> Iterable[ActionButton]:
        """Go on, or take the call back."""
        yield ActionButton("staff_call.go_on", StaffCallClosed, primary=True, escape=True)
        yield ActionButton("staff_call.cancel", StaffCallCancelled)


def _after(outcome: StaffCall) -> Callable[[View], bool]:
    return lambda view: view.staff is outcome
