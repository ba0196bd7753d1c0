"""The printer as the kiosk sees it: a short process for each slip, killed at its deadline."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress

import msgspec

from kiosk.printing.device import Device
from kiosk.printing.helper import Outcome
from kiosk.printing.slip import Job, Slip

SECONDS = 15.0
"""Longest time for a slip. Paper that has not begun to come out by then is not waited for."""

_GRACE = 2.0
# Seconds for a killed process to be gone. One that the kernel holds is left behind.

_REASONS: dict[int, str] = {
    Outcome.NO_LIBRARY: "python-escpos is not installed",
    Outcome.NO_FONT: "there is no font for its language",
    Outcome.NO_DEVICE: "the device cannot be opened, or takes no bytes",
}

_ENVIRONMENT = ("PATH", "LANG", "FONTCONFIG_FILE", "FONTCONFIG_PATH")


class PrintFailed(Exception):
    """The slip was not printed, or not to its end. The message is for the log."""


class Printer:
    """A receipt printer. Whether it is there shows when it prints."""

    def __init__(
        self, device: str, *, columns: int = 32, dots: int = 384, seconds: float = SECONDS
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            device: device file, or `tcp://host:port`.
            columns: letters in a line of its paper.
            dots: across the paper.
            seconds: longest time for a slip.

        Raises:
            ConfigError: the device is neither of the two.
        """
        Device.parse(device)
        self._device = device
        self._columns = columns
        self._dots = dots
        self._seconds = seconds

    async def print(self, slip: Slip) -> None:
        """Print, and come back when the device has taken everything.

        Raises:
            PrintFailed: it has not.
        """
        job = Job(slip, self._device, self._columns, self._dots, self._seconds)
        try:
            # The library makes a folder for itself at each start, and does not remove it.
            with tempfile.TemporaryDirectory(
                prefix="kiosk-slip-", ignore_cleanup_errors=True
            ) as folder:
                code = await self._run(msgspec.json.encode(job), folder)
        except OSError as error:
            raise PrintFailed(f"no process: {error.strerror}") from None
        if code is None:
            raise PrintFailed(f"the device has not taken it within {self._seconds:g} s")
        if code != Outcome.PRINTED:
            raise PrintFailed(_REASONS.get(code, f"the printing process ended with {code}"))

    async def _run(self, job: bytes, folder: str) -> int | None:
        """Run the process to its end; None if it has not come to one in time."""
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        process = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-I", "-m", "kiosk.printing.helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            # Its own process group: fontconfig's program is ended with it.
            start_new_session=True,
            env={**environment, "HOME": folder, "TMPDIR": folder},
        )
        ended = asyncio.Event()
        pidfd = os.pidfd_open(process.pid)
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(pidfd)
            ended.set()

        loop.add_reader(pidfd, gone)
        try:
            if process.stdin is not None:
                # A slip is far shorter than the pipe is wide, so that this never waits.
                with suppress(BrokenPipeError), process.stdin:
                    process.stdin.write(job)
            async with asyncio.timeout(self._seconds):
                await ended.wait()
        except TimeoutError:
            return None
        finally:
            loop.remove_reader(pidfd)
            # Not reaped yet, so the number is still its own.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            os.close(pidfd)
            code = await _reaped(process)
        return code


async def _reaped(process: subprocess.Popen[bytes]) -> int | None:
    """Take the exit code of a process that was killed; None if the kernel still holds it."""
    waiting = _GRACE
    while (code := process.poll()) is None and waiting > 0:
        await asyncio.sleep(0.02)
        waiting -= 0.02
    return code
