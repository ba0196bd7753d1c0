"""What is about to happen, for the customer to confirm."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from kiosk.flow import Cancelled, NotMyEmail, SendConfirmed
from kiosk.screens.base import JourneyScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words

ROWS: tuple[tuple[str, Callable[[View], str], str], ...] = (
    ("label.organisation", lambda v: v.reset.organisation if v.reset else "", ""),
    ("label.tax_code", lambda v: v.reset.tax_code if v.reset else "", ""),
    ("label.username", lambda v: v.username, ""),
    ("label.email", lambda v: v.reset.masked_email if v.reset else "", " main"),
)
"""Message key of each label, where its value comes from, and how it stands out."""


class ConfirmScreen(JourneyScreen):
    """`State.CONFIRM`. Nothing is sent before anybody can have read it."""

    STEP = 5
    SETTLE = 1.0
    AS_LIST = True

    def body(self) -> ComposeResult:
        """Show whose password is replaced and where the new one goes."""
        yield Words("confirm.title", "title")
        with Vertical(id="facts"):
            for label, value, emphasis in ROWS:
                with Horizontal(classes=f"fact{emphasis}"):
                    yield Words(label, "fact-label")
                    yield Words(_from_view(value), "fact-value")
        yield Words("confirm.text", "text")

    def actions(self) -> Iterable[ActionButton]:
        """Send, another address, out."""
        yield ActionButton("confirm.send", SendConfirmed, primary=True)
        yield ActionButton("confirm.not_mine", NotMyEmail)
        yield ActionButton("button.cancel", Cancelled, escape=True)


def _from_view(value: Callable[[View], str]) -> Callable[[View, object], str]:
    return lambda view, _t: value(view)
