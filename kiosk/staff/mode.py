"""Staff mode as the controller sees it: who may come in, which page is shown, what runs.

What runs is one task at most. It has a deadline, never holds up the screen, and is cancelled
when another page is opened or staff mode is closed.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kiosk.flow import Event, StaffAdmitted, StaffRefused, StaffTopic
from kiosk.hardware.readers import ReaderState
from kiosk.machine import Machine
from kiosk.pin import PinBuffer
from kiosk.staff import diagnostics, service_test, token_test
from kiosk.staff.codes import codes_page
from kiosk.staff.diagnostics import export_page
from kiosk.staff.health import Health, health_page
from kiosk.staff.page import Row, Say, StaffPage, StaffView, Status
from kiosk.staff.pin_hash import HashFailed
from kiosk.staff.qr_test import qr_page
from kiosk.staff.service_test import service_page
from kiosk.staff.switch import CONFIRM, restart_page, switch_page
from kiosk.staff.token_test import token_page
from kiosk.staff.tries import Tries
from kiosk.timers import after

if TYPE_CHECKING:
    from kiosk.effects import Tools

log = logging.getLogger(__name__)

Rows = tuple[Row, ...]

TICK = 1.0
"""Seconds between two looks at a wait, or at the health of the kiosk."""

SWITCH_DEADLINE = 5.0
"""Seconds for the disk to take down that the kiosk is in or out of service."""

LAST_WAIT = 4.0
"""Seconds that the end of the program waits for a stick to be given back: fewer than systemd
leaves it (`TimeoutStopSec`)."""


async def _at_once() -> None:
    """Wait for nothing."""


@dataclass(frozen=True, slots=True)
class StaffRoom:
    """What staff mode needs of the machine: made from the configuration, or by a test."""

    verify: Callable[[memoryview], Awaitable[bool]]
    """Tells whether it is the PIN. May raise `HashFailed`."""
    tries: Tries
    visits: Callable[[], StaffPage]
    """Reads the journal; called in a thread."""
    export: Callable[[], Awaitable[Rows]]
    qr_url: str
    in_thread: Callable[..., Awaitable[Any]] = asyncio.to_thread
    """Calls what waits for a disk."""
    given_back: Callable[[], Awaitable[None]] = _at_once
    """Waits until the stick of an export, even of one that was broken off, can be pulled out."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What staff mode needs of the controller."""

    health: Callable[[], Health]
    readers: Callable[[], ReaderState]
    tools: Callable[[], Awaitable[Tools]]
    fixed_reader: bool
    machine: Machine
    """Which staff take out of service, and put back."""
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    """Starts a task whose failure is a crash."""
    raise_event: Callable[[Event], None]
    changed: Callable[[], None]
    """Something else is to be shown."""
    switched: Callable[[], None]
    """The machine was taken out of service or put back."""
    restart: Callable[[], None]
    record: Callable[..., None]
    """Writes to the audit journal: what happened, and further fields of `audit.Record`."""


