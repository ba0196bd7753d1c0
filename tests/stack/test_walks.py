"""Random walks on the virtual card: real pcscd, real OpenSC in real helpers, a real service.

One kiosk serves all walks, customer after customer, as it does in a hall. What breaks here is
the token; a service that breaks is walked on the fake ports. `KIOSK_CARD_WALKS` is how many.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from kiosk.config import Config, KioskSection, ServiceSection, TimeSection
from kiosk.controller import Controller
from kiosk.effects import Tools
from kiosk.flow import BUSY_STATES, Event, PinConfirmed, State, TokenInserted, TokenRemoved
from kiosk.hardware.catalogue import Catalogue
from kiosk.hardware.certificate import TrustStore
from kiosk.hardware.readers import PcscWatcher
from kiosk.hardware.token_client import Deadlines, HelperTokenDriver
from kiosk.sandbox.card import CardControl, CardProcess, CardUnavailable
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import ACCOUNTS, PIN, TOKENS, TOKENS_BY_NAME
from kiosk.sandbox.server.mail import Mail
from kiosk.sandbox.server.mailbox import read_mails
from kiosk.sandbox.server.run import SandboxServer
from kiosk.sandbox.server.service import Limits
from kiosk.service.client import ServiceClient
from tests.conftest import FIGURE
from tests.mailboxes import listed_mailboxes
from tests.stack.parts import Pcscd
from tests.walks.figures import SEED, Figures
from tests.walks.routes import CUSTOMER_EVENTS
from tests.walks.walker import Walker

pytestmark = pytest.mark.stack

WALKS = int(os.environ.get("KIOSK_CARD_WALKS", "120"))
PARTS = 5
"""The walks are divided, so that several processes can walk at once."""
STEPS = 6
CONFIG = Path(__file__).parents[2] / "config"
DEADLINES = Deadlines(open=1.5, read=1.0, login=1.0, sign=1.0)
"""Seconds. A hung card is given up soon, so that the walk goes on."""

ANSWER = 4.0
"""Seconds in which a token is read, signs, or is given up."""
LEAVING = 20.0
"""Seconds in which the kiosk finds back to its welcome screen."""

EMAILS = {account.username: account.email for account in ACCOUNTS}

choices = st.integers(0, 59)
names = st.sampled_from([*(["hoa-sen", "binh-minh"] * 12), *(one.name for one in TOKENS)])
pins = st.sampled_from([*([PIN] * 6), "00000000", "", "123", "1" * 9])
goals = st.sampled_from([State.SENT, State.SENT, State.RESEND_FAILED, State.CONFIRM])
hurries = st.sampled_from([False, False, True])


class Card:
    """The card's process, and how often PINs were presented to its tokens."""

    def __init__(self, directory: Path, port: int) -> None:
        self._directory = directory
        self._port = port
        self._folder = tempfile.TemporaryDirectory(prefix="kiosk-walks-")
        self._process: CardProcess | None = None
        self.tries = 0
        """PINs presented to any token."""
        self.signatures = 0
        self._seen = ""
        """The token that was in at the last look, and has been since."""
        self._known: dict[str, tuple[int, int]] = {}
        """Tries and signatures of each token at the last look at it."""
        self._used_up = False

    @property
    def control(self) -> CardControl:
        assert self._process is not None
        return self._process.control

    def start(self) -> None:
        """Start it, with tokens on which no PIN was tried yet."""
        self.stop()
        path = Path(self._folder.name) / "control"
        self._process = CardProcess(self._directory, path, port=self._port)
        self._process.start()
        self._known.clear()
        self._seen = ""
        self._used_up = False

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def close(self) -> None:
        self.stop()
        self._folder.cleanup()

    def move(self, action: Callable[[], None]) -> None:
        """Insert, remove or swap."""
        self.look()
        self._seen = ""
        action()

    def look(self) -> None:
        """Take over the counters of the token that is in."""
        status = self.control.status()
        name = status.inserted
        if not name:
            return
        tries, signatures = self._known.get(name, (0, 0))
        new_tries = status.verify_count - tries
        if name == self._seen:
            self.tries += new_tries
            self.signatures += status.sign_count - signatures
        else:
            # A PIN that was on its way while the token was pulled is seen only now.
            assert new_tries <= 1, "a PIN was tried twice"
        self._seen = name
        self._known[name] = status.verify_count, status.sign_count
        locked = TOKENS_BY_NAME[name].tries_left == 0
        self._used_up = self._used_up or (not status.tries_left and not locked)

    def count_tries(self) -> int:
        self.look()
        return self.tries

    def count_signatures(self) -> int:
        self.look()
        return self.signatures

    def renew_if_used_up(self) -> None:
        """A token that a walk has locked is of no use to the walks after it."""
        if self._used_up:
            self.start()


