"""What the machine itself says about whether the kiosk may serve: its disk, the hour, and staff."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from kiosk import problems
from kiosk.disk import sync_folder
from kiosk.hours import OpeningHours
from kiosk.problems import Problem

log = logging.getLogger(__name__)

TAKEN_OUT = "out-of-service"
"""File in the state directory: while it is there, staff want the kiosk to serve nobody."""


class Condition(msgspec.Struct, frozen=True):
    """What keeps the machine from serving; nothing, if `problem` is None."""

    problem: Problem | None = None
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    """Values for the problem's wording."""


def _here() -> datetime:
    return datetime.now().astimezone()


class Machine:
    """Looks at the machine. Nothing here waits for long."""

    def __init__(
        self,
        state: Path | None = None,
        hours: OpeningHours | None = None,
        *,
        least_free: int = 0,
        now: Callable[[], datetime] = _here,
    ) -> None:
        """Make one.

        Args:
            state: the state directory; None: the kiosk keeps nothing.
            hours: when the counter is open; None: always.
            least_free: bytes that have to be free on the disk of the state directory.
            now: the local time.
        """
        self._state = state
        self._hours = hours or OpeningHours([[]] * 7)
        self._least_free = least_free
        self._now = now

    @property
    def hours(self) -> OpeningHours:
        """When the counter is open."""
        return self._hours

    @property
    def free(self) -> int | None:
        """Bytes free for the kiosk on the disk of its state; None if that cannot be told."""
        if self._state is None:
            return None
        try:
            disk = os.statvfs(self._state)
        except OSError:
            return None
        return disk.f_bavail * disk.f_frsize

    def look(self) -> Condition:
        """Return the first reason not to serve."""
        if self.taken_out:
            return Condition(problems.KIOSK_TAKEN_OUT)
        opening = self._hours.next_opening(self._now())
        if opening is not None:
            return Condition(
                problems.KIOSK_CLOSED,
                {"time": f"{opening:%H:%M}", "date": f"{opening:%d/%m}"},
            )
        if self.disk_full:
            return Condition(problems.KIOSK_DISK)
        return Condition()

    @property
    def disk_full(self) -> bool:
        """Whether there is too little room, or none can be seen."""
        free = self.free
        return self._state is not None and (free is None or free < self._least_free)

    @property
    def taken_out(self) -> bool:
        """Whether staff have taken the kiosk out of service."""
        return self._state is not None and (self._state / TAKEN_OUT).exists()

    def take_out(self) -> None:
        """Serve nobody from now on, over restarts and power cuts, until `put_back`.

        Raises:
            OSError: the state directory cannot be written to.
        """
        if self._state is not None:
            (self._state / TAKEN_OUT).touch(mode=0o600)
            sync_folder(self._state)

    def put_back(self) -> None:
        """Serve again, also after a power cut.

        Raises:
            OSError: the state directory cannot be written to.
        """
        if self._state is not None:
            (self._state / TAKEN_OUT).unlink(missing_ok=True)
            sync_folder(self._state)
