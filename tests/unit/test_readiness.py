"""Which of several reasons not to serve is told."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from types import SimpleNamespace
from typing import cast

from kiosk import problems
from kiosk.hours import OpeningHours, Span
from kiosk.machine import Machine
from kiosk.readiness import Readiness
from kiosk.recorder import Recorder
from kiosk.service.client import ServiceClient


class Clock:
    """A service that tells nothing but its time."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead

    async def health(self) -> SimpleNamespace:
        return SimpleNamespace(time=time.time() + self.ahead, capabilities=())


async def told(ahead: float, hours: OpeningHours) -> problems.Problem | None:
    changed = asyncio.Event()
    readiness = Readiness(
        fixed_reader=False,
        health_interval=60,
        changed=changed.set,
        machine=Machine(hours=hours, now=lambda: datetime(2026, 11, 25, 3).astimezone()),
        recorder=Recorder(),
    )
    readiness.look_at_machine()
    changed.clear()
    watching = asyncio.create_task(readiness.watch_service(cast(ServiceClient, Clock(ahead))))
    try:
        async with asyncio.timeout(5):
            while not readiness.service_known:
                await asyncio.sleep(0)
        return readiness.problem
    finally:
        watching.cancel()


CLOSED = OpeningHours([[Span.parse("07:30-17:00")]] * 7)


async def test_a_wrong_clock_does_not_know_whether_the_counter_is_closed() -> None:
    assert await told(86400, CLOSED) is problems.KIOSK_CLOCK
    assert await told(0, CLOSED) is problems.KIOSK_CLOSED
    assert await told(86400, OpeningHours([[]] * 7)) is problems.KIOSK_CLOCK
