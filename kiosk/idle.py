"""Time: the idle question, its countdown, and the end of the goodbye screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kiosk.config import TimeSection
from kiosk.flow import (
    IDLE_STATES,
    STAFF_STATES,
    Event,
    GoodbyeOver,
    IdleElapsed,
    Overlay,
    StaffCallClosed,
    StaffLeft,
    State,
    TimeUp,
)
from kiosk.timers import after

LOGIN_CLOSE = 30.0
"""Seconds without a touch after which the staff PIN is no longer asked for."""

LOGIN_WAIT = 120.0
"""Seconds. While no PIN is looked at for so long at most, the staff PIN's screen stays: staff were
told to wait there. A longer wait must not keep customers away."""

RESULT_STATES = frozenset({State.SENT, State.NO_EMAIL, State.RESULT_UNKNOWN, State.HOTLINE})
"""States with something to read, write down or dial: they get the longer time."""


class IdleClock:
    """Raises the events that come from time alone."""

    def __init__(
        self,
        times: TimeSection,
        raise_event: Callable[[Event], None],
        tick: Callable[[], None],
        *,
        staff_close: float = 120.0,
        staff_wait: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Make a clock that stands still until the journey moves.

        Args:
            staff_close: seconds without a touch after which staff mode is closed.
            staff_wait: tells for how many seconds no staff PIN is looked at.
        """
        self._times = times
        self._staff_close = staff_close
        self._staff_wait = staff_wait
        self._raise = raise_event
        self._tick = tick
        self._state = State.WELCOME
        self._overlay = Overlay.NONE
        self._timer: asyncio.TimerHandle | None = None
        self.countdown = 0
        """Seconds left to answer the time-out question."""

    def moved(self, state: State, overlay: Overlay) -> None:
        """The journey is here now; start the time of this place if it is a new one, or if staff
        have just been told to wait here."""
        if (state, overlay) == (self._state, self._overlay) and not self._waiting_staff:
            return
        self._state, self._overlay = state, overlay
        self.restart()

    def restart(self) -> None:
        """Somebody touched something: the time of this place begins anew."""
        self.stop()
        if self._overlay is Overlay.TIME_OUT:
            self.countdown = self._times.question
            self._timer = after(1, self._count)
        elif self._state in IDLE_STATES:
            long = self._state in RESULT_STATES or self._overlay is Overlay.STAFF_CALL
            seconds = self._times.idle_result if long else self._times.idle
            self._timer = after(seconds, self._raise, IdleElapsed())
        elif self._state in STAFF_STATES:
            login = self._state is State.STAFF_LOGIN
            seconds = LOGIN_CLOSE + self._waiting_staff if login else self._staff_close
            self._timer = after(seconds, self._raise, StaffLeft())
        elif self._overlay is Overlay.STAFF_CALL:
            # Nothing can time out here, but the note about staff must not stay for ever.
            self._timer = after(self._times.idle_result, self._raise, StaffCallClosed())
        elif self._state is State.GOODBYE:
            self._timer = after(self._times.goodbye, self._raise, GoodbyeOver())

    def stop(self) -> None:
        """No event from here until the next `moved` or `restart`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _waiting_staff(self) -> float:
        """Seconds for which staff have been told to wait before this screen."""
        wait = self._staff_wait() if self._state is State.STAFF_LOGIN else 0.0
        return wait if wait <= LOGIN_WAIT else 0.0

    def _count(self) -> None:
        self.countdown -= 1
        if self.countdown <= 0:
            self._raise(TimeUp())
            return
        self._timer = after(1, self._count)
        self._tick()
