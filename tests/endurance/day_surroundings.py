"""What stands around the kiosk for a day: systemd, the system's journal, the service, a driver."""

from __future__ import annotations

import asyncio
import configparser
import re
import socket
from datetime import datetime, time, timedelta
from pathlib import Path

from kiosk.service.errors import Distrust, ServiceError, ServiceUnreachable, ServiceUntrusted
from kiosk.service.messages import Health
from tests.endurance.day_certificates import DayCertificates
from tests.endurance.day_clock import DayClock

UNITS = Path(__file__).parents[2] / "systemd" / "system"
KIOSK_UNIT = "vnpt-bhxh-kiosk.service"
RESTART = "vnpt-bhxh-kiosk-restart"


def setting(unit: str, section: str, key: str) -> str:
    """A setting of a shipped unit."""
    units = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    units.optionxform = str  # type: ignore[assignment, method-assign]
    units.read(UNITS / unit, encoding="utf-8")
    return units[section][key]


def restart_hour() -> time:
    """When the shipped timer restarts the kiosk, each night."""
    calendar = setting(f"{RESTART}.timer", "Timer", "OnCalendar")
    found = re.fullmatch(r"\*-\*-\* (\d\d:\d\d)", calendar)
    assert found, f"not once a day: {calendar}"
    restarted = setting(f"{RESTART}.service", "Service", "ExecStart").split()
    assert restarted[1] == "try-restart"
    assert KIOSK_UNIT in restarted
    assert setting(KIOSK_UNIT, "Service", "Restart") == "always"
    return time.fromisoformat(found[1])


class Listener:
    """A datagram socket that is read by whichever loop runs, and what came, with its time."""

    def __init__(self, path: Path, clock: DayClock) -> None:
        self.path = path
        self.heard: list[tuple[float, str]] = []
        self._clock = clock
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take what comes while this loop runs."""
        loop.add_reader(self._socket, self.take)

    def take(self) -> None:
        """Take what is there."""
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return
            self.heard.append((self._clock.now, data.decode()))

    def close(self) -> None:
        self._socket.close()


class DayService:
    """Answers for the service's health, and is away for a while now and then.

    OpenSSL goes by the machine's own clock. So that a certificate has ended is said here as the
    client says it, by the virtual clock.
    """

    AWAY_EVERY = timedelta(hours=1)
    AWAY_FIRST = timedelta(minutes=5)
    """After the full hour."""
    AWAY = timedelta(seconds=45)

    def __init__(self, clock: DayClock, start: datetime, certificates: DayCertificates) -> None:
        self._clock = clock
        self._start = start
        self._certificates = certificates
        self.asked: list[tuple[float, bool]] = []
        """When it was asked, and whether all was well."""

    def away(self, moment: datetime) -> bool:
        """Whether it does not answer."""
        hour = moment.replace(minute=0, second=0, microsecond=0)
        return (moment - hour - self.AWAY_FIRST) % self.AWAY_EVERY < self.AWAY

    async def health(self) -> Health:
        moment = self._start + timedelta(seconds=self._clock.now)
        failure: ServiceError | None = None
        if self.away(moment):
            failure = ServiceUnreachable("away")
        elif moment > self._certificates.service(moment).not_valid_after_utc:
            failure = ServiceUntrusted(Distrust.EXPIRED)
        elif moment > self._certificates.client(moment).not_valid_after_utc:
            failure = ServiceUntrusted(Distrust.KIOSK_REFUSED)
        self.asked.append((self._clock.now, failure is None))
        if failure is not None:
            raise failure
        return Health("ok", int(moment.timestamp()), ())

    async def warm_up(self) -> None:
        """No visit comes so far."""

    async def close(self) -> None:
        """There is no connection."""


class NoDriver:
    """Nobody brings a token."""

    async def warm_up(self) -> None:
        """There is no helper."""

    async def close(self) -> None:
        """There is no helper."""