class StaffMode:
    """One kiosk's staff mode."""

    def __init__(self, room: StaffRoom, around: Surroundings) -> None:
        self._room = room
        self._around = around
        self._page: StaffPage | None = None
        self._work: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._checking = False
        self._refused = False
        self._unchecked = False
        self._admitted = False

    @property
    def view(self) -> StaffView:
        """What the screens show now."""
        page = self._page
        if page is not None and page.topic is StaffTopic.HEALTH:
            page = health_page(self._around.health())
        return StaffView(
            page=page,
            checking=self._checking,
            refused=self._refused,
            unchecked=self._unchecked,
            wait=math.ceil(self._room.tries.wait),
        )

    # Who may come in

    def opened(self) -> None:
        """Somebody stands before the door."""
        self._refused = self._unchecked = False
        self._tick()

    def check_pin(self, pin: PinBuffer) -> None:
        """Look at what was typed, which is wiped afterwards. Ends with an event."""
        if self._checking:
            return
        if not len(pin) or self._room.tries.wait > 0:
            pin.wipe()
            self._around.raise_event(StaffRefused())
            return
        self._checking = True
        self._refused = self._unchecked = False
        self._start(self._check(pin))

    async def _check(self, pin: PinBuffer) -> None:
        tries = self._room.tries
        try:
            await self._room.in_thread(tries.begin)
            # Not released here: when this is cancelled, a thread may still be reading.
            right = await self._room.verify(pin.view())
        except HashFailed as error:
            # Not the fault of whoever typed it, so no wait grows from it; but the door stays shut.
            log.error("the staff PIN could not be looked at: %s", error)
            await self._room.in_thread(tries.take_back)
            self._unchecked = True
            right = False
        finally:
            pin.wipe()
            self._checking = False
        if right:
            await self._room.in_thread(tries.succeeded)
            self._around.record("staff admitted")
            self._admitted = True
            self._around.raise_event(StaffAdmitted())
            return
        if self._unchecked:
            self._around.record("staff not checked")
        else:
            self._refused = True
            self._around.record("staff refused", count=tries.wrong)
        self._around.raise_event(StaffRefused())
        self._tick()

    # Pages

    def show(self, topic: StaffTopic, part: str = "") -> None:
        """Make a page; what the one before was doing is cancelled."""
        self._cancel()
        match topic:
            case StaffTopic.HEALTH:
                self._page = health_page(self._around.health())
                self._tick()
            case StaffTopic.VISITS:
                self._page = StaffPage(topic, Say("staff.visits.title"), (_RUNNING,))
                self._start(self._read_visits())
            case StaffTopic.CODES:
                self._page = codes_page(part)
            case StaffTopic.TOKEN:
                self._page = token_page()
            case StaffTopic.QR:
                self._page = qr_page(self._room.qr_url)
            case StaffTopic.SERVICE:
                self._page = service_page()
            case StaffTopic.SWITCH:
                self._page = switch_page(off=self._around.machine.taken_out, part=part)
            case StaffTopic.RESTART:
                self._page = restart_page(part)
            case StaffTopic.EXPORT:
                self._page = export_page()

    async def _read_visits(self) -> None:
        self._page = await self._room.in_thread(self._room.visits)
        self._around.changed()

    # Jobs

    def run(self, topic: StaffTopic) -> None:
        """Do what the shown page offers. A press that meant another page does nothing, and
        neither does a second press."""
        page = self._page
        if page is None or page.topic is not topic or self._work is not None:
            return
        match topic:
            case StaffTopic.TOKEN:
                self._start(self._job(self._check_token, token_test.DEADLINE, token_page))
            case StaffTopic.SERVICE:
                self._start(self._job(self._check_service, service_test.DEADLINE, service_page))
            case StaffTopic.EXPORT:
                self._start(self._job(self._room.export, diagnostics.DEADLINE, export_page))
            case StaffTopic.SWITCH if page.part == CONFIRM:
                # Not as a job: who leaves meanwhile has meant it all the same.
                self._page = waiting = replace(switch_page(off=False), rows=(_RUNNING,), actions=())
                self._around.spawn(self._turn_switch(waiting))
            case StaffTopic.RESTART if page.part == CONFIRM:
                self._around.record("restart by staff")
                self._page = replace(page, rows=(Row(Say("staff.restart.now")),), actions=())
                self._around.restart()

    async def _job(
        self,
        job: Callable[[], Awaitable[Rows]],
        seconds: float,
        page: Callable[[Rows | None], StaffPage],
    ) -> None:
        """Show that it runs, and then what came of it."""
        self._page = replace(page((_RUNNING,)), actions=())
        self._around.changed()
        try:
            async with asyncio.timeout(seconds):
                rows = await job()
        except TimeoutError:
            rows = (Row(Say("staff.no_answer"), Status.FAILED),)
        self._page = page(rows)
        self._around.changed()

    async def _check_token(self) -> Rows:
        around = self._around
        tools = await around.tools()
        return await token_test.check_token(around.readers, tools, fixed_reader=around.fixed_reader)

    async def _check_service(self) -> Rows:
        return await service_test.check_service((await self._around.tools()).service)

    async def _turn_switch(self, waiting: StaffPage) -> None:
        machine = self._around.machine
        off = not machine.taken_out
        lasting = True
        try:
            async with asyncio.timeout(SWITCH_DEADLINE):
                await self._room.in_thread(machine.take_out if off else machine.put_back)
        except OSError as error:
            # A TimeoutError is one as well.
            log.warning("staff's wish is not on the disk: %s", type(error).__name__)
            lasting = False
        # It may be so all the same, but not after a power cut.
        if machine.taken_out is off:
            self._around.record("out of service by staff" if off else "in service by staff")
            page = switch_page(off=off, lasting=lasting)
            self._around.switched()
        else:
            page = switch_page(off=not off, failed=True)
        if self._page is waiting:
            self._page = page
            self._around.changed()

    # The end

    def close(self) -> None:
        """Forget what was shown, and stop what runs."""
        self._cancel()
        # Also of a check that was cancelled before it began.
        self._checking = False
        self._page = None
        self._refused = self._unchecked = False
        if self._admitted:
            self._admitted = False
            self._around.record("staff left")

    async def stop(self) -> None:
        """Wait for what must not be broken off by the end of the program. Comes after the tasks
        that were started here have been cancelled."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WAIT):
                await self._room.given_back()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = self._around.spawn(work)
        self._work.add_done_callback(self._done)

    def _done(self, work: asyncio.Task[None]) -> None:
        if self._work is work:
            self._work = None

    def _cancel(self) -> None:
        work, self._work = self._work, None
        if work is not None and work is not asyncio.current_task():
            work.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        """Show how a wait passes, or the health of the kiosk, as it changes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        healthy = self._page is not None and self._page.topic is StaffTopic.HEALTH
        if healthy or self._room.tries.wait > 0:
            self._timer = after(TICK, self._ticked)

    def _ticked(self) -> None:
        self._timer = None
        self._around.changed()
        self._tick()


_RUNNING = Row(Say("staff.running"), Status.RUNNING)
