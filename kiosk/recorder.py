"""Writes the audit journal beside the journey, in order, without holding the screen up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from kiosk.audit import AuditError, Journal
from kiosk.flow import (
    Declined,
    Event,
    ForgotUsername,
    Journey,
    MailBounced,
    NoToken,
    ProblemEvent,
    Sent,
    State,
)
from kiosk.projection import STATE_PROBLEMS
from kiosk.session import Trace

log = logging.getLogger(__name__)


def outcome_of(event: Event) -> str:
    """An event as the journal tells it: a problem by its code, else the event's name."""
    return event.problem if isinstance(event, ProblemEvent) else type(event).__name__


class Recorder:
    """One thread that appends what it is given, line after line."""

    def __init__(
        self, journal: Journal | None = None, changed: Callable[[], None] = lambda: None
    ) -> None:
        """Make a recorder.

        Args:
            journal: None: nothing is kept.
            changed: called in the event loop when `failing` has changed.
        """
        self._journal = journal
        self._changed = changed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit journal")
        self._stopped = False
        self.failing = False
        """The last line could not be written."""

    async def write(self, what: str, trace: Trace | None = None, **facts: Any) -> bool:
        """Append a line; return True when it is on the disk, False if it cannot be written."""
        if self._journal is None:
            return True
        return await asyncio.wrap_future(self._submit(what, trace, facts))

    def note(self, what: str, trace: Trace | None = None, **facts: Any) -> None:
        """Append a line after those that wait, without waiting for it."""
        if self._journal is not None:
            self._submit(what, trace, facts)

    def step(self, journey: Journey, before: State, event: Event, trace: Trace) -> None:
        """Write down where visits begin and where service stops, and keep in `trace` what staff
        will want to know of this visit.

        Args:
            journey: after the event.
            before: the state it was in.
            event: what has moved it.
            trace: the visit's.
        """
        state = journey.state
        if state is not before and state is State.OUT_OF_SERVICE:
            self.note("out of service", outcome=journey.problem or "")
        elif before is State.OUT_OF_SERVICE and state is State.WELCOME:
            self.note("in service")
        elif before is State.WELCOME and state is State.CONSENT:
            trace.begun = True
            self.note("visit begun", trace)
        if not trace.begun or (trace.outcome == "sent" and not isinstance(event, MailBounced)):
            return
        if isinstance(event, ProblemEvent):
            trace.outcome = event.problem
        elif state is not before and (problem := STATE_PROBLEMS.get(state)) is not None:
            trace.outcome = problem.code
        elif isinstance(event, Sent):
            trace.outcome = "sent"
        elif isinstance(event, Declined | ForgotUsername | NoToken):
            trace.outcome = type(event).__name__

    async def try_again(self) -> None:
        """See whether the journal can be written again."""
        if self.failing:
            await self.write("writable again")

    async def stop(self) -> None:
        """Write what waits, and no more."""
        self._stopped = True
        if self._journal is not None:
            await asyncio.to_thread(self._thread.shutdown)
            self._journal.close()

    def _submit(self, what: str, trace: Trace | None, facts: dict[str, Any]) -> Future[bool]:
        if self._stopped:
            too_late: Future[bool] = Future()
            too_late.set_result(False)
            return too_late
        if trace is not None:
            facts = {**trace.facts(), **facts}
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        return self._thread.submit(self._append, what, facts, loop)

    def _append(
        self, what: str, facts: dict[str, Any], loop: asyncio.AbstractEventLoop | None
    ) -> bool:
        if self._journal is None:
            return True
        try:
            self._journal.append(what, **facts)
        except AuditError as error:
            if not self.failing:
                log.error("the audit journal cannot be written: %s", error.reason)
            failing = True
        else:
            failing = False
        if failing is not self.failing:
            self.failing = failing
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(self._changed)
        return not failing
