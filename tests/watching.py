"""Collects what a `ReaderWatcher` reports, and waits for a report."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kiosk.hardware.readers import ReaderState


class Reports:
    """Callable that a watcher reports to, from whatever thread."""

    def __init__(self) -> None:
        self.seen: list[ReaderState] = []
        self._changed = threading.Condition()

    def __call__(self, state: ReaderState) -> None:
        with self._changed:
            self.seen.append(state)
            self._changed.notify_all()

    def wait_for(self, holds: Callable[[ReaderState], bool], seconds: float = 10.0) -> ReaderState:
        """Wait until the newest report is such, and return it."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.seen and holds(self.seen[-1]), seconds):
                raise AssertionError(f"not seen within {seconds:g} s; last: {self.seen[-1:]}")
            return self.seen[-1]
