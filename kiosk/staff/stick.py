"""A USB stick for exports: there only while something is written to it.

The kiosk mounts nothing itself. A stick with the label KIOSK gets the name `DEVICE` from a udev
rule, and polkit lets the kiosk's user start and stop the one mount unit that belongs to it
(`systemd/`): nosuid, nodev, noexec, file systems of sticks only. After the export it is
unmounted, so that it can be pulled out at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

log = logging.getLogger(__name__)

DEVICE = Path("/dev/vnpt-bhxh-kiosk-stick")
MOUNT_POINT = Path("/media/vnpt-bhxh-kiosk")
UNIT = r"media-vnpt\x2dbhxh\x2dkiosk.mount"
COMMAND = ("/usr/bin/systemctl", "--no-ask-password", "--quiet")

PATIENCE = 20.0
"""Seconds for systemd to mount it, or to write out what is left and unmount it."""


class Stick:
    """The stick, by default the machine's."""

    def __init__(
        self,
        device: Path = DEVICE,
        mount_point: Path = MOUNT_POINT,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._device = device
        self._mount_point = mount_point
        self._command = command

    @property
    def is_there(self) -> bool:
        """Whether one is plugged in."""
        return self._device.exists()

    @asynccontextmanager
    async def mounted(self) -> AsyncIterator[Path | None]:
        """Where it is mounted meanwhile; None if it cannot be."""
        if not await self._systemctl("start"):
            yield None
            return
        try:
            yield self._mount_point
        finally:
            # Also when the export was broken off: nobody shall pull out a stick that is mounted.
            await asyncio.shield(self._systemctl("stop"))

    async def _systemctl(self, verb: str) -> bool:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                verb,
                UNIT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            log.warning("the stick's unit: %s", error.strerror)
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                code = await process.wait()
        except TimeoutError:
            log.warning("the stick's unit does not %s", verb)
            return False
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code:
            log.warning("the stick's unit does not %s: %s", verb, code)
        return code == 0
