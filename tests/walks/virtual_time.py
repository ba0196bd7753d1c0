"""An event loop whose clock jumps: a walk of many minutes takes milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class NothingWillHappen(Exception):
    """Nothing is ready and no timer is set, so that the loop would wait for ever."""


class _Clock(selectors.DefaultSelector):
    """Stands where the loop waits for its descriptors, and moves the clock instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Pass the time until the next timer. No descriptor is ever looked at."""
        if timeout is None:
            raise NothingWillHappen
        self.now += max(0.0, timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs what is ready at once, and jumps to the next timer when nothing is.

    For code that has no sockets and no threads: only timers and its own callbacks.
    """

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._clock.now

    def _write_to_self(self) -> None:
        """There is no wait from which another thread would have to wake the loop."""
