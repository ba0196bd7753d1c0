"""The receipt printer: its library, its font, and whether the kiosk gets to the device.

Nothing is printed. What is wrong is in doubt only: without paper the kiosk serves all the same.
"""

from __future__ import annotations

import grp
import importlib.util
import os
import socket
import stat
from collections.abc import Iterable
from pathlib import Path

from kiosk.config import Config
from kiosk.doctor.findings import Finding, ok, warning
from kiosk.doctor.machine import UNIT, Machine, own_name, owner_of
from kiosk.doctor.unit_files import unit_settings
from kiosk.printing.device import Device
from kiosk.printing.fonts import ASK, FontMissing, pattern, taken

LIBRARIES = ("escpos", "PIL")
"""What the printing process loads, by the names of the modules."""

CONNECT_SECONDS = 3.0
"""Longest wait for a printer on the network."""

DROP_IN = "install.md, `A receipt printer`, has the drop-in for the unit."


def look_at_printer(config: Config, machine: Machine) -> list[Finding]:
    """Look at everything that a slip takes, but for the paper.

    Args:
        config: the kiosk's, with a device that `Device.parse` takes.
        machine: where fontconfig is asked and the unit is looked for.
    """
    if not config.printer.device:
        return [ok("printer", "none is configured")]
    device = Device.parse(config.printer.device)
    found = [*check_libraries(), *check_fonts(config.kiosk.languages, machine)]
    if device.host:
        return [*found, check_network(device, CONNECT_SECONDS * machine.patience)]
    path = Path(device.path)
    return [*found, check_device(path, machine), *check_unit(path, machine)]


def check_libraries(names: Iterable[str] = LIBRARIES) -> list[Finding]:
    """Whether what draws and speaks to the printer is installed."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if not missing:
        return [ok("printing", "python-escpos and Pillow are installed")]
    advice = "The Debian package has them; else install the kiosk with its extra `printer`."
    return [warning("printing", f"Python has no module {' and no '.join(missing)}", advice)]


def check_fonts(languages: Iterable[str], machine: Machine) -> list[Finding]:
    """Whether there is a font for each language that a customer can choose."""
    found = []
    for language in languages:
        ran = machine.run((*ASK, pattern(language)))
        try:
            font = taken(language, ran.output if ran is not None and ran.code == 0 else "")
        except FontMissing as error:
            package = "fonts-noto-cjk" if language in ("ko", "ja", "zh") else "fonts-noto-mono"
            text = f"no slip in {language}: there is no font {error}"
            advice = f"Install the Debian packages fontconfig and {package}."
            found.append(warning("slip_font", text, advice, language=language))
        else:
            text = f"slips in {language} are drawn with {font.path}"
            found.append(ok("slip_font", text, language=language, path=font.path))
    return found


def check_network(device: Device, seconds: float) -> Finding:
    """Connect to a printer on the network, and hang up."""
    place = f"{device.host}:{device.port}"
    try:
        socket.create_connection((device.host, device.port), timeout=seconds).close()
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        advice = "Is it switched on? Look at its network cable and its address, and at the port."
        return warning("printer", f"no connection to {place}: {reason.lower()}", advice)
    return ok("printer", f"{place} takes connections", host=device.host, port=device.port)


def check_device(path: Path, machine: Machine) -> Finding:
    """Whether the device file can be opened, as this process or with the unit's groups."""
    try:
        about = path.stat()
    except OSError as error:
        text = f"{path}: {(error.strerror or type(error).__name__).lower()}"
        advice = (
            "Is it plugged in and switched on? `dmesg | grep usblp` tells what the kernel saw, "
            "and USBGuard may have blocked it (`usbguard list-devices`)."
        )
        return warning("printer", text, advice, path=str(path))
    title = f"{path} ({owner_of(about)} {stat.S_IMODE(about.st_mode):04o})"
    facts = {"path": str(path), "owner": owner_of(about)}
    if not stat.S_ISCHR(about.st_mode):
        advice = "It was made by hand or by a fault: take it away, and plug the printer in again."
        return warning("printer", f"{title}: is no device", advice, **facts)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except PermissionError:
        if _unit_is_in(about, machine):
            return ok("printer", f"{title}: open to {UNIT}", **facts)
        advice = f"{own_name()} has to be let in by the group {owner_of(about).partition(':')[2]}: "
        return warning("printer", f"{title}: not open to {own_name()}", advice + DROP_IN, **facts)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        advice = "Something else has it open, or it is switched off; while a slip is printed, too."
        return warning("printer", f"{title}: {reason}", advice, **facts)
    return ok("printer", f"{title} can be opened", **facts)


def check_unit(path: Path, machine: Machine) -> list[Finding]:
    """The unit sees no devices but those that it names, whatever owner and mode say."""
    settings = unit_settings(machine, UNIT)
    closed = settings.get("DevicePolicy", ())[-1:] in (("closed",), ("strict",))
    if not closed or not path.is_relative_to("/dev"):
        return []
    for value in settings.get("DeviceAllow", ()):
        name, _, access = value.partition(" ")
        kind = name.removeprefix("char-")
        # The kernel's USB class devices, printers among them, share a major number named "usb".
        if (name == str(path) or (kind == "usb" and path.parent.name == "usb")) and "w" in (
            access or "rwm"
        ):
            return [ok("printer_unit", f"{UNIT} lets the kiosk at {path} ({value})")]
    text = f"{UNIT} does not let the kiosk at {path} (DevicePolicy=closed)"
    return [warning("printer_unit", text, DROP_IN, path=str(path))]


def _unit_is_in(about: os.stat_result, machine: Machine) -> bool:
    """Whether the unit adds a group that may write to the device. The doctor has only the
    groups that its user has everywhere."""
    if not about.st_mode & stat.S_IWGRP:
        return False
    try:
        group = grp.getgrgid(about.st_gid).gr_name
    except KeyError:
        return False
    added = unit_settings(machine, UNIT).get("SupplementaryGroups", ())
    return any(group in value.split() for value in added)