class Hall:
    """One kiosk with everything it needs, for all walks."""

    def __init__(self, directory: Path, card: Card, url: str) -> None:
        self.directory = directory
        self.card = card
        self._url = url
        self.loop = asyncio.new_event_loop()
        self.crashes: list[BaseException] = []
        self.loop.set_exception_handler(
            lambda _, context: self.crashes.append(
                context.get("exception") or RuntimeError(context["message"])
            )
        )
        self.controller: Controller | None = None
        self.driver: HelperTokenDriver

    def open(self) -> Controller:
        """The kiosk, opened anew if a walk has closed it."""
        if self.controller is not None:
            return self.controller
        self.crashes.clear()
        controller = self.controller = Controller(
            Config(
                kiosk=KioskSection(id="walks"),
                service=ServiceSection(url=self._url, timeout=5.0),
                time=TimeSection(idle=2.0, idle_result=2.0, question=5, goodbye=0.05),
            ),
            PcscWatcher(),
            lambda _: None,
            self.crashes.append,
        )
        self.driver = HelperTokenDriver(
            Catalogue.load(CONFIG / "tokens.toml"), DEADLINES, CONFIG / "opensc.conf"
        )
        trust = TrustStore.load(SandboxPki.open(self.directory).trust_directory)

        async def start() -> None:
            controller.start()
            service = ServiceClient(self._url, "walks", timeout=5.0)
            controller.equip(Tools(self.driver, trust, service, "walks", listed_mailboxes()))

        self.run(start())
        return controller

    def close(self) -> None:
        """End the kiosk; the next walk opens another."""
        if self.controller is not None:
            self.run(self.controller.stop())
            self.controller = None

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.loop.run_until_complete(coroutine)


