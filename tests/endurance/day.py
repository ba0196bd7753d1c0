"""The unattended kiosk through a day: started again by who stands for systemd, and looked at."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.drivers.headless_driver import HeadlessDriver

from kiosk import app as kiosk_app
from kiosk import system_log
from kiosk.app import KioskApp
from kiosk.assembly import Settings
from kiosk.effects import Tools
from kiosk.hardware import readers
from kiosk.problems import Problem
from kiosk.sandbox.embedded import EmbeddedReader
from kiosk.unattended import run_unattended
from tests.endurance.day_certificates import DayCertificates
from tests.endurance.day_clock import DayClock, DayLoop
from tests.endurance.day_surroundings import (
    KIOSK_UNIT,
    DayService,
    Listener,
    NoDriver,
    setting,
)
from tests.mailboxes import listed_mailboxes

SLOWER_WATCHDOG = 4
"""So many times longer than in production, because each sign of life costs real time here."""

LOOK_EVERY = 1800.0
LOOK_AFTER = 90.0
"""Seconds: each half an hour, when the kiosk has had time to see what hour it is."""

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)


@dataclass(frozen=True)
class Look:
    """The kiosk at one moment."""

    moment: datetime
    run: int
    problem: str
    """Code of what keeps it out of service; empty if nothing does."""
    text: str
    """All that is on the screen."""
    load: dict[str, int]
    """How many there are of what must not grow."""
    certificates: tuple[Problem | None, set[str]]
    """What is said of them (`DayCertificates.expected`)."""


@dataclass
class Run:
    """One life of the process."""

    began: float
    ended: float = 0.0
    code: int = -1


@dataclass
class Day:
    """Everything that happened."""

    path: Path
    """The configuration."""
    clock: DayClock
    start: datetime
    service: DayService
    certificates: DayCertificates
    manager: Listener
    """Stands for systemd's socket."""
    journal: Listener
    """Stands for journald's."""
    deserted: datetime
    """When a customer begins a visit and goes away."""
    monkeypatch: pytest.MonkeyPatch
    runs: list[Run] = field(default_factory=list)
    drawn: list[tuple[float, int]] = field(default_factory=list)
    """When something was written to the terminal, and how many characters."""
    looks: list[Look] = field(default_factory=list)
    _earlier_threads: set[threading.Thread] = field(default_factory=set)

    @property
    def watchdog(self) -> float:
        """Seconds without a sign of life that are too many."""
        return SLOWER_WATCHDOG * float(setting(KIOSK_UNIT, "Service", "WatchdogSec"))

    @property
    def moment(self) -> datetime:
        """The time now, in the kiosk's time zone."""
        return self.start + timedelta(seconds=self.clock.now)

    def seconds(self, moment: datetime) -> float:
        """The clock's time at a moment."""
        return (moment - self.start).total_seconds()

    def live(self, restarts: list[datetime], end: datetime) -> None:
        """Let the kiosk run; end it at these moments as systemd does, and start it again."""
        rest = float(setting(KIOSK_UNIT, "Service", "RestartSec"))
        for stop in [*restarts, end]:
            run = Run(self.clock.now)
            self._earlier_threads = set(threading.enumerate())
            self.runs.append(run)
            with self._loop() as loop, self._kiosk(loop, self.seconds(stop)):
                run.code = run_unattended(self.path)
            self.journal.take()
            self.manager.take()
            run.ended = self.clock.now
            self.clock.now += rest

    @contextmanager
    def _loop(self) -> Iterator[DayLoop]:
        loop = DayLoop(self.clock)
        asyncio.set_event_loop(loop)
        self.manager.listen(loop)
        self.journal.listen(loop)
        try:
            yield loop
        finally:
            loop.close()
            asyncio.set_event_loop(None)

    @contextmanager
    def _kiosk(self, loop: DayLoop, stop: float) -> Iterator[None]:
        """Put the kiosk's edges in the place of the real ones."""
        day = self

        class DayDriver(HeadlessDriver):
            @property
            def is_headless(self) -> bool:
                return False

            def write(self, data: str) -> None:
                day.drawn.append((day.clock.now, len(data)))

        class DayApp(KioskApp):
            def run(self, **_: Any) -> None:
                self.driver_class = DayDriver
                watch = loop.create_task(day._watch(self, stop))
                super().run(size=(80, 25), loop=loop)
                watch.cancel()

        def tools(settings: Settings) -> Tools:
            return Tools(
                driver=NoDriver(),  # type: ignore[arg-type]
                trust=settings.trust(),
                service=self.service,  # type: ignore[arg-type]
                mailboxes=listed_mailboxes(),
                kiosk_id=settings.config.kiosk.id,
            )

        environment = {
            "NOTIFY_SOCKET": str(self.manager.path),
            "WATCHDOG_USEC": str(int(self.watchdog * 1e6)),
            "RUNTIME_DIRECTORY": str(self.path.parent / "runtime"),
        }
        (self.path.parent / "runtime").mkdir(exist_ok=True)
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        excepthook, raising = threading.excepthook, logging.raiseExceptions
        root, ours = logging.getLogger(), logging.getLogger("kiosk")
        listening, level = list(root.handlers), ours.level
        with self.monkeypatch.context() as patch, Path(os.devnull).open() as nothing:
            for name, value in environment.items():
                patch.setenv(name, value)
            loop.wait_for_recorder(patch)
            patch.setattr(kiosk_app, "KioskApp", DayApp)
            patch.setattr(readers, "PcscWatcher", EmbeddedReader)
            patch.setattr(Settings, "tools", tools)
            patch.setattr(system_log, "JOURNAL_SOCKET", self.journal.path)
            patch.setattr(sys, "stdin", nothing)
            try:
                yield
            finally:
                threading.excepthook, logging.raiseExceptions = excepthook, raising
                for one in [one for one in root.handlers if one not in listening]:
                    root.removeHandler(one)
                    one.close()
                ours.setLevel(level)
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    async def _watch(self, app: KioskApp, stop: float) -> None:
        """Look at it now and then, be the customer who goes away, and ask it to end."""
        visit = self.seconds(self.deserted)
        regular = {LOOK_AFTER + LOOK_EVERY * number for number in range(int(stop // LOOK_EVERY))}
        for at in sorted({*regular, visit, stop}):
            if self.clock.now < at <= stop:
                await asyncio.sleep(at - self.clock.now)
                if at == visit:
                    app.simulate_key("enter")
                elif at < stop:
                    self._look(app)
        signal.raise_signal(signal.SIGTERM)

    def _look(self, app: KioskApp) -> None:
        view, screen, moment = app.controller.view, app.screen, self.moment
        tasks = asyncio.all_tasks()
        coroutines = [getattr(task.get_coro(), "__qualname__", "") for task in tasks]
        load = {
            "tasks": len(tasks),
            "timers": coroutines.count("Timer._run_timer"),
            "widgets": len(screen.query("*")),
            "screens": len(app.screen_stack),
            # One of the run before may still be about to see that its terminal has gone.
            "threads": len(set(threading.enumerate()) - self._earlier_threads),
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        }
        self.looks.append(
            Look(
                moment=moment,
                run=len(self.runs),
                problem=view.problem.code if view.problem else "",
                text="\n".join(strip.text for strip in screen._compositor.render_strips()),
                load=load,
                certificates=(
                    self.certificates.customers_problem(moment),
                    self.certificates.ended(moment),
                ),
            )
        )
