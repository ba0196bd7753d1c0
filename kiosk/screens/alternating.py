"""Screens that stand for hours: they change their layout, so that nothing burns in."""

from __future__ import annotations

from textual import events
from textual.timer import Timer

from kiosk.screens.base import JourneyScreen
from kiosk.view import View

TURNED = "-turned"
"""Class of the screen in its other layout: its halves, its head and its foot have changed
places."""

INKED = "-inked"
"""Class of the screen whose one half is as bright as the other is dark."""


class AlternatingScreen(JourneyScreen):
    """Turns over every `View.alternate` seconds in which nobody touches it.

    Between two turns nothing is drawn.
    """

    _turning: Timer | None = None

    def on_mount(self) -> None:
        """Begin to count."""
        if self.view.alternate > 0:
            self._turning = self.set_interval(self.view.alternate, self._turn)

        self._ink()

    def show(self, view: View) -> None:
        """Draw `view`; the layout stays."""
        super().show(view)
        self._ink()

    def _ink(self) -> None:
        """In the theme of highest contrast head and paper are of one colour, so that halves of
        these would not be seen to change places."""
        self.set_class(self.view.theme == "contrast", INKED)

    def _turn(self) -> None:
        # Under another screen it would only be in the way of what is read there.
        if self.is_current:
            self.toggle_class(TURNED)

    def on_key(self, _event: events.Key) -> None:
        """Somebody is there: they shall not see it change under their hands."""
        self._stay()

    def on_mouse_down(self, _event: events.MouseDown) -> None:
        """The same."""
        self._stay()

    def _stay(self) -> None:
        if self._turning is not None:
            self._turning.reset()
