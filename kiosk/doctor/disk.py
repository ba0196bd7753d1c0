"""Room on the disks that the kiosk and its log write to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from kiosk.doctor.findings import Finding, failed, ok, warning

MEGABYTE = 1024 * 1024

FAILED_BELOW = 20 * MEGABYTE
"""Bytes. Less is gone within a day of logs."""
WARNED_BELOW = 300 * MEGABYTE

INODES_BELOW = 1000

_ADVICE = (
    "`journalctl --vacuum-size=100M` and `apt-get clean` make room; `du -xh / | sort -h` shows "
    "what takes it."
)


def look_at_disks(
    places: Mapping[str, Path],
    least: int = FAILED_BELOW,
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs,
) -> list[Finding]:
    """Look how much may still be written.

    Args:
        places: what is written there, and the folder; of one that is not there yet, the
            folder above it is meant.
        least: bytes below which the kiosk does not serve.
        statvfs: asks the file system.
    """
    return [_one(what, folder, least, statvfs) for what, folder in places.items()]


def _one(
    what: str, folder: Path, least: int, statvfs: Callable[[Path], os.statvfs_result]
) -> Finding:
    there = _existing(folder)
    try:
        about = statvfs(there)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        return failed("disk", f"{what} ({folder}): {reason}", "Look at `dmesg` and at the disk.")
    free = about.f_bavail * about.f_frsize
    facts = {"path": str(folder), "free_bytes": free, "free_inodes": about.f_favail}
    text = f"{what} ({folder}): {_size(free)} free"
    if about.f_flag & os.ST_RDONLY:
        advice = "The file system is mounted read-only, perhaps after an error: look at `dmesg`."
        return failed("disk", f"{text}, read-only", advice, **facts)
    if free < least:
        text += f", and at least {_size(least)} are needed"
        return failed("disk", text, _ADVICE, **facts)
    if about.f_files and about.f_favail < INODES_BELOW:
        return warning("disk", f"{text}, but room for {about.f_favail} files", _ADVICE, **facts)
    if free < max(WARNED_BELOW, 2 * least):
        return warning("disk", text, _ADVICE, **facts)
    return ok("disk", text, **facts)


def _existing(folder: Path) -> Path:
    for one in (folder, *folder.parents):
        if os.path.exists(one):  # noqa: PTH110 - Path.exists raises where it may not look.
            return one
    return folder


def _size(size: int) -> str:
    if size >= 1024 * MEGABYTE:
        return f"{size / (1024 * MEGABYTE):.1f} GB"
    return f"{size / MEGABYTE:.0f} MB"
