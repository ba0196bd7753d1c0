"""What systemd and the kiosk do about a kiosk that hangs or crashes again and again."""

from __future__ import annotations

import time

from tests.vm.bench import UNIT, WELCOME, Bench
from tests.vm.registry import check
from tests.vm.waiting import CheckFailed, wait_until

CRASHES = 5
"""So many within two minutes are a loop."""

REST = 300.0
"""Seconds without a try after a loop."""


@check("watchdog", "A kiosk that hangs (SIGSTOP) is killed by the watchdog: back to welcome")
def watchdog(bench: Bench) -> str:
    bench.machine.shell("rm -f /run/vnpt-bhxh-kiosk/crashes")
    kiosk = bench.kiosk()
    took = bench.time_to_welcome(lambda: bench.machine.shell(f"kill -STOP {kiosk.pid}"), 240)
    if "watchdog" not in bench.journal().lower():
        raise CheckFailed("the journal says nothing of the watchdog")
    return f"welcome {took:.0f} s after it hung (WatchdogSec 20)"


def _start_noted(bench: Bench) -> str:
    """When the kiosk last noted a start."""
    return bench.machine.shell("stat -c %y /run/vnpt-bhxh-kiosk/running")


@check("crash-loop", "Five crashes in two minutes: out of service with K10, then another try")
def crash_loop(bench: Bench) -> str:
    machine = bench.machine
    machine.shell("rm -f /run/vnpt-bhxh-kiosk/crashes")
    started = time.monotonic()
    for _ in range(CRASHES):
        noted = _start_noted(bench)
        machine.shell(f"kill -9 {bench.kiosk().pid}")
        wait_until(
            lambda noted=noted: _start_noted(bench) != noted,  # type: ignore[misc]
            "the kiosk was not started again",
            90,
        )
    bench.await_words("Máy chưa phục vụ được", "K10", seconds=90)
    crashed_in = time.monotonic() - started
    bench.keep_picture("crash-loop", "After five crashes in two minutes")
    bench.await_words(*WELCOME, seconds=REST + 120)
    healed = time.monotonic() - started - crashed_in
    restarts = machine.shell(f"systemctl show {UNIT} -p NRestarts --value").strip()
    return (
        f"K10 {crashed_in:.0f} s after the first of five kills; welcome by itself "
        f"{healed:.0f} s later; {restarts} restarts by systemd"
    )
