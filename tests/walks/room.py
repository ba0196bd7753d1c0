"""Staff mode's room without a disk and without threads, whose time is the walks' own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.flow import StaffTopic
from kiosk.sandbox.scenario import PIN
from kiosk.staff.mode import Rows, StaffRoom
from kiosk.staff.page import Row, Say, StaffPage
from kiosk.staff.tries import Tries


class _Tries(Tries):
    """Forgets them with the walk."""

    def _load(self) -> None:
        """There is nothing."""

    def _save(self) -> None:
        """There is no disk."""


async def _verify(pin: memoryview) -> bool:
    """The PIN of the tokens is the staff's as well, so that the walks' draws hold both kinds."""
    await asyncio.sleep(0.1)
    return bytes(pin) == PIN.encode()


async def _export() -> Rows:
    await asyncio.sleep(5)
    return (Row(Say("staff.export.pull_out")),)


async def _at_once(call: Callable[[], Any]) -> Any:
    return call()


def staff_room(time: Callable[[], float]) -> StaffRoom:
    """Make one; its waits pass with the loop's `time`."""
    return StaffRoom(
        verify=_verify,
        tries=_Tries(Path("nowhere"), uptime=time),
        visits=lambda: StaffPage(StaffTopic.VISITS, Say("staff.visits.title")),
        export=_export,
        qr_url="https://outlook.com",
        in_thread=_at_once,
    )
