"""The kiosk cannot serve customers now."""

from __future__ import annotations

from textual.app import ComposeResult

from kiosk.screens.base import JourneyScreen
from kiosk.widgets.drawn import Words


class OutOfServiceScreen(JourneyScreen):
    """`State.OUT_OF_SERVICE`. It goes away by itself; the code at the foot is for staff."""

    def body(self) -> ComposeResult:
        """Say where to turn to."""
        yield Words("out_of_service.title", "title alarm")
        yield Words("out_of_service.text", "text")
        yield Words(lambda view, _t: f"  {view.support.hotline}  ", "number")
