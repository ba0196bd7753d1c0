"""Screens that stand for hours: they change their layout, so that nothing burns in."""

from __future__ import annotations

import asyncio

from textual import events

from kiosk.screens.base import JourneyScreen
from kiosk.timers import after
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

    _turning: asyncio.TimerHandle | None = None

    def on_mount(self) -> None:
        """Look as the theme demands."""
        self._ink()

    def on_screen_resume(self, _event: events.ScreenResume) -> None:
        """Begin to count, now that it is seen."""
        self._count()

    def on_unmount(self) -> None:
        """Count no more."""
        if self._turning is not None:
            self._turning.cancel()

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
        self._count()

    def on_key(self, _event: events.Key) -> None:
        """Somebody is there: they shall not see it change under their hands."""
        self._stay()

    def on_mouse_down(self, _event: events.MouseDown) -> None:
        """The same."""
        self._stay()

    def _stay(self) -> None:
        self._count()

    def _count(self) -> None:
        """Count from now on."""
        if self._turning is not None:
            self._turning.cancel()
        if self.view.alternate > 0 and self.is_running:
            self._turning = after(self.view.alternate, self.call_later, self._turn)
