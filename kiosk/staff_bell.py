"""Calling staff: the counter is told, and the customer whether it was.

The service is told, and side by side with it the configured webhook. Either is enough, and
neither waits for the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from kiosk.audit import EFFECT_BEGUN, EFFECT_DONE
from kiosk.flow import Effect
from kiosk.recorder import Recorder
from kiosk.service.errors import ServiceError
from kiosk.session import Trace, Visit, new_call_id
from kiosk.view import StaffCall

if TYPE_CHECKING:
    from kiosk.effects import Tools

log = logging.getLogger(__name__)

_TOLD = "told"
# The journal's word for it.


class Counter(Protocol):
    """Who can be told of a call for staff."""

    async def call_staff(self, call_id: str) -> None:
        """Tell that a customer asks for help; raises a `ServiceError`."""
        ...

    async def cancel_staff_call(self, call_id: str) -> None:
        """Tell that help is no longer needed; raises a `ServiceError`."""
        ...


Saying = Callable[[Counter], Awaitable[None]]


class StaffBell:
    """One kiosk's bell. Calls and cancellations reach each counter in their order."""

    def __init__(
        self,
        tools: Callable[[], Awaitable[Tools]],
        recorder: Recorder,
        changed: Callable[[], None],
    ) -> None:
        """Make a bell.

        Args:
            tools: waits until there are clients of the service and of the webhook.
            recorder: is told before and after. Help is called even if it cannot write.
            changed: called when the customer has to be shown something else.
        """
        self._tools = tools
        self._recorder = recorder
        self._changed = changed
        self._telling = {"service": asyncio.Lock(), "webhook": asyncio.Lock()}

    def ring(self, visit: Visit) -> Coroutine[Any, Any, None]:
        """Call staff to this visit; to be run as a task."""
        visit.staff = StaffCall.CALLING
        return self._ring(visit, visit.call_id, visit.trace)

    def cancel(self, visit: Visit) -> Coroutine[Any, Any, None]:
        """Say that help is no longer needed; to be run as a task."""
        visit.staff = StaffCall.NONE
        call_id = visit.call_id
        # What is still heard of this call does not speak of the next one.
        visit.call_id = new_call_id()
        return self._tell(
            Effect.CANCEL_STAFF_CALL,
            visit.trace,
            lambda counter: counter.cancel_staff_call(call_id),
            lambda _told: None,
        )

    async def _ring(self, visit: Visit, call_id: str, trace: Trace) -> None:
        def answered(told: bool) -> None:
            if visit.staff is StaffCall.CALLING and visit.call_id == call_id:
                visit.staff = StaffCall.TOLD if told else StaffCall.FAILED
                self._changed()

        await self._tell(
            Effect.CALL_STAFF, trace, lambda counter: counter.call_staff(call_id), answered
        )

    async def _tell(
        self, effect: Effect, trace: Trace, saying: Saying, answered: Callable[[bool], None]
    ) -> None:
        """Tell all there are to tell.

        Args:
            answered: called with True as soon as one has taken it, with False if none did.
        """
        tools = await self._tools()
        counters: dict[str, Counter] = {"service": tools.service}
        if tools.webhook is not None:
            counters["webhook"] = tools.webhook
        self._recorder.note(EFFECT_BEGUN, trace, effect=effect.value)

        def done(outcome: str) -> None:
            self._recorder.note(EFFECT_DONE, trace, effect=effect.value, outcome=outcome)
            answered(outcome == _TOLD)

        asked = [
            asyncio.create_task(self._say(name, counter, saying))
            for name, counter in counters.items()
        ]
        told = False
        try:
            for answer in asyncio.as_completed(asked):
                if await answer == _TOLD and not told:
                    told = True
                    done(_TOLD)
        finally:
            for task in asked:
                task.cancel()
        if not told:
            # The service is the way that every kiosk has: its failure stands in the journal.
            done(asked[0].result())

    async def _say(self, name: str, counter: Counter, saying: Saying) -> str:
        try:
            async with self._telling[name]:
                await saying(counter)
        except ServiceError as error:
            kind = type(error).__name__
            log.warning("the counter was not told by way of the %s: %s", name, kind)
            return kind
        return _TOLD
