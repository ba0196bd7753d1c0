"""A kiosk without a terminal: embedded token, real service, no screens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from kiosk import flow
from kiosk.audit import Journal
from kiosk.config import (
    Config,
    HardwareSection,
    KioskSection,
    PrinterSection,
    ServiceSection,
    StaffSection,
    TimeSection,
)
from kiosk.controller import Controller
from kiosk.effects import Tools
from kiosk.flow import State
from kiosk.hardware.certificate import TrustStore
from kiosk.machine import Machine
from kiosk.printing.printer import Printer
from kiosk.problems import Problem
from kiosk.sandbox.embedded import EmbeddedDriver, EmbeddedReader
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import PIN
from kiosk.sandbox.server.run import latest_mails
from kiosk.service.client import ServiceClient
from kiosk.staff.mode import StaffRoom
from kiosk.view import View
from tests.mailboxes import listed_mailboxes


class Kiosk:
    """A kiosk without a terminal, and the hands of its customer."""

    def __init__(
        self,
        directory: Path,
        url: str,
        times: TimeSection | None = None,
        *,
        timeout: float = 2.0,
        ca_file: str = "",
        staff: StaffRoom | None = None,
        staff_section: StaffSection | None = None,
        machine: Machine | None = None,
        journal: Journal | None = None,
        printer: Printer | None = None,
    ) -> None:
        self.directory = directory
        self.reader = EmbeddedReader()
        pki = SandboxPki.open(directory)
        self.driver = EmbeddedDriver(self.reader, pki)
        self.views: list[View] = []
        self.crashes: list[BaseException] = []
        self.controller = Controller(
            Config(
                kiosk=KioskSection(id="test"),
                service=ServiceSection(url=url, timeout=timeout, health_interval=0.2),
                hardware=HardwareSection(),
                time=times or TimeSection(goodbye=0.05),
                staff=staff_section or StaffSection(),
                printer=PrinterSection(device="/dev/usb/lp0" if printer else ""),
            ),
            self.reader,
            self.views.append,
            self.crashes.append,
            staff=staff,
            machine=machine,
            journal=journal,
            printer=printer,
        )
        self.client = ServiceClient(url, "test", ca_file=ca_file, timeout=timeout)
        self.tools = Tools(
            self.driver,
            TrustStore.load(pki.trust_directory),
            self.client,
            "test",
            listed_mailboxes(),
        )
        self.mails_before = len(latest_mails(directory))

    @property
    def view(self) -> View:
        return self.controller.view

    @property
    def mails(self) -> int:
        return len(latest_mails(self.directory)) - self.mails_before

    @property
    def recipients(self) -> list[str]:
        """Whom the mails of this visit went to, newest first."""
        return [mail.recipient for mail in latest_mails(self.directory)[: self.mails]]

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"{what} did not come; at {self.view.state}") from None
        assert not self.crashes, self.crashes

    async def reaches(self, state: State, problem: Problem | None = None) -> None:
        await self.until(
            lambda: self.view.state is state,
            f"{state} {problem.code if problem else ''}, problem {self.view.problem}",
        )
        if problem is not None:
            assert self.view.problem is problem

    def do(self, *events: flow.Event) -> None:
        for event in events:
            self.controller.dispatch(event)

    def type_pin(self, pin: str) -> None:
        for character in pin:
            self.view.pin.append(character)

    async def to_insert(self) -> None:
        self.do(flow.Started(), flow.Agreed(), flow.RememberedUsername())
        await self.reaches(State.INSERT_TOKEN)

    async def to_username(self, token: str = "hoa-sen") -> None:
        await self.to_insert()
        self.reader.insert(token)
        await self.reaches(State.USERNAME)

    async def to_pin(self, username: str = "hoasen", token: str = "hoa-sen") -> None:
        await self.to_username(token)
        self.do(flow.UsernameEntered(username))
        await self.reaches(State.PIN)

    async def to_confirm(self, username: str = "hoasen", token: str = "hoa-sen") -> None:
        await self.to_pin(username, token)
        self.type_pin(PIN)
        self.do(flow.PinConfirmed())
        await self.reaches(State.CONFIRM)

    def assert_erased(self) -> None:
        view = self.view
        assert len(view.pin) == 0
        assert bytes(view.pin._bytes) == bytes(view.pin.CAPACITY)
        assert view.username == ""
        assert view.holder is None
        assert view.certificates == ()
        assert view.reset is None
        assert self.controller._visit.token is None
        assert self.controller._visit.challenge == ""
