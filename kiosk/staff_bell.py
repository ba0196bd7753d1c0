"""Calling staff: the counter is told, and the customer whether it was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from kiosk.audit import EFFECT_BEGUN, EFFECT_DONE
from kiosk.flow import Effect
from kiosk.recorder import Recorder
from kiosk.service.errors import ServiceError
from kiosk.session import Trace, Visit, new_call_id
from kiosk.view import StaffCall

if TYPE_CHECKING:
    from kiosk.service.client import ServiceClient

log = logging.getLogger(__name__)


class StaffBell:
    """One kiosk's bell. Calls and cancellations reach the counter in their order."""

    def __init__(
        self,
        service: Callable[[], Awaitable[ServiceClient]],
        recorder: Recorder,
        changed: Callable[[], None],
    ) -> None:
        """Make a bell.

        Args:
            service: waits until there is a client.
            recorder: is told before and after. Help is called even if it cannot write.
            changed: called when the customer has to be shown something else.
        """
        self._service = service
        self._recorder = recorder
        self._changed = changed
        self._telling = asyncio.Lock()

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
        return self._cancel(call_id, visit.trace)

    async def _ring(self, visit: Visit, call_id: str, trace: Trace) -> None:
        service = await self._service()
        told = await self._tell(Effect.CALL_STAFF, trace, lambda: service.call_staff(call_id))
        if visit.staff is StaffCall.CALLING and visit.call_id == call_id:
            visit.staff = StaffCall.TOLD if told else StaffCall.FAILED
            self._changed()

    async def _cancel(self, call_id: str, trace: Trace) -> None:
        service = await self._service()
        await self._tell(
            Effect.CANCEL_STAFF_CALL, trace, lambda: service.cancel_staff_call(call_id)
        )

    async def _tell(
        self, effect: Effect, trace: Trace, call: Callable[[], Awaitable[object]]
    ) -> bool:
        self._recorder.note(EFFECT_BEGUN, trace, effect=effect.value)
        outcome = "told"
        try:
            async with self._telling:
                await call()
        except ServiceError as error:
            log.warning("the counter was not told: %s", type(error).__name__)
            outcome = type(error).__name__
        self._recorder.note(EFFECT_DONE, trace, effect=effect.value, outcome=outcome)
        return outcome == "told"
