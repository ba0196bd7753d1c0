"""The thread that does what is due later: mails that are tried again, delivered or returned."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_LOOK_AGAIN = 0.1
# Seconds between two looks while something is waiting. Not computed from when it is due:
# the service's clock may be set meanwhile.

_PATIENCE = 60.0
# Seconds at the most to wait for the thread's end: an SMTP dialogue may be under way.

_log = logging.getLogger(__name__)


class Worker:
    """Runs jobs; each tells whether it has to be run again soon."""

    def __init__(self) -> None:
        """Prepare; `start` gives it the jobs."""
        self._called = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self, *jobs: Callable[[], bool]) -> None:
        """Start; each job is run at once, since something may be left from an earlier run."""
        self._thread = threading.Thread(
            target=self._run, args=jobs, name="sandbox worker", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """Have the jobs run now. May be called from any thread."""
        self._called.set()

    def stop(self) -> None:
        """Stop, and return when the job that is under way has ended."""
        self._stopping = True
        self._called.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _run(self, *jobs: Callable[[], bool]) -> None:
        while not self._stopping:
            waiting = [self._done(job) for job in jobs]
            self._called.wait(_LOOK_AGAIN if any(waiting) else None)
            self._called.clear()

    @staticmethod
    def _done(job: Callable[[], bool]) -> bool:
        try:
            return job()
        except Exception as error:
            # Its text may name an address. What was left undone is due at the next look.
            _log.error("a job of the sandbox failed: %s", type(error).__name__)
            return True
