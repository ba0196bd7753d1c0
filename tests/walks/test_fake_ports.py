"""Random walks over the whole journey on fake ports: virtual time, embedded token, a service
in this process that fails in every way that the contract knows.

`KIOSK_WALKS` is how many, `KIOSK_WALK_SEED` which.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kiosk import problems
from kiosk.config import Config, HardwareSection, KioskSection, ServiceSection
from kiosk.controller import Controller
from kiosk.effects import Tools
from kiosk.flow import (
    Event,
    PinConfirmed,
    ResendAsked,
    StaffPinEntered,
    State,
    TokenInserted,
    TokenRemoved,
)
from kiosk.hardware import token as tokens
from kiosk.hardware.certificate import TrustStore
from kiosk.sandbox.embedded import Hang, Operation
from kiosk.sandbox.hand import HandError
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import PIN
from tests.conftest import FIGURE
from tests.mailboxes import listed_mailboxes
from tests.walks.draws import (
    choices,
    goals,
    good_names,
    hurries,
    names,
    order_faults,
    outlooks,
    pins,
    service_faults,
    token_faults,
)
from tests.walks.figures import FAKE_PORTS, SEED
from tests.walks.room import staff_room
from tests.walks.routes import ALL_EVENTS, CUSTOMER_EVENTS
from tests.walks.service import CALLS, FakeService, Fault
from tests.walks.token import WalkDriver, WalkReader
from tests.walks.virtual_time import VirtualTimeLoop
from tests.walks.walker import Walker

WALKS = int(os.environ.get("KIOSK_WALKS", "1000"))
STEPS = 40
ENOUGH_WALKS = 1000
"""So many see every state."""

LEAVING = 900.0
"""Virtual seconds after which no customer is kept in mind, whatever was on the screen."""


troubled = precondition(lambda walk: not walk.calm)
"""Half of the walks have no trouble with the hardware, so that they get far."""


@cache
def _trust(pki: SandboxPki) -> TrustStore:
    return TrustStore.load(pki.trust_directory)


class Walk(RuleBasedStateMachine):
    """One walk: several customers at one kiosk, and everything that breaks meanwhile."""

    pki: ClassVar[SandboxPki]

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.reader = WalkReader()
        self.driver = WalkDriver(self.reader, self.pki)
        self.service = FakeService()
        self.crashes: list[BaseException] = []
        self.loop.set_exception_handler(self._crashed_loop)
        self.steps = 0
        self.goal = State.SENT
        self.name = "hoa-sen"
        self.calm = False
        self._seen: dict[str, int] = {}
        """How many of each token's presented PINs were looked at."""

    @initialize(
        calm=st.booleans(),
        name=names,
        goal=goals,
        fixed_reader=st.booleans(),
        pace=st.sampled_from([0, 0, 1]),
        hiding=st.sampled_from([(), (), ("hoa-sen", "two-certificates", "expired")]),
    )
    def opens(
        self,
        calm: bool,
        name: str,
        goal: State,
        fixed_reader: bool,
        pace: float,
        hiding: tuple[str, ...],
    ) -> None:
        self.calm, self.name, self.goal = calm, name, goal
        self.driver.pace = pace
        self.driver.hiding = set(hiding)
        self.controller = Controller(
            Config(
                kiosk=KioskSection(id="test"),
                service=ServiceSection(url=self.service.audience),
                hardware=HardwareSection(fixed_reader=fixed_reader),
            ),
            self.reader,
            lambda _: None,
            self.crashes.append,
            staff=staff_room(self.loop.time),
        )
        watched = self.driver.watched
        self.walker = Walker(
            self.controller,
            tries=lambda: sum(token.verify_count for token in watched.values()),
            signatures=lambda: sum(token.sign_count for token in watched.values()),
            figures=FAKE_PORTS,
        )

        async def start() -> None:
            self.controller.start()
            self.controller.equip(
                Tools(self.driver, _trust(self.pki), self.service, "test", listed_mailboxes())  # type: ignore[arg-type]
            )

        self._run(start())
        self._let_run(0)

    # The customer

    @rule(steps=st.integers(1, 8), pin=pins, choice=choices, twice=hurries, hurry=hurries)
    def goes_on(self, steps: int, pin: str, choice: int, twice: bool, hurry: bool) -> None:
        """Some steps on the way to where this customer wants to get."""
        for _ in range(steps):
            kind = self.walker.towards(self.goal)
            if kind is None:
                return
            if kind is TokenInserted:
                self._insert(self.name)
            elif kind is TokenRemoved:
                self._run_now(self.reader.remove)
            elif kind in CUSTOMER_EVENTS:
                if kind in (PinConfirmed, StaffPinEntered):
                    self.walker.type(pin)
                self._press(self.walker.make(kind, choice), twice=twice)
            else:
                self._let_run(0.5)
            self._settle(hurry)
            self.in_order()

    @rule(name=good_names, goal=goals, steps=st.integers(3, 14), fault=order_faults)
    def comes_far(
        self, name: str, goal: State, steps: int, fault: tuple[str, Fault] | None
    ) -> None:
        """Somebody repairs what is broken, and a customer makes no mistake for a while. An order
        to mail may fail: that is where most can go wrong."""
        self.name, self.goal = name, goal
        if fault is not None:
            self.service.plan(*fault)
        self._repair()
        if self.reader.inserted() not in ("", name):
            self._run_now(self.reader.remove)
        self._settle(False)
        self.goes_on(steps, PIN, choice=0, twice=False, hurry=False)

    @rule(pin=pins, choice=choices, twice=hurries, hurry=hurries)
    def takes_a_step(self, pin: str, choice: int, twice: bool, hurry: bool) -> None:
        self.goes_on(1, pin, choice, twice, hurry)

    @rule(which=choices, choice=choices, hurry=hurries, twice=st.booleans())
    def presses(self, which: int, choice: int, hurry: bool, twice: bool) -> None:
        """Anything that is on the screen."""
        if kinds := self.walker.pressable():
            event = self.walker.make(kinds[which % len(kinds)], choice)
            self._press(event, twice=twice)
        self._settle(hurry)

    @rule(which=choices, fits=st.booleans(), choice=choices, hurry=hurries)
    def pressed_before(self, which: int, fits: bool, choice: int, hurry: bool) -> None:
        """A press on a screen that is no longer there comes late, whether it fits or not."""
        kinds = [one for one in CUSTOMER_EVENTS if self.walker.accepts(one) or not fits]
        if kinds:
            self._press(self.walker.make(kinds[which % len(kinds)], choice, stale=True))
        self._settle(hurry)

    @rule(kind=st.sampled_from(ALL_EVENTS))
    def comes_late(self, kind: type[Event]) -> None:
        """Whatever is not accepted now changes nothing."""

        def come() -> None:
            if not self.walker.accepts(kind):
                before = self.walker.view
                self.controller.dispatch(kind.__new__(kind))
                assert self.walker.view == before

        self._run_now(come)

    @rule(pin=pins, hurry=hurries)
    def types(self, pin: str, hurry: bool) -> None:
        self.walker.type(pin)
        self._settle(hurry)

    @rule(everything=st.booleans())
    def corrects(self, everything: bool) -> None:
        pin = self.walker.pin
        (pin.clear if everything else pin.backspace)()

    @rule(language=st.booleans())
    def touches(self, language: bool) -> None:
        touch = self.controller.toggle_language if language else self.controller.touched
        self._run_now(touch)

    @rule(name=names, goal=goals)
    def changes_their_mind(self, name: str, goal: State) -> None:
        self.name, self.goal = name, goal

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.5, 1.0, 1.3, 3.0, 7.0, 11.0, 31.0, 61.0, 121.0]))
    def waits(self, seconds: float) -> None:
        self._let_run(seconds)

    # The hardware

    @rule(name=names, hurry=hurries)
    def inserts(self, name: str, hurry: bool) -> None:
        self._insert(name)
        self._settle(hurry)

    @rule(hurry=hurries)
    def removes(self, hurry: bool) -> None:
        self._run_now(self.reader.remove)
        self._settle(hurry)

    @troubled
    @rule(name=names, seen=st.booleans(), hurry=hurries)
    def swaps(self, name: str, seen: bool, hurry: bool) -> None:
        """Out and in again at once; PC/SC may see one change or two."""
        if seen:
            self._run_now(self.reader.remove)
            self._insert(name)
        else:
            with suppress(HandError):
                self._run_now(lambda: self.reader.swap_unseen(name))
        self._settle(hurry)

    @troubled
    @rule(there=st.booleans(), hurry=hurries)
    def reader_comes_or_goes(self, there: bool, hurry: bool) -> None:
        self._run_now(self.reader.appear if there else self.reader.vanish)
        self._settle(hurry)

    @troubled
    @rule(there=st.booleans())
    def second_card_comes_or_goes(self, there: bool) -> None:
        self.reader.second = there
        self._run_now(self.reader.report_again)
        self._settle(False)

    @troubled
    @rule(answers=st.booleans(), hurry=hurries)
    def pcscd_comes_or_goes(self, answers: bool, hurry: bool) -> None:
        self._run_now(lambda: setattr(self.reader, "available", answers))
        self._settle(hurry)

    @troubled
    @rule(mute=st.booleans(), hurry=hurries)
    def card_falls_mute(self, mute: bool, hurry: bool) -> None:
        self._run_now(lambda: setattr(self.reader, "mute", mute))
        self._settle(hurry)

    @troubled
    @rule(operation=st.sampled_from(Operation), fault=token_faults)
    def token_will_fail(self, operation: Operation, fault: tokens.TokenError | Hang) -> None:
        self.driver.inject(operation, fault)

    @troubled
    @rule(pace=st.sampled_from([0.0, 0.05, 1.0, 25.0]))
    def token_is_slow(self, pace: float) -> None:
        self.driver.pace = pace

    # The service

    @rule(call=st.sampled_from([*CALLS, *(["confirm", "resend"] * 4)]), fault=service_faults)
    def service_will_fail(self, call: str, fault: Fault) -> None:
        self.service.plan(call, fault)

    @rule(outlook=outlooks)
    def mail_will_be(self, outlook: list[Any]) -> None:
        self.service.outlook = outlook

    @rule(offers=st.sampled_from([(), ("account-lookups",), ("account-lookups", "of-a-newer")]))
    def service_offers(self, offers: tuple[str, ...]) -> None:
        self.service.offers = offers

    @troubled
    @rule(down=st.booleans(), skew=st.sampled_from([0, 0, 3600]))
    def service_comes_or_goes(self, down: bool, skew: int) -> None:
        self.service.down, self.service.skew = down, skew

    # What must always hold

    @invariant()
    def in_order(self) -> None:
        self.steps += 1
        self._look()

    def _look(self) -> None:
        assert not self.crashes, self.crashes
        self.walker.assert_in_order(card_present=bool(self.reader.state().cards))
        self._assert_pin_went_where_it_was_meant()
        self._assert_mails_were_confirmed()
        self._assert_screen_tells_the_truth()

    def _assert_pin_went_where_it_was_meant(self) -> None:
        """Each PIN went to the token that was shown, as it was typed."""
        attempt = self.walker.attempt
        for token in self.driver.watched.values():
            for pin in token.presented[self._seen.setdefault(token.profile.name, 0) :]:
                assert attempt.serial == token.serial, "a PIN went to another token"
                fingerprints = {_fingerprint(key.der) for key in token.keys}
                hidden = token.profile.name in self.driver.hiding and not attempt.fingerprint
                assert hidden or attempt.fingerprint in fingerprints, "another certificate"
                assert pin == attempt.pin, "another PIN was tried than the one that was typed"
            self._seen[token.profile.name] = len(token.presented)

    def _assert_mails_were_confirmed(self) -> None:
        book = self.service.book
        for reset_id in {mail.reset_id for mail in book.mails}:
            mails = [mail for mail in book.mails if mail.reset_id == reset_id]
            confirmation = self.walker.confirmations.get(reset_id)
            assert confirmation is not None, "a mail was not confirmed"
            assert len(mails) <= 1 + confirmation.resends, "one confirmation, two mails"
            for mail in mails:
                assert mail.username == confirmation.username
                assert mail.tax_code == confirmation.tax_code
        for keys in book.keys.values():
            assert len(keys) == 1, "one confirmation was ordered under two keys"
        assert not book.doubled, "an order without an answer was given again under another key"
        assert len(set().union(*book.keys.values())) == len(book.keys), "a key was used again"

    def _assert_screen_tells_the_truth(self) -> None:
        """ "Sent" and "not sent" are said only of what is so."""
        reset = self.walker.visit.reset
        if reset is None:
            return
        view = self.walker.view
        mails = sum(mail.reset_id == reset.id for mail in self.service.book.mails)
        if view.state is State.SENT:
            assert mails, "a mail was said to be sent"
        elif view.state is State.SEND_FAILED:
            assert not mails, "a mail was said not to be sent"
        elif view.problem is problems.SERVICE_RESEND_FAILED:
            confirmation = self.walker.confirmations[reset.id]
            assert mails == confirmation.mails_before, "a mail was said not to be sent again"

    def _assert_card_is_noticed(self) -> None:
        """Whoever swaps the token, or takes it out, is not on with the first one."""
        card = self.walker.visit.card
        if card is not None and self.walker.accepts(TokenRemoved):
            present = [(one.reader, one.insertions) for one in self.reader.state().cards]
            assert (card.reader, card.insertions) in present, "the visit goes on without its token"

    # The end

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None and hasattr(self, "walker"):
                self._leave()
                self._close()
                FAKE_PORTS.walks += 1
                FAKE_PORTS.steps += self.steps
                FAKE_PORTS.mails += len(self.service.book.mails)
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self._let_run(0)
            self.loop.close()

    def _leave(self) -> None:
        """The customer takes the token and goes; the kiosk has to find back by itself."""
        self.reader.second = False
        self._run_now(self.reader.remove)
        self._run_now(self.reader.report_again)
        note("the customer has left")
        self._wait_for(State.WELCOME, State.OUT_OF_SERVICE)
        if self.controller._journey.state is State.OUT_OF_SERVICE:
            assert self.controller._readiness.problem is not None
            note("everything is repaired")
            self._repair()
            self._wait_for(State.WELCOME)
        self._look()
        assert all(token.dead for token in self.driver.opened), "a helper was left behind"

    def _repair(self) -> None:
        """Take away every fault that lasts."""
        self.service.down, self.service.skew = False, 0
        self.reader.second = False

        def repair() -> None:
            self.reader.available, self.reader.mute = True, False
            self.reader.appear()

        self._run_now(repair)

    def _wait_for(self, *states: State) -> None:
        ends = self.loop.time() + LEAVING
        while (state := self.controller._journey.state) not in states:
            assert self.loop.time() < ends, f"still at {state}"
            self._let_run(2.0)
            self._look()

    def _close(self) -> None:
        """Whatever still runs ends with the controller."""
        self._run(self.controller.stop())
        self._let_run(0)
        assert all(token.dead for token in self.driver.opened), "a helper was left behind"
        left = [task for task in asyncio.all_tasks(self.loop) if not task.done()]
        assert not left, left
        assert not self.crashes, self.crashes

    # Doing it

    def _insert(self, name: str) -> None:
        with suppress(HandError):
            self._run_now(lambda: self.reader.insert(name))

    def _press(self, event: Event | None, *, twice: bool = False) -> None:
        if event is None:
            return
        note(f"  {self.walker.view.state.value}: {type(event).__name__}")

        def press() -> None:
            for _ in range(1 + twice):
                if self.walker.press(event) and isinstance(event, ResendAsked):
                    self._note_resend()

        self._run_now(press)

    def _note_resend(self) -> None:
        """How many mails had left when another one was asked for."""
        reset = self.walker.visit.reset
        assert reset is not None
        mails = sum(mail.reset_id == reset.id for mail in self.service.book.mails)
        self.walker.confirmations[reset.id].mails_before = mails

    def _settle(self, hurry: bool) -> None:
        if not hurry:
            self._let_run(0)
            self._assert_card_is_noticed()

    def _let_run(self, seconds: float) -> None:
        """Let virtual time pass, and whatever can be done in it."""
        self._run(asyncio.sleep(seconds + 1e-6))

    def _run_now(self, action: Any) -> None:
        """Do something on the loop, as a callback does, and nothing after it."""

        async def act() -> None:
            action()

        self._run(act())

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(coroutine)

    def _crashed_loop(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.crashes.append(context.get("exception") or RuntimeError(context["message"]))


def _fingerprint(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


@pytest.mark.timeout(900)
def test_random_walks(
    tmp_path_factory: pytest.TempPathFactory,
    record_property: Callable[[str, object], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # A failure tells its own steps; the log of the walks before it would bury them.
    caplog.set_level(logging.CRITICAL, "kiosk")
    Walk.pki = SandboxPki.open(tmp_path_factory.mktemp("walks"))
    run_state_machine_as_test(
        seed(SEED)(Walk),
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    for line in FAKE_PORTS.lines():
        record_property(FIGURE, line)
    if FAKE_PORTS.walks >= ENOUGH_WALKS:
        unseen = set(State) - set(FAKE_PORTS.states)
        assert not unseen, f"no walk came to {unseen}: teach the customer or the service the way"
        assert FAKE_PORTS.mails
