"""How long staff have to wait after wrong PINs.

A try is counted before the PIN is looked at, and taken back if it was right: so pulling the
plug in between gains nothing. The count is in a file, because a restart must not reset it.

Time: within one boot of the machine the kernel's boot clock counts, which nobody sets. After a
reboot only the calendar is left; it may have jumped, so what it says of the wait is believed
only if it lies between nothing and the whole wait.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from kiosk.disk import sync_folder

log = logging.getLogger(__name__)

FREE = 3
"""Wrong PINs before the first wait."""

FIRST_WAIT = 30
"""Seconds; doubled for each further wrong PIN."""

LONGEST_WAIT = 900
"""Seconds."""

_MOST = 64
"""The count stops here: the wait has long been the longest."""


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _boot_clock() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Tries:
    """Counts wrong staff PINs, and keeps the count in a file."""

    def __init__(
        self,
        file: Path,
        *,
        boot: Callable[[], str] = _boot_id,
        uptime: Callable[[], float] = _boot_clock,
        calendar: Callable[[], float] = time.time,
    ) -> None:
        """Take up the count of before.

        Args:
            file: where it is kept. One that cannot be understood counts as the first wait.
            boot: names this boot of the machine.
            uptime: seconds that nobody can set.
            calendar: seconds since 1970, which may jump.
        """
        self._file = file
        self._boot = boot()
        self._uptime = uptime
        self._calendar = calendar
        self._wrong = 0
        self._ends = 0.0
        """On the boot clock."""
        self._load()

    @property
    def wrong(self) -> int:
        """Wrong PINs in a row."""
        return self._wrong

    @property
    def wait(self) -> float:
        """Seconds until a PIN is looked at again; 0 if one is now."""
        return max(0.0, self._ends - self._uptime())

    def begin(self) -> None:
        """Count a PIN that is about to be looked at as wrong, for now."""
        self._wrong = min(self._wrong + 1, _MOST)
        self._ends = self._uptime() + self._whole_wait
        self._save()

    def take_back(self) -> None:
        """Nobody could tell whether it was right: as if it had not been typed."""
        self._wrong = max(self._wrong - 1, 0)
        self._ends = 0.0
        self._save()

    def succeeded(self) -> None:
        """It was right: begin anew."""
        self._wrong, self._ends = 0, 0.0
        self._save()

    @property
    def _whole_wait(self) -> float:
        if self._wrong < FREE:
            return 0.0
        return float(min(FIRST_WAIT * 2 ** (self._wrong - FREE), LONGEST_WAIT))

    def _load(self) -> None:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            wrong, boot = kept["wrong"], kept["boot"]
            ends, ends_calendar = float(kept["ends"]), float(kept["ends_calendar"])
            if type(wrong) is not int or not 0 <= wrong <= _MOST or not isinstance(boot, str):
                raise ValueError("not what was written")
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError):
            log.warning("the count of wrong staff PINs cannot be read; a wait begins")
            self._wrong = FREE
            self._ends = self._uptime() + self._whole_wait
            return
        self._wrong = wrong
        if boot and boot == self._boot:
            left = ends - self._uptime()
        else:
            left = ends_calendar - self._calendar()
        # More than the whole wait is left where the calendar went back. What is no number
        # (NaN) compares as false, and begins the whole wait as well.
        left = left if left <= self._whole_wait else self._whole_wait
        self._ends = self._uptime() + max(0.0, left)

    def _save(self) -> None:
        kept = {
            "wrong": self._wrong,
            "boot": self._boot,
            "ends": self._ends,
            "ends_calendar": self._calendar() + self.wait,
        }
        partial = self._file.with_name(self._file.name + ".new")
        try:
            with partial.open("w", encoding="utf-8") as file:
                json.dump(kept, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._file)
            sync_folder(self._file.parent)
        except OSError as error:
            # It still counts in memory; staff have to get in to see what is wrong with the disk.
            log.warning("the count of wrong staff PINs is not kept: %s", error.strerror)
