"""A USB stick for exports: there only while something is written to it.

The kiosk mounts nothing itself. A stick with the label KIOSK gets the name `DEVICE` from a udev
rule, and polkit lets the kiosk's user start and stop the one mount unit that belongs to it
(`systemd/`): nosuid, nodev, noexec, file systems of sticks only. After the export it is
unmounted, so that it can be pulled out at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

log = logging.getLogger(__name__)

DEVICE = Path("/dev/vnpt-bhxh-kiosk-stick")
MOUNT_POINT = Path("/media/vnpt-bhxh-kiosk")
UNIT = r"media-vnpt\x2dbhxh\x2dkiosk.mount"
COMMAND = ("/usr/bin/systemctl", "--no-ask-password", "--quiet")

PATIENCE = 20.0
"""Seconds for systemd to mount it, or to write out what is left and unmount it."""

STOPS = 4
"""How often it is tried to unmount it: a file may still be open for a moment."""

GIVING_BACK = 25.0
"""Seconds for all of these together."""

PAUSE = 1.0
"""Seconds between two of these."""


class Stick:
    """The stick, by default the machine's."""

    def __init__(
        self,
        device: Path = DEVICE,
        mount_point: Path = MOUNT_POINT,
        command: tuple[str, ...] = COMMAND,
        *,
        is_mount: Callable[[Path], bool] = os.path.ismount,
        pause: float = PAUSE,
    ) -> None:
        """Make one.

        Args:
            device: is there while a stick is plugged in.
            mount_point: of its unit.
            command: systemctl.
            is_mount: tells whether something is mounted there.
            pause: seconds between two tries to unmount it.
        """
        self._device = device
        self._mount_point = mount_point
        self._command = command
        self._is_mount = is_mount
        self._pause = pause
        self._giving_back: asyncio.Task[None] | None = None

    @property
    def is_there(self) -> bool:
        """Whether one is plugged in."""
        return self._device.exists()

    @property
    def is_mounted(self) -> bool:
        """Whether it is mounted now, and must not be pulled out."""
        return self._is_mount(self._mount_point)

    @asynccontextmanager
    async def mounted(self) -> AsyncIterator[Path | None]:
        """Where it is mounted meanwhile; None if it cannot be.

        It is given back whatever happens, also when the export is broken off while it is being
        mounted; who ends the program waits for `given_back`. `is_mounted` tells afterwards
        whether that went well.
        """
        await self.given_back()
        try:
            started = await self._systemctl("start")
            # systemd also says yes where the stick has just been pulled out and nothing was
            # mounted: what is written then would lie on the machine's own disk.
            yield self._mount_point if started and self.is_mounted else None
        finally:
            self._giving_back = asyncio.create_task(self._give_back())
            await asyncio.shield(self._giving_back)

    async def given_back(self) -> None:
        """Wait until it is, if it is being given back now."""
        if self._giving_back is not None:
            await asyncio.shield(self._giving_back)

    async def _give_back(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GIVING_BACK):
                for number in range(STOPS):
                    if number:
                        await asyncio.sleep(self._pause)
                    if await self._systemctl("stop"):
                        return
        log.error("the stick could not be unmounted")

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
