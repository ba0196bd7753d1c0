"""What unit files say, drop-ins included, without asking systemd: that works in a chroot too."""

from __future__ import annotations

from collections.abc import Iterator

from kiosk.doctor.machine import Machine

FOLDERS = (
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/system",
    "/etc/systemd/system",
)
"""Where system units lie (systemd.unit(5)); a later folder goes before an earlier one."""


def unit_file(machine: Machine, unit: str) -> str | None:
    """Path of the unit's file; None where it is not installed."""
    for folder in reversed(FOLDERS):
        path = machine.at(folder) / unit
        if path.is_symlink() or path.exists():
            return f"{folder}/{unit}"
    return None


def is_masked(machine: Machine, unit: str) -> bool:
    """Whether nothing can start the unit: it is a link to /dev/null, or an empty file."""
    file = unit_file(machine, unit)
    if file is None:
        return False
    path = machine.at(file)
    if path.is_symlink():
        return str(path.readlink()) == "/dev/null"
    return path.stat().st_size == 0


def unit_settings(machine: Machine, unit: str) -> dict[str, tuple[str, ...]]:
    """All assignments of the unit's file and its drop-ins, in their order.

    An empty assignment takes back those before it, as systemd does for lists.
    """
    found: dict[str, tuple[str, ...]] = {}
    for line in _lines(machine, unit):
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if not equals or key.startswith(("#", ";", "[")):
            continue
        found[key] = (*found.get(key, ()), value) if value else ()
    return found


def _lines(machine: Machine, unit: str) -> Iterator[str]:
    if file := unit_file(machine, unit):
        yield from (machine.text(file) or "").splitlines()
    drop_ins: dict[str, str] = {}
    for folder in FOLDERS:
        inside = machine.at(f"{folder}/{unit}.d")
        if inside.is_dir():
            names = [one.name for one in inside.iterdir() if one.suffix == ".conf"]
            drop_ins |= {name: f"{folder}/{unit}.d/{name}" for name in names}
    for name in sorted(drop_ins):
        yield from (machine.text(drop_ins[name]) or "").splitlines()
