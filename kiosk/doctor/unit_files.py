"""What unit files say, drop-ins included, without asking systemd: that works in a chroot too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kiosk.doctor.machine import Machine

FOLDERS = (
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/system",
    "/etc/systemd/system",
)
"""Where system units lie (systemd.unit(5)); a later folder goes before an earlier one."""

CONF_FOLDERS = ("/usr/lib/systemd", "/run/systemd", "/etc/systemd")
"""The same for systemd's own settings."""


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
    return _assignments(_lines(machine, unit))


def conf_settings(machine: Machine, file: str) -> dict[str, tuple[str, ...]]:
    """The same for a file of systemd's own settings, such as `logind.conf`.

    See `CONFIGURATION DIRECTORIES AND PRECEDENCE` in logind.conf(5).
    """
    main = (machine.text(f"{folder}/{file}") for folder in reversed(CONF_FOLDERS))
    text = next((one for one in main if one is not None), "")
    return _assignments(
        [*text.splitlines(), *_drop_ins(machine, [f"{one}/{file}.d" for one in CONF_FOLDERS])]
    )


def _assignments(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if not equals or key.startswith(("#", ";", "[")):
            continue
        found[key] = (*found.get(key, ()), value) if value else ()
    return found


def _lines(machine: Machine, unit: str) -> Iterator[str]:
    if file := unit_file(machine, unit):
        yield from (machine.text(file) or "").splitlines()
    yield from _drop_ins(machine, [f"{folder}/{unit}.d" for folder in FOLDERS])


def _drop_ins(machine: Machine, folders: Sequence[str]) -> Iterator[str]:
    """Lines of all drop-ins by their names; one of a later folder replaces its namesake."""
    files: dict[str, str] = {}
    for folder in folders:
        inside = machine.at(folder)
        if inside.is_dir():
            names = [one.name for one in inside.iterdir() if one.suffix == ".conf"]
            files |= {name: f"{folder}/{name}" for name in names}
    for name in sorted(files):
        yield from (machine.text(files[name]) or "").splitlines()