class CardWalk(RuleBasedStateMachine):
    """A short visit, and what happens to its token."""

    hall: ClassVar[Hall]
    figures: ClassVar[Figures]

    def __init__(self) -> None:
        super().__init__()
        self.card = self.hall.card
        self.card.renew_if_used_up()
        self.controller = self.hall.open()
        self.walker = Walker(
            self.controller, self.card.count_tries, self.card.count_signatures, self.figures
        )
        self.mails_before = len(read_mails(self.hall.directory))
        self.references: dict[str, str] = {}
        """Of the resets that were confirmed: their identifiers."""
        self.steps = 0
        self.name, self.goal = "hoa-sen", State.SENT

    @initialize(name=names, goal=goals, steps=st.integers(0, 14))
    def comes(self, name: str, goal: State, steps: int) -> None:
        """A customer for whom all goes well, for a while."""
        self.name, self.goal = name, goal
        self._until(self._ready, ANSWER)
        self.goes_on(steps, PIN, choice=0)

    # The customer

    @rule(steps=st.integers(3, 12), pin=pins, choice=choices)
    def goes_on(self, steps: int, pin: str, choice: int) -> None:
        """Some steps on the way to where this customer wants to get."""
        for _ in range(steps):
            kind = self.walker.towards(self.goal)
            if kind is None:
                return
            if kind is TokenInserted:
                self._move(lambda: self.card.control.insert(self.name))
                self._until(lambda: self.walker.view.state is not State.INSERT_TOKEN, 1.0)
            elif kind is TokenRemoved:
                self._remove()
            elif kind in CUSTOMER_EVENTS:
                if kind is PinConfirmed:
                    self.walker.type(pin)
                self._press(self.walker.make(kind, choice))
            self._settle()
            self.in_order()

    @rule(which=choices, choice=choices, hurry=hurries)
    def presses(self, which: int, choice: int, hurry: bool) -> None:
        """Anything that is on the screen."""
        if kinds := self.walker.pressable():
            self._press(self.walker.make(kinds[which % len(kinds)], choice))
        self._settle(hurry)

    @rule(kind=st.sampled_from(CUSTOMER_EVENTS), choice=choices)
    def pressed_before(self, kind: type[Event], choice: int) -> None:
        """A press on a screen that is no longer there comes late, whether it fits or not."""
        self._press(self.walker.make(kind, choice, stale=True))
        self._settle(hurry=True)

    @rule(pin=pins)
    def types(self, pin: str) -> None:
        self.walker.type(pin)

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.3, 0.6]))
    def waits(self, seconds: float) -> None:
        self.hall.run(asyncio.sleep(seconds))

    # The token

    @rule(name=names, hurry=hurries)
    def inserts(self, name: str, hurry: bool) -> None:
        self._move(lambda: self.card.control.insert(name))
        self._settle(hurry)

    @rule(hurry=hurries)
    def removes(self, hurry: bool) -> None:
        self._remove()
        self._settle(hurry)

    @rule(name=names, hurry=hurries)
    def swaps(self, name: str, hurry: bool) -> None:
        self._move(lambda: self.card.control.swap(name))
        self._settle(hurry)

    @rule(on=st.sampled_from([True, False, False]))
    def hangs(self, on: bool) -> None:
        self._steer(lambda: self.card.control.hang(on))

    @rule(milliseconds=st.sampled_from([0, 5, 50]))
    def is_slow(self, milliseconds: int) -> None:
        self._steer(lambda: self.card.control.slow(milliseconds))

    @rule(on=st.sampled_from([True, False, False]))
    def is_mute(self, on: bool) -> None:
        self._steer(lambda: self.card.control.mute(on))

    # What must always hold

    @invariant()
    def in_order(self) -> None:
        self.steps += 1
        self._look()

    def _look(self) -> None:
        assert not self.hall.crashes, self.hall.crashes
        present = bool(self.controller._tokens.readers.cards)
        self.walker.assert_in_order(card_present=present)
        self._assert_mails_were_confirmed()

    def _assert_mails_were_confirmed(self) -> None:
        for reference, mails in self._mails().items():
            reset_id = self.references.get(reference)
            assert reset_id, "a mail was not confirmed"
            confirmation = self.walker.confirmations[reset_id]
            assert len(mails) <= 1 + confirmation.resends, "one confirmation, two mails"
            assert {mail.recipient for mail in mails} == {EMAILS[confirmation.username]}

    def _mails(self) -> dict[str, list[Mail]]:
        """The mails of this walk by the reference number in them."""
        stored = read_mails(self.hall.directory)
        found: dict[str, list[Mail]] = {}
        for mail in map(Mail.parse, stored[: len(stored) - self.mails_before]):
            reference = next(word for word in mail.text.split() if word.startswith("BH-"))
            found.setdefault(reference.strip("."), []).append(mail)
        return found

    # The end

    def teardown(self) -> None:
        if sys.exc_info()[0] is not None:
            self._clear_away()
            self.hall.close()
            return
        try:
            self._leave()
        except BaseException:
            self.hall.close()
            raise
        self.figures.walks += 1
        self.figures.steps += self.steps
        self.figures.mails += len(read_mails(self.hall.directory)) - self.mails_before

    def _clear_away(self) -> None:
        """Take the token out; the next one is in order."""
        control = self.card.control
        self._remove()
        self._steer(lambda: control.hang(False))
        self._steer(lambda: control.mute(False))
        self._steer(lambda: control.slow(0))

    def _leave(self) -> None:
        """The customer takes the token and presses their way out."""
        note("the customer leaves")
        self._clear_away()
        ends = time.monotonic() + LEAVING
        while not self._ready():
            assert time.monotonic() < ends, f"still at {self.walker.view.state}"
            kind = self.walker.towards(State.WELCOME)
            if kind in CUSTOMER_EVENTS:
                self._press(self.walker.make(kind, 0))
            self.hall.run(asyncio.sleep(0.02))
            self._look()
        self._until(self._one_helper, ANSWER)
        assert self._one_helper(), "the helper of a visit still runs"

    def _ready(self) -> bool:
        return self.walker.view.state is State.WELCOME and not self.controller._tokens.readers.cards

    def _one_helper(self) -> bool:
        """Only the one that stands ready for the next customer."""
        return sum(helper.alive for helper in self.hall.driver._helpers) <= 1

    # Doing it

    def _press(self, event: Event | None) -> None:
        if event is None:
            return
        note(f"  {self.walker.view.state.value}: {type(event).__name__}")

        async def press() -> None:
            view, reset = self.walker.view, self.walker.visit.reset
            self.walker.press(event)
            if reset is not None and reset.id in self.walker.confirmations:
                self.references[view.reference] = reset.id

        self.hall.run(press())

    def _remove(self) -> None:
        self._move(self.card.control.remove)

    def _move(self, action: Callable[[], None]) -> None:
        self._steer(lambda: self.card.move(action))

    def _steer(self, action: Callable[[], None]) -> None:
        """Do something to the card while the kiosk runs."""
        with suppress(CardUnavailable):
            self.hall.run(asyncio.to_thread(action))

    def _settle(self, hurry: bool = False) -> None:
        """Let the kiosk finish what it does, unless something else comes sooner."""
        self.hall.run(asyncio.sleep(0.005))
        if not hurry:
            self._until(lambda: self.walker.view.state not in BUSY_STATES, ANSWER)

    def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Run the kiosk until something holds, or for so long."""

        async def wait() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not condition():
                        await asyncio.sleep(0.005)

        self.hall.run(wait())


@pytest.fixture
def hall(pcscd: Pcscd, sandbox_directory: Path) -> Iterator[Hall]:
    # A whole day's customers come within minutes.
    limits = Limits(per_username=10**6, per_certificate=10**6, per_kiosk=10**6, resend_wait=0)
    SandboxPki.open(sandbox_directory)
    card = Card(sandbox_directory, pcscd.port)
    with SandboxServer(sandbox_directory, limits=limits) as server:
        card.start()
        hall = Hall(sandbox_directory, card, server.url)
        yield hall
        hall.close()
        card.close()
        hall.loop.close()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(PARTS))
def test_random_walks_on_the_virtual_card(
    part: int,
    hall: Hall,
    record_property: Callable[[str, object], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "kiosk")
    CardWalk.hall = hall
    CardWalk.figures = figures = Figures("on the virtual card", SEED + part)
    run_state_machine_as_test(
        seed(SEED + part)(CardWalk),
        settings=settings(
            max_examples=-(-WALKS // PARTS),
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            # Each walk takes real time; the steps of the failing one are told as they are.
            phases=(Phase.generate,),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    record_property(FIGURE, figures.lines()[0])
    assert figures.mails
