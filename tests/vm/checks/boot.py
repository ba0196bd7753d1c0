"""From power-on to the welcome screen, and what the machine is like then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.vm.bench import UNIT, Bench
from tests.vm.registry import check
from tests.vm.waiting import CheckFailed


@check("boot", "Power on: the welcome screen comes by itself", from_welcome=False)
def boot(bench: Bench) -> str:
    bench.machine.cut_power()
    bench.machine.renew_disk()
    took = bench.boot()
    bench.keep_picture("welcome", "The welcome screen after power-on")
    ready = bench.machine.shell(
        f"systemctl show {UNIT} -p ActiveState -p SubState -p NRestarts --value"
    ).split()
    if ready != ["0", "active", "running"] and sorted(ready) != ["0", "active", "running"]:
        raise CheckFailed(f"{UNIT} is {ready}")
    failed = bench.machine.shell("systemctl --failed --plain --no-legend").strip()
    if failed:
        raise CheckFailed(f"failed units: {failed}")
    return f"{took:.0f} s from power-on to the welcome screen, no failed unit, no restart"


@check("locked-down", "Swap, core files, SysRq, ptrace and free terminals are off as configured")
def locked_down(bench: Bench) -> str:
    shell = bench.machine.shell
    wrong = []
    for path, wanted in (
        ("kernel/sysrq", "0"),
        ("kernel/core_pattern", "|/bin/false"),
        ("fs/suid_dumpable", "0"),
        ("kernel/yama/ptrace_scope", "2"),
    ):
        found = shell(f"cat /proc/sys/{path}").strip()
        if found != wanted:
            wrong.append(f"{path} is {found}")
    if "swap on /dev/vdb" not in shell("journalctl -b -k --no-pager"):
        wrong.append("the swap of /etc/fstab was never on, so that nothing turned it off")
    if swaps := shell("tail -n +2 /proc/swaps").strip():
        wrong.append(f"there is swap: {swaps}")
    if gettys := shell("ps -C agetty -o tty= | grep -v ttyS0 || true").strip():
        wrong.append(f"a login prompt: {gettys}")
    if user := bench.processes():
        limits = shell(f"grep 'core file' /proc/{user[-1].pid}/limits")
        if limits.split()[4:6] != ["0", "0"]:
            wrong.append(f"core limit: {limits}")
    if wrong:
        raise CheckFailed("; ".join(wrong))
    return (
        "sysrq 0, core files off, ptrace 2, swap turned off, no login prompt on a virtual terminal"
    )


@check("doctor", "`kiosk doctor --json` on the machine finds nothing that has failed")
def doctor(bench: Bench) -> str:
    ran = bench.machine.run("/usr/bin/kiosk", "doctor", "--json", seconds=300)
    try:
        answer = json.loads(ran.out)
    except ValueError:
        raise CheckFailed(f"exit code {ran.code}: {ran.out[:200]} {ran.err[:300]}") from None
    lines = list(_findings(answer["findings"]))
    bad = [line for line in lines if line["status"] == "failed"]
    if ran.code != 0 or bad:
        said = "; ".join(f"{line['name']}: {line['text']} {line['advice']}" for line in bad)
        raise CheckFailed(f"exit code {ran.code}: {said or answer['conclusion']['text']}")
    warnings = [line["name"] for line in lines if line["status"] == "warning"]
    return f"exit code 0, {len(lines)} findings, warnings: {', '.join(warnings) or 'none'}"


def _findings(findings: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for finding in findings:
        yield finding
        yield from _findings(finding.get("parts", []))
