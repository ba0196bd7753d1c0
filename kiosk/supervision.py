"""What the kiosk and the one who started it tell each other: readiness, life, the wish that it
end, and crashes."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
import traceback
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

LOOP_CRASHES = 5
LOOP_SECONDS = 120.0
"""So many crashes within so many seconds are a crash loop."""


class Supervisor:
    """systemd, as the service `Type=notify` sees it (sd_notify(3)); nobody, where there is none."""

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        """Make one.

        Args:
            address: socket of the service manager; empty: nobody is told.
            watchdog: seconds without a sign of life after which the kiosk is killed; 0: never.
        """
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = watchdog

    @classmethod
    def from_environment(cls) -> Supervisor:
        """Take what systemd has set, out of the environment, so that no child speaks for us.

        The watchdog's process number is not looked at: it names the compositor, of which the
        kiosk is a grandchild.
        """
        address = os.environ.pop("NOTIFY_SOCKET", "")
        microseconds = os.environ.pop("WATCHDOG_USEC", "0")
        os.environ.pop("WATCHDOG_PID", None)
        seconds = int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0
        return cls(address, seconds if address else 0.0)

    @property
    def ping_interval(self) -> float:
        """How often to call `alive`; 0: never."""
        return self.watchdog / 4

    def ready(self) -> None:
        """The first page is on the screen."""
        self._tell("READY=1")

    def alive(self) -> None:
        """The screen's own loop turns."""
        self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._tell(f"STATUS={text}")

    def stopping(self) -> None:
        """The kiosk ends because it was asked to."""
        self._tell("STOPPING=1")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            # The watchdog will notice; a kiosk that serves is better than one that complains.
            log.warning("the service manager was not told: %s", error.strerror)


class LeaveWish:
    """Whether somebody has asked the kiosk to end: systemd, or the terminal that hangs up.

    Signals are heard from `listen` to the end of the process, whatever the kiosk is doing, so
    that none of them ends it in a way that would count as a crash.
    """

    def __init__(self) -> None:
        self.asked = False
        self._heed: Callable[[], None] = lambda: None

    def listen(self) -> None:
        """Hear the signals from now on. Only in the main thread."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._hear)

    def heed(self, leave: Callable[[], None]) -> None:
        """Call this when the wish is heard; at once if it has been. The one before is let go.

        Args:
            leave: is called within whatever the main thread is doing.
        """
        self._heed = leave
        if self.asked:
            leave()

    def _hear(self, _number: int, _frame: object) -> None:
        self.asked = True
        self._heed()


class CrashCounter:
    """Remembers crashes over restarts, in a folder that a boot empties.

    A crash is a start after which nobody said that the kiosk had ended well: it also counts
    what the process could not notice itself, as when the watchdog killed it.
    """

    def __init__(self, directory: Path) -> None:
        self._running = directory / "running"
        self._crashes = directory / "crashes"

    def started(self) -> int:
        """Note a start, and tell how many crashes there were within `LOOP_SECONDS`."""
        now = _uptime()
        times = self._times(now)
        try:
            if self._running.exists():
                times.append(now)
                self._crashes.write_text("".join(f"{moment!r}\n" for moment in times))
            self._running.touch()
        except OSError as error:
            log.warning("crashes are not counted: %s", error.strerror)
        return len(times)

    def ended_well(self) -> None:
        """The kiosk ends on purpose."""
        try:
            self._running.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the next start will count a crash: %s", error.strerror)

    def forget(self) -> None:
        """Begin to count anew."""
        self._crashes.unlink(missing_ok=True)

    def recent(self) -> int:
        """How many crashes are remembered now."""
        return len(self._times(_uptime()))

    def _times(self, now: float) -> list[float]:
        try:
            lines = self._crashes.read_text().split()
            times = [float(line) for line in lines]
        except (OSError, ValueError):
            return []
        return [moment for moment in times if 0 <= now - moment <= LOOP_SECONDS]


def where(error: BaseException) -> str:
    """The exception's type and the places it went through: no message, no values."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
    return f"{type(error).__name__} at {places or 'unknown place'}"


def _uptime() -> float:
    """Seconds since the boot: a clock that is set does not make crashes old or new."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
