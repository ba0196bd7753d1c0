"""Slips on request: one after the other, beside the journey."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from kiosk.audit import BROKEN_OFF, EFFECT_BEGUN, EFFECT_DONE
from kiosk.flow import Effect
from kiosk.printing.printer import Printer, PrintFailed
from kiosk.printing.slip import Slip
from kiosk.printing.wording import slip_of
from kiosk.recorder import Recorder
from kiosk.session import MOST_SLIPS, Trace, Visit
from kiosk.verdict import vietnamese_day
from kiosk.view import Printing, View

log = logging.getLogger(__name__)


class SlipDesk:
    """One kiosk's printer, and what the customer is told of it."""

    def __init__(self, printer: Printer, recorder: Recorder, changed: Callable[[], None]) -> None:
        """Make a desk.

        Args:
            printer: prints.
            recorder: is told before and after. A slip is printed even if it cannot write.
            changed: called when the customer has to be shown something else.
        """
        self._printer = printer
        self._recorder = recorder
        self._changed = changed
        self._printing = asyncio.Lock()
        self._wanted: object = None
        """Stands for the slip that somebody waits for."""

    def refuses(self, visit: Visit) -> bool:
        """Whether a press prints nothing: this visit's slip is on its way, or was its last one."""
        return visit.printing is Printing.PRINTING or visit.slips >= MOST_SLIPS

    def print(self, visit: Visit, view: View) -> Coroutine[Any, Any, None]:
        """Print what the view tells of the way by telephone; to be run as a task."""
        visit.printing = Printing.PRINTING
        visit.slips += 1
        self._wanted = wanted = object()
        slip = slip_of(view, vietnamese_day(datetime.now().astimezone()))
        return self._print(visit, slip, visit.trace, wanted)

    def left(self, visit: Visit) -> None:
        """The customer has left the screen. A slip that has begun is printed to its end, one that
        waits for another is not printed any more."""
        visit.printing = Printing.READY
        self._wanted = None

    async def _print(self, visit: Visit, slip: Slip, trace: Trace, wanted: object) -> None:
        async with self._printing:
            if self._wanted is not wanted:
                return
            printed = await self._recorded(slip, trace)
        if self._wanted is wanted:
            visit.printing = Printing.PRINTED if printed else Printing.FAILED
            self._changed()

    async def _recorded(self, slip: Slip, trace: Trace) -> bool:
        effect = Effect.PRINT_SLIP.value
        self._recorder.note(EFFECT_BEGUN, trace, effect=effect)
        outcome = BROKEN_OFF
        try:
            await self._printer.print(slip)
            outcome = Printing.PRINTED.value
        except PrintFailed as error:
            log.warning("the slip was not printed: %s", error)
            outcome = Printing.FAILED.value
        finally:
            self._recorder.note(EFFECT_DONE, trace, effect=effect, outcome=outcome)
        return outcome == Printing.PRINTED.value
