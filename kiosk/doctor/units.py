"""The units: installed, enabled, running, and in order."""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.doctor.findings import Finding, failed, ok, skipped, warning
from kiosk.doctor.machine import CONSOLE_UNIT, RESTART_TIMER, UNIT, Machine
from kiosk.doctor.unit_files import unit_file, unit_settings
from kiosk.text import clean_text

_INSTALL = "Install the Debian package vnpt-bhxh-kiosk."


def look_at_units(machine: Machine) -> list[Finding]:
    """Look at the kiosk's own units, and at pcscd's."""
    if unit_file(machine, UNIT) is None:
        return [failed("kiosk_unit", f"{UNIT} is not installed", _INSTALL)]
    return [
        _kiosk(machine),
        _timer(machine),
        _pcscd(machine),
        _verify(machine),
    ]


def _kiosk(machine: Machine) -> Finding:
    enabled = [one for one in (UNIT, CONSOLE_UNIT) if _enabled(machine, one)]
    if len(enabled) > 1:
        advice = f"Choose one: `systemctl disable {CONSOLE_UNIT}`, or the other."
        return failed("kiosk_unit", f"{UNIT} and {CONSOLE_UNIT} are both enabled", advice)
    if not enabled:
        text = f"{UNIT} is not enabled: the machine boots without the kiosk"
        return failed("kiosk_unit", text, f"`systemctl enable --now {UNIT}`")
    (unit,) = enabled
    if not machine.booted:
        return ok("kiosk_unit", f"{unit} is enabled; systemd does not run here")
    state = _show(machine, unit)
    if state is None:
        return warning("kiosk_unit", f"{unit} is enabled; systemd does not answer")
    facts = {name: state.get(name, "") for name in ("ActiveState", "SubState", "NRestarts")}
    text = f"{unit} is enabled and {state.get('ActiveState', '?')} ({state.get('SubState', '?')})"
    text += f", started again {state.get('NRestarts', '?')} times since the boot"
    if state.get("ActiveState") == "active":
        return ok("kiosk_unit", text, **facts)
    advice = f"`journalctl -b -u {unit}` tells why; `systemctl start {unit}` starts it."
    return failed("kiosk_unit", text, advice, **facts)


def _timer(machine: Machine) -> Finding:
    times = ", ".join(unit_settings(machine, RESTART_TIMER).get("OnCalendar", ())) or "no time"
    text = f"night restart: {times}"
    if not _enabled(machine, RESTART_TIMER):
        advice = f"`systemctl enable --now {RESTART_TIMER}`, unless that is meant."
        return warning("timer", f"{text}, but {RESTART_TIMER} is not enabled", advice)
    if not machine.booted:
        return ok("timer", f"{text}; systemd does not run here")
    state = _show(machine, RESTART_TIMER)
    if state is not None and state.get("ActiveState") != "active":
        return warning(
            "timer", f"{text}, but it is not armed", f"`systemctl start {RESTART_TIMER}`"
        )
    following = (state or {}).get("NextElapseUSecRealtime", "")
    return ok("timer", text + (f", next on {following}" if following else ""))


def _pcscd(machine: Machine) -> Finding:
    if unit_file(machine, "pcscd.socket") is None:
        advice = "Install the Debian package pcscd."
        return failed("pcscd_unit", "pcscd.socket is not installed", advice)
    if not _enabled(machine, "pcscd.socket"):
        advice = "`systemctl enable --now pcscd.socket`"
        return warning("pcscd_unit", "pcscd.socket is not enabled: pcscd starts on no boot", advice)
    return ok("pcscd_unit", "pcscd.socket is enabled")


def _verify(machine: Machine) -> Finding:
    units = [one for one in (UNIT, CONSOLE_UNIT, RESTART_TIMER) if unit_file(machine, one)]
    ran = machine.run(("systemd-analyze", "verify", "--man=no", *units))
    if ran is None:
        return skipped("verify", "systemd-analyze is not installed")
    if ran.code is None:
        return skipped("verify", "systemd-analyze did not end in time")
    own = [line for line in ran.output.splitlines() if "vnpt-bhxh-kiosk" in line]
    if own:
        told = "\n".join(clean_text(line, 300) for line in own[:5])
        advice = "Take back what was changed with `systemctl edit`, or install the package anew."
        return warning("verify", f"systemd-analyze verify finds:\n{told}", advice)
    if ran.code != 0:
        return skipped("verify", "systemd-analyze verify does not work here")
    return ok("verify", "systemd-analyze verify finds nothing wrong with the units")


def _enabled(machine: Machine, unit: str) -> bool:
    """Whether the unit starts with the machine; systemctl tells without systemd too."""
    ran = machine.run(("systemctl", "is-enabled", unit))
    return ran is not None and ran.output.split()[-1:] == ["enabled"]


def _show(machine: Machine, unit: str) -> Mapping[str, str] | None:
    names = "ActiveState,SubState,NRestarts,NextElapseUSecRealtime"
    ran = machine.run(("systemctl", "show", "--property", names, unit))
    if ran is None or ran.code != 0:
        return None
    return dict(line.split("=", 1) for line in ran.output.splitlines() if "=" in line)
