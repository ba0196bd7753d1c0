"""A kiosk without a terminal, on parts of any kind, and the hands of its customer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from kiosk import flow
from kiosk.config import Config, HardwareSection, KioskSection, ServiceSection, TimeSection
from kiosk.controller import Controller
from kiosk.effects import Tools
from kiosk.flow import State
from kiosk.hardware.certificate import TrustStore
from kiosk.hardware.readers import ReaderState, ReaderWatcher
from kiosk.hardware.token import TokenDriver
from kiosk.problems import Problem
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import PIN
from kiosk.sandbox.server.run import latest_mails
from kiosk.service.client import ServiceClient
from kiosk.service.messages import Delivery
from kiosk.view import View
from tests.mailboxes import listed_mailboxes


class HeldClient(ServiceClient):
    """The service's client, with a gate before the order leaves the machine."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "test", timeout=5.0)
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = False

    async def confirm(self, reset_id: str, idempotency_key: str) -> Delivery:
        """Wait for the gate, then send the order."""
        self.waiting = not self.gate.is_set()
        await self.gate.wait()
        self.waiting = False
        return await super().confirm(reset_id, idempotency_key)


class Visitor:
    """A running kiosk, and who stands before it."""

    def __init__(
        self, watcher: ReaderWatcher, driver: TokenDriver, directory: Path, url: str
    ) -> None:
        self._directory = directory
        self.views: list[View] = []
        self.crashes: list[BaseException] = []
        self.presses = 0
        """How often the customer has confirmed a PIN."""
        self.client = HeldClient(url)
        self.controller = Controller(
            Config(
                kiosk=KioskSection(id="test"),
                service=ServiceSection(url=url, timeout=5.0, health_interval=0.5),
                hardware=HardwareSection(),
                time=TimeSection(goodbye=0.05),
            ),
            watcher,
            self.views.append,
            self.crashes.append,
        )
        trust = TrustStore.load(SandboxPki.open(directory).trust_directory)
        self._tools = Tools(driver, trust, self.client, "test", listed_mailboxes())
        self._mails_before = len(latest_mails(directory))

    def start(self) -> None:
        """Switch the kiosk on."""
        self.controller.start()
        self.controller.equip(self._tools)

    @property
    def view(self) -> View:
        """What is on the screen."""
        return self.controller.view

    @property
    def state(self) -> State:
        """Where the journey is."""
        return self.view.state

    @property
    def readers(self) -> ReaderState:
        """What the kiosk has seen of its readers."""
        return self.controller._tokens.readers

    @property
    def helper_pid(self) -> int:
        """Number of the process that holds the token's driver."""
        pid: int = self.controller._visit.token.helper_pid  # type: ignore[union-attr]
        return pid

    @property
    def mails(self) -> int:
        """How many mails were sent since the kiosk was switched on."""
        return len(latest_mails(self._directory)) - self._mails_before

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
        """Wait until the condition holds."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(
                f"{what} did not come; at {self.state} {self.view.problem}, {self.readers}"
            ) from None
        assert not self.crashes, self.crashes

    async def reaches(self, *states: State) -> None:
        """Wait until one of these is the present state."""
        await self.until(lambda: self.state in states, f"{states}")

    async def sees(self, since: int, state: State, *problems: Problem) -> None:
        """Wait until a screen with one of the problems was shown since, gone again or not."""
        await self.until(
            lambda: any(
                view.state is state and (not problems or view.problem in problems)
                for view in (*self.views[since:], self.view)
            ),
            f"{state} {' or '.join(problem.code for problem in problems)}",
        )

    def do(self, *events: flow.Event) -> None:
        """Press."""
        for event in events:
            self.controller.dispatch(event)

    def confirm_pin(self, pin: str = PIN) -> None:
        """Type a PIN and press Confirm, as often as there is somebody to take it."""
        for character in pin:
            self.view.pin.append(character)
        if self.controller._journey.accepts(flow.PinConfirmed):
            self.presses += 1
        self.do(flow.PinConfirmed())

    def assert_erased(self) -> None:
        """Nothing of the visit is left."""
        view, visit = self.view, self.controller._visit
        assert bytes(view.pin._bytes) == bytes(view.pin.CAPACITY)
        assert not view.username
        assert view.holder is None
        assert view.certificates == ()
        assert view.reset is None
        assert visit.token is None
        assert visit.card is None
        assert not visit.challenge
