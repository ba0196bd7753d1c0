"""Do you need more time?"""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual.app import ComposeResult

from kiosk.flow import MoreTimeAsked, TimeUp
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.demo_strip import DEMO_KEYS
from kiosk.widgets.drawn import Words
from kiosk.widgets.large import LargeWords
from kiosk.widgets.presses import POINTER, PRESSES

_OWN_KEYS = frozenset(
    {"tab", "shift+tab", "left", "right", "up", "down", "enter", "space", "f1", "f2", "f3", "f4"}
)
"""Keys that move, press, or switch language or colours. Every other one asks for more time."""


class TimeOutScreen(JourneyScreen):
    """`Overlay.TIME_OUT`."""

    FORGETS_KEYS = False

    def body(self) -> ComposeResult:
        """Ask, and count down."""
        yield Words("time_out.title", "title")
        yield LargeWords(lambda v, _t: str(v.countdown), "countdown")
        yield Words(lambda v, t: t("time_out.text", seconds=v.countdown), "text strong")
        yield Words("time_out.erased", "text")

    def actions(self) -> Iterable[ActionButton]:
        """More time, or the end."""
        yield ActionButton("time_out.more", MoreTimeAsked, primary=True, escape=True)
        yield ActionButton("button.finish", TimeUp)

    def on_key(self, event: events.Key) -> None:
        """Take any other key as "I am still here"."""
        if event.key not in _OWN_KEYS and not (self.view.demo and event.key in DEMO_KEYS):
            event.stop()
            # It is judged here, and the screen below shall know of it if it is held.
            event.prevent_default()
            self.note_missed(event)
            PRESSES.judge(event.key, event.time)
            self.raise_event(MoreTimeAsked())

    def on_click(self, event: events.Click) -> None:
        """Take a touch anywhere but on a button as the same."""
        event.stop()
        event.prevent_default()
        PRESSES.judge(POINTER, event.time)
        self.raise_event(MoreTimeAsked())
