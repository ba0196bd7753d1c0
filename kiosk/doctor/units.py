"""The units: installed, enabled, running, and in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from kiosk.doctor.findings import Finding, failed, ok, skipped, warning
from kiosk.doctor.machine import CONSOLE_UNIT, LOCKDOWN_UNIT, RESTART_TIMER, UNIT, Machine
from kiosk.doctor.unit_files import unit_file, unit_settings
from kiosk.text import clean_text

PCSCD = "pcscd.socket"

Shown = Mapping[str, Mapping[str, str]]
"""Properties of units (`systemctl show`), by the units' names."""

_INSTALL = "Install the Debian package vnpt-bhxh-kiosk."


def look_at_units(machine: Machine) -> list[Finding]:
    """Look at the kiosk's own units, and at pcscd's."""
    if unit_file(machine, UNIT) is None:
        return [failed("kiosk_unit", f"{UNIT} is not installed", _INSTALL)]
    enabled = _enabled(machine, (UNIT, CONSOLE_UNIT, RESTART_TIMER, PCSCD))
    if enabled is None:
        return [skipped("kiosk_unit", "systemctl does not answer")]
    units = (UNIT, CONSOLE_UNIT, LOCKDOWN_UNIT, RESTART_TIMER)
    shown = _show(machine, units) if machine.booted else {}
    return [
        _kiosk(enabled, shown, booted=machine.booted),
        *_lockdown(shown),
        _timer(machine, enabled, shown),
        _pcscd(machine, enabled),
    ]


def _kiosk(enabled: Set[str], shown: Shown, *, booted: bool) -> Finding:
    kiosks = [one for one in (UNIT, CONSOLE_UNIT) if one in enabled]
    if len(kiosks) > 1:
        advice = f"Choose one: `systemctl disable {CONSOLE_UNIT}`, or the other."
        return failed("kiosk_unit", f"{UNIT} and {CONSOLE_UNIT} are both enabled", advice)
    if not kiosks:
        text = f"{UNIT} is not enabled: the machine boots without the kiosk"
        return failed("kiosk_unit", text, f"`systemctl enable --now {UNIT}`")
    (unit,) = kiosks
    if not booted:
        return ok("kiosk_unit", f"{unit} is enabled; systemd does not run here")
    state = shown.get(unit)
    advice = f"`journalctl -b -u {unit}` tells why; `systemctl start {unit}` starts it."
    if state is None:
        text = f"{unit} is enabled; systemd does not tell whether it runs"
        return warning("kiosk_unit", text, advice)
    facts = {name: state.get(name, "") for name in ("ActiveState", "SubState", "NRestarts")}
    active = facts["ActiveState"]
    text = f"{unit} is enabled and {active} ({facts['SubState']})"
    text += f", started again {facts['NRestarts']} times since the boot"
    if active == "active":
        return ok("kiosk_unit", text, **facts)
    if active in ("activating", "deactivating", "reloading"):
        advice = f"Look again in a minute; if it stays so, `journalctl -b -u {unit}` tells why."
        return warning("kiosk_unit", text, advice, **facts)
    return failed("kiosk_unit", text, advice, **facts)


def _lockdown(shown: Shown) -> list[Finding]:
    """Whether the unit is at work that a running kiosk has beside it."""
    runs = {unit for unit, state in shown.items() if state.get("ActiveState") == "active"}
    if not runs & {UNIT, CONSOLE_UNIT}:
        return []
    if LOCKDOWN_UNIT in runs:
        return [ok("switching", f"{LOCKDOWN_UNIT} is active: no key leads to another terminal")]
    text = f"{LOCKDOWN_UNIT} is not active: keys may lead to another terminal"
    advice = f"`journalctl -b -u {LOCKDOWN_UNIT}` tells why; `systemctl start {LOCKDOWN_UNIT}`"
    return [failed("switching", text, advice)]


def _timer(machine: Machine, enabled: Set[str], shown: Shown) -> Finding:
    times = ", ".join(unit_settings(machine, RESTART_TIMER).get("OnCalendar", ())) or "no time"
    text = f"night restart: {times}"
    if RESTART_TIMER not in enabled:
        advice = f"`systemctl enable --now {RESTART_TIMER}`, unless that is meant."
        return warning("timer", f"{text}, but {RESTART_TIMER} is not enabled", advice)
    if not machine.booted:
        return ok("timer", f"{text}; systemd does not run here")
    state = shown.get(RESTART_TIMER, {})
    if state.get("ActiveState", "active") != "active":
        return warning(
            "timer", f"{text}, but it is not armed", f"`systemctl start {RESTART_TIMER}`"
        )
    following = state.get("NextElapseUSecRealtime", "")
    return ok("timer", text + (f", next on {following}" if following else ""))


def _pcscd(machine: Machine, enabled: Set[str]) -> Finding:
    if unit_file(machine, PCSCD) is None:
        advice = "Install the Debian package pcscd."
        return failed("pcscd_unit", f"{PCSCD} is not installed", advice)
    if PCSCD not in enabled:
        advice = f"`systemctl enable --now {PCSCD}`"
        return warning("pcscd_unit", f"{PCSCD} is not enabled", advice)
    return ok("pcscd_unit", f"{PCSCD} is enabled")


def _enabled(machine: Machine, units: Sequence[str]) -> Set[str] | None:
    """Which of them start with the machine; None if systemctl, which tells without systemd
    too, does not answer."""
    there = [one for one in units if unit_file(machine, one)]
    ran = machine.run(("systemctl", "is-enabled", *there))
    lines = ran.output.split() if ran is not None else []
    if len(lines) != len(there):
        return None
    return {unit for unit, state in zip(there, lines, strict=True) if state == "enabled"}


def _show(machine: Machine, units: Sequence[str]) -> Shown:
    """What systemd says of each unit; nothing, if it does not answer."""
    names = "Id,ActiveState,SubState,NRestarts,NextElapseUSecRealtime"
    ran = machine.run(("systemctl", "show", "--property", names, *units))
    if ran is None or ran.code != 0:
        return {}
    found = {}
    for block in ran.output.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        found[values.get("Id", "")] = values
    return found


def look_at_unit_files(machine: Machine) -> list[Finding]:
    """Have systemd-analyze(1) read the kiosk's units, which takes it a while."""
    return [_verify(machine)]


def _verify(machine: Machine) -> Finding:
    own = (UNIT, CONSOLE_UNIT, LOCKDOWN_UNIT, RESTART_TIMER)
    units = [one for one in own if unit_file(machine, one)]
    if not units:
        return skipped("verify", f"{UNIT} is not installed")
    ran = machine.run(("systemd-analyze", "verify", "--man=no", *units))
    if ran is None:
        return skipped("verify", "systemd-analyze is not installed")
    if ran.code is None:
        return skipped("verify", "systemd-analyze did not end in time")
    faults = [line for line in ran.output.splitlines() if "vnpt-bhxh-kiosk" in line]
    if faults:
        told = "\n".join(clean_text(line, 300) for line in faults[:5])
        advice = "Take back what was changed with `systemctl edit`, or install the package anew."
        return warning("verify", f"systemd-analyze verify finds:\n{told}", advice)
    if ran.code != 0:
        return skipped("verify", "systemd-analyze verify does not work here")
    return ok("verify", "systemd-analyze verify finds nothing wrong with the units")
