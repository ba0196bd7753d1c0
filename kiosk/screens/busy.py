"""The machine works and the customer waits."""

from __future__ import annotations

from textual.app import ComposeResult

from kiosk.flow import State
from kiosk.screens.base import JourneyScreen
from kiosk.view import View
from kiosk.widgets.drawings import COVER, READING, SENDING, Drawing
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture

WORDS = {
    State.READING: ("busy.reading", 3),
    State.PREPARING: ("busy.preparing", 4),
    State.VERIFYING: ("busy.verifying", 4),
    State.SENDING: ("busy.sending", 5),
    State.RESENDING: ("busy.resending", 0),
}
"""Messages and step of each busy state."""

DRAWINGS: dict[State, Drawing] = {
    State.READING: READING,
    State.PREPARING: READING,
    State.VERIFYING: READING,
    State.SENDING: SENDING,
    State.RESENDING: SENDING,
}
"""What each of them shows."""


class BusyScreen(JourneyScreen):
    """Every state of `BUSY_STATES`. One dot after another grows, once a second: it
    says that the kiosk is at work, and costs its processor nothing."""

    FORGETS_KEYS = False

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._words, self.STEP = WORDS[view.state]  # type: ignore[misc]
        if view.pin_awaited:
            self._words = "busy.pin_pad"

    def body(self) -> ComposeResult:
        """Say what is done and what to leave alone."""
        yield Words(f"{self._words}.title", "title")
        yield Words(f"{self._words}.text", "text")
        yield Picture(COVER if self.view.pin_awaited else DRAWINGS[self.view.state])
        yield Words("busy.wait", "status")
