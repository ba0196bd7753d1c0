"""Writes the audit journal beside the journey, in order, without holding the screen up."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import msgspec

from kiosk.audit import (
    CANCELLED,
    IN_SERVICE,
    MAIL_FOLLOWED,
    OUT_OF_SERVICE,
    SENT,
    TIMED_OUT,
    VISIT_BEGUN,
    VISIT_ENDED,
    WRITABLE_AGAIN,
    AuditError,
    Journal,
)
from kiosk.flow import (
    Declined,
    Event,
    Failed,
    ForgotUsername,
    Journey,
    LostMailbox,
    MailBounced,
    NotMyEmail,
    NoToken,
    ProblemEvent,
    Sent,
    State,
    TimeUp,
)
from kiosk.projection import STATE_PROBLEMS
from kiosk.session import Trace

log = logging.getLogger(__name__)

WRITE_DEADLINE = 5.0
"""Seconds for a line to get to the disk. One that works takes far less, also when it is busy; a
customer who has pressed a key does not wait for much longer without leaving."""

_FOLLOWED = frozenset({State.SENT, State.NO_EMAIL, State.RESEND_FAILED, State.RESULT_UNKNOWN})
"""States in which the service is asked what has become of the mail."""

PATIENCE = 2.0
"""Seconds that the end of the program waits for what is not written yet."""


def outcome_of(event: Event) -> str:
    """An event as the journal tells it: a problem by its code, else the event's name."""
    return event.problem if isinstance(event, ProblemEvent) else type(event).__name__


class Recorder:
    """One thread that appends what it is given, line after line."""

    def __init__(
        self,
        journal: Journal | None = None,
        changed: Callable[[], None] = lambda: None,
        crash: Callable[[BaseException], None] = lambda _error: None,
    ) -> None:
        """Make a recorder.

        Args:
            journal: None: nothing is kept.
            changed: called in the event loop when `failing` has changed.
            crash: called in the event loop when a line fails for another reason than the disk.
        """
        self._journal = journal
        self._changed = changed
        self._crash = crash
        self._waiting: SimpleQueue[_Line | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._serving = True
        self.failing = False
        """The last line could not be written, or not in time."""

    async def write(self, what: str, trace: Trace | None = None, **facts: Any) -> bool:
        """Append a line; return True when it is on the disk, False if it cannot be written.

        What is not written within `WRITE_DEADLINE` counts as not written, and may be later.
        """
        if self._journal is None:
            return True
        written = self._submit(self._journal, what, trace, facts)
        try:
            async with asyncio.timeout(WRITE_DEADLINE):
                return await asyncio.wrap_future(written)
        except TimeoutError:
            if not self.failing:
                log.error("the audit journal cannot be written: the disk does not answer")
                self.failing = True
                self._changed()
            return False

    def note(self, what: str, trace: Trace | None = None, **facts: Any) -> None:
        """Append a line after those that wait, without waiting for it."""
        if self._journal is not None:
            self._submit(self._journal, what, trace, facts)

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
        if state is State.OUT_OF_SERVICE and self._serving:
            self._serving = False
            self.note(OUT_OF_SERVICE, outcome=journey.problem or "")
        elif before is State.WELCOME and state is State.CONSENT:
            self.serves()
            trace.begun = True
            self.note(VISIT_BEGUN, trace)
        if before in _FOLLOWED and isinstance(event, Sent | MailBounced | Failed):
            self.note(MAIL_FOLLOWED, trace, outcome=outcome_of(event))
        # What happens after the order changes nothing of it, unless the mail came back or was
        # given up before it left.
        if trace.begun and (trace.outcome != SENT or state in (State.MAIL_BOUNCED, State.PROBLEM)):
            trace.outcome = _outcome(journey, before, event, trace.outcome)

    def serves(self) -> None:
        """Write down that the kiosk can serve again, if it could not."""
        if not self._serving:
            self._serving = True
            self.note(IN_SERVICE)

    def ended(self, trace: Trace, outcome: str = "") -> None:
        """Write down that a visit has ended, if one has begun.

        Args:
            trace: the visit's.
            outcome: what came of it where nothing else is known.
        """
        if trace.begun:
            self.note(VISIT_ENDED, trace, outcome=trace.outcome or outcome)

    async def try_again(self) -> None:
        """See whether the journal can be written again. Lines that wait will tell that as well."""
        if self.failing and self._waiting.empty():
            await self.write(WRITABLE_AGAIN)

    async def stop(self) -> None:
        """Write what waits, and no more. A disk that hangs is not waited for."""
        self._stopped = True
        if self._thread is not None:
            self._waiting.put(None)
            await asyncio.to_thread(self._thread.join, PATIENCE)

    def _submit(
        self, journal: Journal, what: str, trace: Trace | None, facts: dict[str, Any]
    ) -> Future[bool]:
        written: Future[bool] = Future()
        if self._stopped:
            written.set_result(False)
            return written
        if trace is not None:
            facts = {**trace.facts(), **facts}
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if self._thread is None:
            # A daemon: the end of the program does not wait for a disk.
            self._thread = threading.Thread(
                target=self._work, args=(journal,), name="audit journal", daemon=True
            )
            self._thread.start()
        self._waiting.put(_Line(what, facts, loop, written))
        return written

    def _work(self, journal: Journal) -> None:
        while (line := self._waiting.get()) is not None:
            try:
                written = self._append(journal, line)
            except Exception as error:
                # Nobody may wait for this line to come, and a fault of ours is a crash as anywhere.
                _call(line.loop, self._crash, error)
                written = False
            if line.written.set_running_or_notify_cancel():
                line.written.set_result(written)
        journal.close()

    def _append(self, journal: Journal, line: _Line) -> bool:
        try:
            journal.append(line.what, **line.facts)
        except AuditError as error:
            if not self.failing:
                log.error("the audit journal cannot be written: %s", error.reason)
            failing = True
        else:
            failing = False
        if failing is not self.failing:
            self.failing = failing
            _call(line.loop, self._changed)
        return not failing


class _Line(msgspec.Struct, frozen=True):
    what: str
    facts: dict[str, Any]
    loop: asyncio.AbstractEventLoop | None
    written: Future[bool]


def _call(
    loop: asyncio.AbstractEventLoop | None, function: Callable[..., None], *arguments: object
) -> None:
    """Call it in the loop, unless that has ended meanwhile."""
    if loop is not None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(function, *arguments)


def _outcome(journey: Journey, before: State, event: Event, known: str) -> str:
    """What came of a visit that would end now; `known` is what would have come of it before."""
    state = journey.state
    if isinstance(event, ProblemEvent):
        return event.problem
    if state is before:
        return known
    if (problem := STATE_PROBLEMS.get(state)) is not None:
        return problem.code
    if isinstance(event, Sent):
        return SENT
    if isinstance(event, Declined | ForgotUsername | LostMailbox | NoToken | NotMyEmail):
        return known or type(event).__name__
    if state is State.REMOVE_TOKEN:
        return known or (TIMED_OUT if isinstance(event, TimeUp) else CANCELLED)
    # It has gone on: what was wrong before is not what it ended with.
    return ""
