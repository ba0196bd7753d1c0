"""A day that passes in a moment: one clock for everything that the kiosk asks for the time."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

import pytest
import textual._time

from kiosk import audit, controller, machine
from kiosk.recorder import Recorder

THREAD_POLL = 0.002
"""Seconds, real ones, between two looks at whether a thread is done."""


class DayClock:
    """Virtual seconds, and the time of day that goes with them."""

    def __init__(self, start: datetime) -> None:
        """Begin a day.

        Args:
            start: aware.
        """
        self._start = start.timestamp()
        self.now = 0.0
        """Seconds since the start."""

    @property
    def timestamp(self) -> float:
        """Seconds of the epoch."""
        return self._start + self.now

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the kiosk, its log and Textual's timers go by this clock."""

        class Datetime(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Datetime:
                return cls.fromtimestamp(self.timestamp, tz)

        for module in (audit, controller, machine):
            monkeypatch.setattr(module, "datetime", Datetime)
        monkeypatch.setattr(time, "time", lambda: self.timestamp)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(textual._time, "get_time", lambda: self.now)


class _Passing(selectors.DefaultSelector):
    """Stands where the loop waits. It waits for threads only, and else moves the clock."""

    def __init__(self, clock: DayClock) -> None:
        super().__init__()
        self._clock = clock
        self.at_work: set[object] = set()
        """What threads have still to do."""

    def select(self, timeout: float | None = None) -> list[Any]:
        """Look at the descriptors; if none is ready, pass the time until the next timer."""
        ready = super().select(THREAD_POLL if self.at_work and timeout != 0 else 0)
        if ready or self.at_work or timeout == 0:
            return ready
        assert timeout is not None, "nothing will ever happen any more"
        self._clock.now += max(0.0, timeout)
        return []


class DayLoop(asyncio.SelectorEventLoop):
    """Runs what is ready, and jumps to the next timer when nothing is.

    While a thread works for the kiosk, no time passes.
    """

    def __init__(self, clock: DayClock) -> None:
        self._clock = clock
        self._passing = _Passing(clock)
        super().__init__(self._passing)

    def time(self) -> float:
        """Virtual seconds."""
        return self._clock.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, function: Callable[..., Any], *arguments: Any
    ) -> asyncio.Future[Any]:
        """Run it in a thread, and stand still meanwhile."""
        future = super().run_in_executor(executor, function, *arguments)
        self._passing.at_work.add(future)
        future.add_done_callback(self._passing.at_work.discard)
        return future

    def wait_for_recorder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand still while a line of the audit journal is written as well."""
        usual = Recorder._submit

        def submit(recorder: Recorder, *line: Any) -> Future[bool]:
            written = usual(recorder, *line)
            self._passing.at_work.add(written)
            written.add_done_callback(
                lambda done: self.call_soon_threadsafe(partial(self._passing.at_work.discard, done))
            )
            return written

        monkeypatch.setattr(Recorder, "_submit", submit)
