"""The brand in the head. Held down for a while, it opens the staff's door."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer

from kiosk.widgets.action_button import ActionButton


class Brand(Horizontal):
    """The strip with VNPT's name. Nothing on it says that it can be held."""

    HOLD: ClassVar[float] = 3.0
    """Seconds."""

    class Held(Message):
        """A finger or the mouse rested on it for long enough."""

    _timer: Timer | None = None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to count, unless it is one of the buttons that are here as well."""
        self._let_go()
        if not isinstance(event.widget, ActionButton):
            self._timer = self.set_timer(self.HOLD, self._held)

    def on_mouse_up(self) -> None:
        """Too soon."""
        self._let_go()

    def on_leave(self) -> None:
        """The finger went elsewhere."""
        if not self.is_mouse_over:
            self._let_go()

    def _held(self) -> None:
        self._timer = None
        self.post_message(self.Held())

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
