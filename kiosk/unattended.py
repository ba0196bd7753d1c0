"""`kiosk run --unattended`: the kiosk under systemd, where nobody reads a message and starts
it anew. What would end it shows a plain page until the reason has gone; what crashes it ends
the process, and systemd starts the next one."""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from kiosk import problems
from kiosk.assembly import Settings
from kiosk.config import ConfigError
from kiosk.plain_page import Ended, show_until
from kiosk.supervision import LOOP_CRASHES, CrashCounter, LeaveWish, Supervisor
from kiosk.system_log import log_to_journal

log = logging.getLogger(__name__)

CRASH_REST = 300.0
"""Seconds without a try after a crash loop."""


def run_unattended(path: Path) -> int:
    """Run the kiosk of this configuration until it is asked to end; return the exit code."""
    wish = LeaveWish()
    wish.listen()
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        # Before the screen takes the keyboard, Ctrl+C and its like are still signals.
        signal.signal(number, signal.SIG_IGN)
    log_to_journal()
    supervisor = Supervisor.from_environment()
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    crashes = CrashCounter(Path(runtime)) if runtime else None
    try:
        if crashes is not None and crashes.started() >= LOOP_CRASHES:
            log.critical("crashed %d times in a row: no try for a while", LOOP_CRASHES)
            show_until(problems.KIOSK_CRASHES, _after(CRASH_REST), supervisor, wish)
            crashes.forget()
        code = _run(path, supervisor, wish)
    except Ended:
        code = 0
    if not code and crashes is not None:
        crashes.ended_well()
    supervisor.stopping()
    return code


def _run(path: Path, supervisor: Supervisor, wish: LeaveWish) -> int:
    from kiosk.app import MISCONFIGURED, KioskApp  # noqa: PLC0415
    from kiosk.hardware.readers import PcscWatcher  # noqa: PLC0415

    while True:
        settings = _settings(path, supervisor, wish)
        app = KioskApp(
            lambda show, crash, settings=settings: settings.controller(  # type: ignore[misc]
                PcscWatcher(), show, crash
            ),
            settings.tools,
            supervisor=supervisor,
            wish=wish,
            narration=settings.narration(),
            alone=True,
        )
        app.run()
        if app.return_code != MISCONFIGURED:
            return app.return_code or 0
        # A file that is costly to read is wrong; `_settings` reads it as well from now on.
        log.error("%s", app.config_error)
        _wait_for(path, supervisor, wish)


def _settings(path: Path, supervisor: Supervisor, wish: LeaveWish) -> Settings:
    """Read the configuration, and wait with a page on the screen until it can be read."""
    while True:
        try:
            return _load(path)
        except ConfigError as error:
            log.error("%s", error)
            _wait_for(path, supervisor, wish)


def _load(path: Path) -> Settings:
    settings = Settings.load(path)
    if settings.state_directory is None:
        raise ConfigError(path, "kiosk.state_directory", "nothing", "a folder to keep the journal")
    return settings


def _wait_for(path: Path, supervisor: Supervisor, wish: LeaveWish) -> None:
    """Show that the configuration is broken until it is in order, with every file it names."""
    # That may take days, and begins before `kiosk.memory` has switched it on again.
    gc.enable()

    def mended() -> bool:
        try:
            _load(path).check()
        except ConfigError:
            return False
        log.info("the configuration is in order again")
        return True

    show_until(problems.KIOSK_CONFIG, mended, supervisor, wish)


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end
