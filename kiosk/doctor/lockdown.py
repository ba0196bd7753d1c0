"""What keeps people out of the machine, and secrets in its memory."""

from __future__ import annotations

from kiosk.doctor.findings import Finding, failed, ok, skipped, warning
from kiosk.doctor.machine import UNIT, Machine
from kiosk.doctor.unit_files import conf_settings, is_masked, unit_settings

_PACKAGE = "The Debian package vnpt-bhxh-kiosk brings it; then restart the machine."

_LOGIND = {"NAutoVTs": "0", "ReserveVT": "0"}


def look_at_lock_down(machine: Machine) -> list[Finding]:
    """Look at every way out of the kiosk, and at what could write its memory to a disk."""
    return [
        _masked(machine, "getty@tty1.service", "a login prompt may come up on the kiosk's screen"),
        _masked(machine, "ctrl-alt-del.target", "Ctrl+Alt+Del restarts the machine"),
        *_logind(machine),
        _burst(machine),
        _sysrq(machine),
        *_core_files(machine),
        _swap(machine),
    ]


def _masked(machine: Machine, unit: str, otherwise: str) -> Finding:
    if is_masked(machine, unit):
        return ok("masked", f"{unit} is masked", unit=unit)
    return failed("masked", f"{unit} is not masked: {otherwise}", f"`systemctl mask {unit}`")


def _logind(machine: Machine) -> list[Finding]:
    settings = conf_settings(machine, "logind.conf")
    found = {key: (settings.get(key) or ("unset",))[-1] for key in _LOGIND}
    wrong = [f"{key}={value}" for key, value in found.items() if value != _LOGIND[key]]
    if wrong:
        text = f"logind: {', '.join(wrong)}: a login prompt comes up on another virtual terminal"
        advice = (
            f"Set {' and '.join(f'{key}={value}' for key, value in _LOGIND.items())}. {_PACKAGE}"
        )
        return [failed("logind", text, advice)]
    return [ok("logind", "logind starts no login prompt (NAutoVTs=0, ReserveVT=0)")]


def _burst(machine: Machine) -> Finding:
    settings = conf_settings(machine, "system.conf")
    value = (settings.get("CtrlAltDelBurstAction") or ("reboot-force",))[-1]
    if value != "none":
        text = f"CtrlAltDelBurstAction={value}: Ctrl+Alt+Del pressed 7 times restarts the machine"
        return failed("burst", text, f"Set CtrlAltDelBurstAction=none. {_PACKAGE}")
    return ok("burst", "Ctrl+Alt+Del pressed many times does nothing")


def _sysrq(machine: Machine) -> Finding:
    value = machine.text("/proc/sys/kernel/sysrq")
    if value is None:
        return skipped("sysrq", "/proc/sys/kernel/sysrq cannot be read")
    if value != "0":
        text = f"kernel.sysrq is {value}: magic keys act on the machine"
        return failed("sysrq", text, f"`sysctl kernel.sysrq=0`. {_PACKAGE}")
    return ok("sysrq", "magic SysRq keys do nothing")


def _core_files(machine: Machine) -> list[Finding]:
    limit = unit_settings(machine, UNIT).get("LimitCORE", ())
    pattern = machine.text("/proc/sys/kernel/core_pattern")
    if pattern is None:
        found = skipped("core", "/proc/sys/kernel/core_pattern cannot be read")
    elif pattern in ("|/bin/false", "|/usr/bin/false", ""):
        found = ok("core", "no process writes a core file")
    else:
        text = f"kernel.core_pattern is {pattern}: a program that crashes may write its memory down"
        found = warning("core", text, f"`sysctl 'kernel.core_pattern=|/bin/false'`. {_PACKAGE}")
    if not unit_settings(machine, UNIT):
        return [found]
    if limit[-1:] != ("0",):
        text = f"{UNIT} may write core files: LimitCORE is {limit[-1] if limit else 'unset'}"
        return [found, failed("core", text, f"Set LimitCORE=0 with `systemctl edit {UNIT}`.")]
    return [found, ok("core", f"{UNIT} writes no core file (LimitCORE=0)")]


def _swap(machine: Machine) -> Finding:
    text = machine.text("/proc/swaps")
    if text is None:
        return skipped("swap", "/proc/swaps cannot be read")
    areas = [line.split()[0] for line in text.splitlines()[1:] if line.strip()]
    if areas:
        told = f"memory may be written to {', '.join(areas)} (swap)"
        advice = "`swapoff --all`, and take swap out of /etc/fstab; `systemctl list-units -t swap`."
        return failed("swap", told, advice, areas=areas)
    return ok("swap", "swap is off")
