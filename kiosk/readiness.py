"""Whether the kiosk can serve a customer at all."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from kiosk import problems
from kiosk.hardware.readers import ReaderState
from kiosk.machine import Condition, Machine
from kiosk.problems import Problem
from kiosk.recorder import Recorder
from kiosk.service.errors import ServiceError, ServiceRefused, ServiceUntrusted

if TYPE_CHECKING:
    from kiosk.service.client import ServiceClient

log = logging.getLogger(__name__)

CLOCK_TOLERANCE = 120
"""Seconds between the kiosk's clock and the service's. Beyond, proofs would be refused."""

RETRY_INTERVAL = 3.0
"""Seconds until the service is asked again after a failure."""

MACHINE_INTERVAL = 3.0
"""Seconds between two looks at disk and hour."""

FAILURES_TO_BELIEVE = 2
"""One lost answer takes no kiosk out of service."""


class Readiness:
    """Watches the parts that every visit needs and names the first that is missing."""

    def __init__(
        self,
        *,
        fixed_reader: bool,
        health_interval: float,
        changed: Callable[[], None],
        machine: Machine,
        recorder: Recorder,
    ) -> None:
        self._machine = machine
        self._recorder = recorder
        self._condition = Condition()
        self._fixed_reader = fixed_reader
        self._interval = health_interval
        self._changed = changed
        self._readers: ReaderState | None = None
        self._service: Problem | None = None
        self._failures = 0
        self._answered = False
        self._asked_now = asyncio.Event()
        self.capabilities: frozenset[str] = frozenset()
        """Optional calls that the service offers."""

    @property
    def problem(self) -> Problem | None:
        """What keeps the kiosk out of service; None if nothing does."""
        if (
            self._condition.problem is problems.KIOSK_CLOSED
            and self._service is problems.KIOSK_CLOCK
        ):
            # A wrong clock does not know the hour.
            return self._service
        if self._condition.problem in (problems.KIOSK_TAKEN_OUT, problems.KIOSK_CLOSED):
            # Nobody needs to hear of a fault of a kiosk that would not serve anyway.
            return self._condition.problem
        if self._readers is not None:
            if not self._readers.available:
                return problems.KIOSK_PCSC_DOWN
            if self._fixed_reader and not self._readers.readers:
                return problems.KIOSK_NO_READER
        if self._recorder.failing:
            return problems.KIOSK_DISK
        return self._condition.problem or self._service

    @property
    def facts(self) -> dict[str, str]:
        """Values for the wording of the problem."""
        return self._condition.facts if self.problem is self._condition.problem else {}

    @property
    def troubles(self) -> tuple[Problem, ...]:
        """All that is wrong, for staff; what customers see comes first."""
        found: list[Problem | None] = [self.problem, self._condition.problem]
        if self._readers is not None:
            if not self._readers.available:
                found.append(problems.KIOSK_PCSC_DOWN)
            elif self._fixed_reader and not self._readers.readers:
                found.append(problems.KIOSK_NO_READER)
        if self._recorder.failing or self._machine.disk_full:
            found.append(problems.KIOSK_DISK)
        found.append(self._service)
        return tuple(dict.fromkeys(problem for problem in found if problem is not None))

    @property
    def service_known(self) -> bool:
        """Whether the service has answered, or is known not to."""
        return self._answered or self._service is not None

    def readers_changed(self, state: ReaderState) -> None:
        """Take the newest state of the readers."""
        self._readers = state
        self._changed()

    async def watch_machine(self) -> None:
        """Look at the machine, again and again, until cancelled."""
        while True:
            await self._recorder.try_again()
            self.look_at_machine()
            await asyncio.sleep(MACHINE_INTERVAL)

    def look_at_machine(self) -> None:
        """Look at the machine now."""
        before, self._condition = self._condition, self._machine.look()
        if before != self._condition:
            self._changed()

    async def watch_service(self, client: ServiceClient) -> None:
        """Ask for the service's health, again and again, until cancelled."""
        while True:
            before = self._service, self.capabilities
            try:
                health = await client.health()
            except ServiceError as error:
                self._failures += 1
                if self._failures == FAILURES_TO_BELIEVE:
                    log.warning("out of service: %s", error)
                if self._failures >= FAILURES_TO_BELIEVE:
                    self._service = service_problem(error)
            else:
                self._failures = 0
                self._answered = True
                skew = abs(health.time - time.time())
                self._service = problems.KIOSK_CLOCK if skew > CLOCK_TOLERANCE else None
                self.capabilities = frozenset(health.capabilities)
            if (self._service, self.capabilities) != before:
                self._changed()
            troubled = self._failures or self._service
            self._asked_now.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    min(RETRY_INTERVAL, self._interval) if troubled else self._interval
                ):
                    await self._asked_now.wait()

    def look_now(self) -> None:
        """Ask for the service's health at once: somebody is about to need it."""
        self._asked_now.set()


def service_problem(error: ServiceError) -> Problem:
    """What keeps the service from serving this kiosk."""
    if isinstance(error, ServiceUntrusted):
        from kiosk.effects import distrust_problem  # noqa: PLC0415

        return distrust_problem(error)
    if isinstance(error, ServiceRefused) and error.code == "kiosk_unknown":
        return problems.KIOSK_NOT_KNOWN
    return problems.SERVICE_UNREACHABLE
