"""Each process of the kiosk is killed; the welcome screen comes back each time."""

from __future__ import annotations

import statistics
from functools import partial

from tests.vm.bench import PATIENCE, UNIT, WELCOME, Bench, Process
from tests.vm.registry import check
from tests.vm.visit import Customer
from tests.vm.waiting import CheckFailed, wait_until

TIMES = 3
"""How often each is killed, for the median."""


def _forget_crashes(bench: Bench) -> None:
    """Five crashes in two minutes are a crash loop, which is another check."""
    bench.machine.shell("rm -f /run/vnpt-bhxh-kiosk/crashes")


def _killed(bench: Bench, what: str, part: str) -> str:
    times = []
    for _ in range(TIMES):
        _forget_crashes(bench)
        process = _process(bench, part)
        kill = partial(bench.machine.shell, f"kill -9 {process.pid}")
        times.append(bench.time_to_welcome(kill))
    _forget_crashes(bench)
    listed = ", ".join(f"{one:.1f}" for one in times)
    return f"{what}: welcome after {statistics.median(times):.1f} s (median of {listed})"


def _process(bench: Bench, part: str) -> Process:
    if not part:
        return bench.kiosk()
    found = next((one for one in bench.processes() if one.name.startswith(part)), None)
    if found is None:
        raise CheckFailed(f"no process {part}: {bench.processes()}")
    return found


@check("kill-kiosk", "`kill -9` of the kiosk: back to welcome")
def kill_kiosk(bench: Bench) -> str:
    return _killed(bench, "kiosk", "")


@check("kill-foot", "`kill -9` of foot, the terminal: back to welcome")
def kill_foot(bench: Bench) -> str:
    return _killed(bench, "foot", "/usr/bin/foot")


@check("kill-cage", "`kill -9` of cage, the compositor: back to welcome")
def kill_cage(bench: Bench) -> str:
    return _killed(bench, "cage", "/usr/bin/cage")


@check("kill-helper", "`kill -9` of the token helper: the kiosk stays, and the visit goes on")
def kill_helper(bench: Bench) -> str:
    def another() -> Process | None:
        return next((one for one in bench.processes() if _is_helper(one) and one != killed), None)

    killed: Process | None = None
    before = bench.kiosk()
    killed = wait_until(another, "there is no token helper", PATIENCE)
    bench.machine.shell(f"kill -9 {killed.pid}")
    customer = Customer(bench)
    customer.to_username()
    killed = wait_until(another, "no new helper has read the token", PATIENCE)
    bench.machine.shell(f"kill -9 {killed.pid}")
    customer.enter_username()
    wait_until(another, "no new helper has taken over", PATIENCE)
    customer.cancel()
    if bench.kiosk() != before:
        raise CheckFailed("the kiosk itself was started anew")
    return "killed at welcome and at the username: a new one each time, up to the PIN, same kiosk"


def _is_helper(process: Process) -> bool:
    return "kiosk.hardware.token_helper" in process.name


@check("sigterm", "SIGTERM: the unit ends cleanly and can be started again")
def sigterm(bench: Bench) -> str:
    bench.machine.shell(f"systemctl stop {UNIT}", seconds=120)
    result = bench.machine.shell(f"systemctl show {UNIT} -p Result --value").strip()
    left = bench.processes()
    counted = bench.machine.shell("ls /run/vnpt-bhxh-kiosk").split()
    bench.machine.shell(f"systemctl start {UNIT}", seconds=180)
    bench.await_words(*WELCOME)
    if result != "success" or left:
        raise CheckFailed(f"result {result}, left over: {left}")
    if "running" in counted:
        raise CheckFailed("the kiosk counts the clean end as a crash")
    return "result success, no process left, and welcome again after `systemctl start`"


@check("night-restart", "The night restart gives a fresh process and the welcome screen")
def night_restart(bench: Bench) -> str:
    timer = bench.machine.shell(
        "systemctl is-enabled vnpt-bhxh-kiosk-restart.timer;"
        "systemctl show vnpt-bhxh-kiosk-restart.timer -p NextElapseUSecRealtime --value"
    ).split("\n")
    took = bench.time_to_welcome(
        lambda: bench.machine.shell("systemctl start vnpt-bhxh-kiosk-restart.service", seconds=180)
    )
    return f"timer {timer[0]}, next {timer[1]}; welcome after {took:.1f} s"
