"""Whole visits on the controller: embedded token, real service, no screens.

Each test is a customer. What they would see is the last view; what was sent is in the
sandbox's mailbox; what stayed behind is in the controller's visit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from kiosk import effects, flow, problems
from kiosk.config import Config, HardwareSection, KioskSection, ServiceSection, TimeSection
from kiosk.controller import Controller
from kiosk.effects import Tools
from kiosk.flow import Overlay, State
from kiosk.hardware import token as tokens
from kiosk.hardware.certificate import TrustStore
from kiosk.problems import Problem
from kiosk.sandbox.embedded import EmbeddedDriver, EmbeddedReader, Hang, Operation
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import ACCOUNTS, PIN
from kiosk.sandbox.server.run import SandboxServer, latest_mails
from kiosk.service.client import ServiceClient
from kiosk.service.errors import AnswerLost
from kiosk.service.messages import Delivery
from kiosk.view import StaffCall, View
from kiosk.webmail import WebmailDirectory

WEBMAIL = Path(__file__).parents[2] / "config" / "webmail.toml"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture
def server(directory: Path) -> Iterator[SandboxServer]:
    server = SandboxServer(directory)
    server.start()
    yield server
    server.stop()


class Kiosk:
    """A kiosk without a terminal, and the hands of its customer."""

    def __init__(self, directory: Path, url: str, times: TimeSection | None = None) -> None:
        self.directory = directory
        self.reader = EmbeddedReader()
        pki = SandboxPki.open(directory)
        self.driver = EmbeddedDriver(self.reader, pki)
        self.views: list[View] = []
        self.crashes: list[BaseException] = []
        self.controller = Controller(
            Config(
                kiosk=KioskSection(id="test"),
                service=ServiceSection(url=url, timeout=2.0, health_interval=0.2),
                hardware=HardwareSection(),
                time=times or TimeSection(goodbye=0.05),
            ),
            self.reader,
            WebmailDirectory.load(WEBMAIL),
            self.views.append,
            self.crashes.append,
        )
        self.client = ServiceClient(url, "test", timeout=2.0)
        self.tools = Tools(self.driver, TrustStore.load(pki.trust_directory), self.client, "test")
        self.mails_before = len(latest_mails(directory))

    @property
    def view(self) -> View:
        return self.controller.view

    @property
    def mails(self) -> int:
        return len(latest_mails(self.directory)) - self.mails_before

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


@pytest.fixture
async def kiosk(directory: Path, server: SandboxServer) -> AsyncIterator[Kiosk]:
    kiosk = Kiosk(directory, server.url)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    await asyncio.sleep(0)
    yield kiosk
    await kiosk.controller.stop()
    assert not kiosk.crashes


async def test_the_good_journey_sends_one_mail_and_erases_everything(kiosk: Kiosk) -> None:
    await kiosk.to_confirm()
    reset = kiosk.view.reset
    assert reset is not None
    assert reset.tax_code == "0100000001"
    assert "ketoan" not in reset.masked_email
    assert kiosk.mails == 0
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    await kiosk.until(lambda: kiosk.mails == 1, "the mail")
    assert kiosk.view.reference
    assert kiosk.view.mailbox is not None
    assert kiosk.view.mailbox.url == "https://mail.google.com"
    kiosk.do(flow.Finished())
    await kiosk.reaches(State.REMOVE_TOKEN)
    kiosk.assert_erased()
    assert kiosk.view.reference == ""
    kiosk.reader.remove()
    await kiosk.reaches(State.GOODBYE)
    await kiosk.reaches(State.WELCOME)
    assert kiosk.mails == 1


async def test_plugging_the_token_in_starts_the_visit_and_is_not_asked_for_again(
    kiosk: Kiosk,
) -> None:
    kiosk.reader.insert("hoa-sen")
    await kiosk.reaches(State.CONSENT)
    kiosk.do(flow.Agreed(), flow.RememberedUsername())
    await kiosk.reaches(State.USERNAME)
    holder = kiosk.view.holder
    assert holder is not None
    assert holder.organisation == "CÔNG TY TNHH THƯƠNG MẠI HOA SEN"


async def test_an_ecdsa_token_and_an_unknown_mail_provider(kiosk: Kiosk) -> None:
    await kiosk.to_confirm("binhminh", "binh-minh")
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    assert kiosk.view.mailbox is None


@pytest.mark.parametrize("token", ["rsa-3072", "rsa-4096", "p-384", "hostile-name", "long-name"])
async def test_an_unusual_token_resets_the_password_as_well(kiosk: Kiosk, token: str) -> None:
    await kiosk.to_confirm("hoasen", token)
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)


async def test_a_certificate_whose_key_is_elsewhere(kiosk: Kiosk) -> None:
    await kiosk.to_pin(token="no-key")
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.PROBLEM, problems.KIOSK_DRIVER_FAILED)
    kiosk.assert_erased()
    assert kiosk.mails == 0


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        ("expired", problems.CERTIFICATE_EXPIRED),
        ("future", problems.CERTIFICATE_NOT_YET_VALID),
        ("foreign", problems.CERTIFICATE_FOREIGN_CA),
        ("weak", problems.CERTIFICATE_WEAK_KEY),
        ("sha1", problems.CERTIFICATE_WEAK_SIGNATURE),
        ("wrong-usage", problems.CERTIFICATE_WRONG_USAGE),
        ("no-tax-code", problems.CERTIFICATE_NO_TAX_CODE),
        ("broken", problems.CERTIFICATE_UNREADABLE),
        ("version-5", problems.CERTIFICATE_UNREADABLE),
        ("truncated", problems.CERTIFICATE_MISSING),
        ("huge-name", problems.CERTIFICATE_MISSING),
        ("empty", problems.CERTIFICATE_MISSING),
        ("locked", problems.PIN_LOCKED),
    ],
)
async def test_a_token_that_cannot_be_used_is_told_at_once(
    kiosk: Kiosk, token: str, problem: Problem
) -> None:
    await kiosk.to_insert()
    kiosk.reader.insert(token)
    await kiosk.reaches(State.PROBLEM, problem)
    if problem in (problems.CERTIFICATE_EXPIRED, problems.CERTIFICATE_NOT_YET_VALID):
        assert len(kiosk.view.facts["date"]) == len("31/12/2026")
    kiosk.assert_erased()
    assert kiosk.driver.token(token).verify_count == 0
    assert kiosk.mails == 0
    kiosk.do(flow.Finished())
    kiosk.reader.remove()
    await kiosk.reaches(State.WELCOME)


@pytest.mark.parametrize(
    ("token", "username", "problem"),
    [
        ("revoked", "thuhoi", problems.CERTIFICATE_REVOKED),
        ("suspended", "tamdung", problems.CERTIFICATE_SUSPENDED),
    ],
)
async def test_a_revoked_certificate_is_told_before_the_pin(
    kiosk: Kiosk, token: str, username: str, problem: Problem
) -> None:
    await kiosk.to_username(token)
    kiosk.do(flow.UsernameEntered(username))
    await kiosk.reaches(State.PROBLEM, problem)
    kiosk.assert_erased()
    assert kiosk.driver.token(token).verify_count == 0


async def test_two_certificates_are_asked_for(kiosk: Kiosk) -> None:
    await kiosk.to_insert()
    kiosk.reader.insert("two-certificates")
    await kiosk.reaches(State.CHOOSE_CERTIFICATE)
    second = kiosk.view.certificates[1]
    kiosk.do(flow.CertificateChosen(second.fingerprint))
    assert kiosk.view.holder == second
    kiosk.do(flow.UsernameEntered("haichungthu"))
    await kiosk.reaches(State.PIN)
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.CONFIRM)


@pytest.mark.parametrize("username", ["nobody", "nghiem", "HOASEN "])
async def test_a_wrong_username_is_told_and_may_be_typed_again(kiosk: Kiosk, username: str) -> None:
    await kiosk.to_pin(username.strip() if username.strip() != "HOASEN" else "hoasen2")
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.NO_MATCH, problems.SERVICE_NO_MATCH)
    assert len(kiosk.view.pin) == 0
    kiosk.do(flow.Retried())
    await kiosk.reaches(State.USERNAME)
    kiosk.do(flow.UsernameEntered("hoasen"))
    await kiosk.reaches(State.PIN)
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.CONFIRM)
    assert kiosk.mails == 0


async def test_three_wrong_pins_lock_and_each_press_is_one_try(kiosk: Kiosk) -> None:
    token = kiosk.driver.token("two-certificates")
    before = token.verify_count
    await kiosk.to_insert()
    kiosk.reader.insert("two-certificates")
    await kiosk.reaches(State.CHOOSE_CERTIFICATE)
    kiosk.do(flow.CertificateChosen(kiosk.view.certificates[0].fingerprint))
    kiosk.do(flow.UsernameEntered("haichungthu"))
    await kiosk.reaches(State.PIN)
    kiosk.type_pin("00000000")
    kiosk.do(flow.PinConfirmed(), flow.PinConfirmed())
    await kiosk.reaches(State.PIN_WRONG, problems.PIN_WRONG)
    assert token.verify_count - before == 1
    kiosk.do(flow.Retried())
    await kiosk.reaches(State.PIN)
    kiosk.type_pin("00000000")
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.LAST_TRY, problems.PIN_LAST_TRY)
    kiosk.do(flow.Insisted())
    kiosk.type_pin("00000000")
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.PROBLEM, problems.PIN_LOCKED)
    assert token.verify_count - before == 3
    kiosk.assert_erased()
    assert kiosk.mails == 0


async def test_the_last_try_is_told_before_the_pin_is_asked(kiosk: Kiosk) -> None:
    await kiosk.to_username("last-try")
    kiosk.do(flow.UsernameEntered("lancuoi"))
    await kiosk.reaches(State.LAST_TRY, problems.PIN_LAST_TRY)
    kiosk.do(flow.Stopped())
    await kiosk.reaches(State.REMOVE_TOKEN)
    assert kiosk.driver.token("last-try").verify_count == 0


async def _at_username(kiosk: Kiosk) -> None:
    await kiosk.to_username()


async def _at_preparing(kiosk: Kiosk) -> None:
    await kiosk.to_username()
    kiosk.driver.inject(Operation.FIND, Hang())
    kiosk.do(flow.UsernameEntered("hoasen"))
    await kiosk.reaches(State.PREPARING)


async def _at_pin(kiosk: Kiosk) -> None:
    await kiosk.to_pin()
    kiosk.type_pin("1234")


async def _at_reading(kiosk: Kiosk) -> None:
    await kiosk.to_insert()
    kiosk.driver.inject(Operation.CERTIFICATES, Hang())
    kiosk.reader.insert("hoa-sen")
    await kiosk.reaches(State.READING)


async def _at_login(kiosk: Kiosk) -> None:
    await kiosk.to_pin()
    kiosk.type_pin(PIN)
    kiosk.driver.inject(Operation.LOGIN, Hang())
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.VERIFYING)


async def _at_signing(kiosk: Kiosk) -> None:
    await kiosk.to_pin()
    kiosk.type_pin(PIN)
    kiosk.driver.inject(Operation.SIGN, Hang())
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.VERIFYING)


async def _at_pin_wrong(kiosk: Kiosk) -> None:
    await kiosk.to_pin()
    kiosk.type_pin("0000")
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.PIN_WRONG)


async def _at_confirm(kiosk: Kiosk) -> None:
    await kiosk.to_confirm()


@pytest.mark.parametrize(
    "walk",
    [
        _at_reading,
        _at_username,
        _at_preparing,
        _at_pin,
        _at_login,
        _at_signing,
        _at_pin_wrong,
        _at_confirm,
    ],
)
async def test_pulling_the_token_before_sending_stops_everything(
    kiosk: Kiosk, walk: Callable[[Kiosk], asyncio.Future[None]]
) -> None:
    await walk(kiosk)
    kiosk.reader.remove()
    await kiosk.reaches(State.TOKEN_REMOVED, problems.TOKEN_REMOVED)
    kiosk.assert_erased()
    assert kiosk.mails == 0
    kiosk.do(flow.Retried())
    await kiosk.reaches(State.INSERT_TOKEN)
    kiosk.reader.insert("hoa-sen")
    await kiosk.reaches(State.USERNAME)


async def test_a_swapped_token_ends_the_step(kiosk: Kiosk) -> None:
    """Out and in between two looks at the reader: PC/SC's counter gives it away."""
    await kiosk.to_pin()
    reader = kiosk.reader
    report, reader._report = reader._report, None
    reader.remove()
    reader.insert("binh-minh")
    reader._report = report
    assert report is not None
    report(reader.state())
    await kiosk.reaches(State.TOKEN_REMOVED, problems.TOKEN_REMOVED)
    assert kiosk.driver.token("binh-minh").verify_count == 0


@pytest.mark.parametrize(
    ("operation", "fault", "problem"),
    [
        (Operation.OPEN, tokens.ModuleMissing("/x.so"), problems.KIOSK_MODULE_MISSING),
        (Operation.FIND, tokens.TokenNotRecognised(), problems.TOKEN_NOT_RECOGNISED),
        (Operation.FIND, tokens.SeveralTokens(), problems.TOKEN_SEVERAL),
        (Operation.FIND, tokens.TokenBlank(), problems.TOKEN_BLANK),
        (Operation.CERTIFICATES, tokens.HelperDied(-11), problems.KIOSK_DRIVER_FAILED),
    ],
)
async def test_a_token_that_fails_while_it_is_read(
    kiosk: Kiosk,
    operation: Operation,
    fault: tokens.TokenError,
    problem: Problem,
) -> None:
    await kiosk.to_insert()
    kiosk.driver.inject(operation, fault)
    kiosk.reader.insert("hoa-sen")
    await kiosk.reaches(State.PROBLEM, problem)
    kiosk.assert_erased()


@pytest.mark.parametrize(
    ("operation", "fault", "problem"),
    [
        (Operation.LOGIN, tokens.TokenChanged(), problems.TOKEN_CHANGED),
        (Operation.LOGIN, tokens.PinMustChange(), problems.PIN_MUST_CHANGE),
        (Operation.SIGN, tokens.KeyMissing(), problems.TOKEN_KEY_MISSING),
        (Operation.SIGN, tokens.TokenFailed("sign", "CKR"), problems.KIOSK_DRIVER_FAILED),
    ],
)
async def test_a_token_that_fails_at_the_proof(
    kiosk: Kiosk, operation: Operation, fault: tokens.TokenError, problem: Problem
) -> None:
    await kiosk.to_pin()
    kiosk.type_pin(PIN)
    kiosk.driver.inject(operation, fault)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.PROBLEM, problem)
    kiosk.assert_erased()
    assert kiosk.mails == 0


@pytest.mark.parametrize("operation", [Operation.CERTIFICATES, Operation.LOGIN, Operation.SIGN])
async def test_a_stalled_token_has_to_be_removed_before_another_attempt(
    kiosk: Kiosk, operation: Operation
) -> None:
    kiosk.driver.inject(operation, tokens.TokenStalled(operation.value, 20))
    await kiosk.to_insert()
    kiosk.reader.insert("hoa-sen")
    if operation is not Operation.CERTIFICATES:
        await kiosk.reaches(State.USERNAME)
        kiosk.do(flow.UsernameEntered("hoasen"))
        await kiosk.reaches(State.PIN)
        kiosk.type_pin(PIN)
        kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.TOKEN_STALLED, problems.TOKEN_STALLED)
    kiosk.assert_erased()
    kiosk.reader.remove()
    await kiosk.reaches(State.TOKEN_REMOVED)
    assert kiosk.mails == 0


async def test_a_pin_of_a_length_that_no_pin_has_is_not_tried(kiosk: Kiosk) -> None:
    await kiosk.to_pin()
    before = kiosk.driver.token("hoa-sen").verify_count
    kiosk.type_pin("123456789")
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.PIN_WRONG, problems.PIN_LENGTH)
    assert kiosk.driver.token("hoa-sen").verify_count == before


async def test_pcsc_going_away_ends_the_visit_and_the_kiosk_heals(kiosk: Kiosk) -> None:
    await kiosk.to_pin()
    kiosk.reader.available = False
    await kiosk.reaches(State.PROBLEM, problems.KIOSK_PCSC_DOWN)
    kiosk.assert_erased()
    kiosk.do(flow.Finished())
    await kiosk.reaches(State.OUT_OF_SERVICE, problems.KIOSK_PCSC_DOWN)
    kiosk.reader.remove()
    kiosk.reader.available = True
    await kiosk.reaches(State.WELCOME)


async def test_service_down_before_the_pin(kiosk: Kiosk, server: SandboxServer) -> None:
    await kiosk.to_username()
    server.stop()
    kiosk.do(flow.UsernameEntered("hoasen"))
    await kiosk.reaches(State.PROBLEM, problems.SERVICE_UNREACHABLE)
    kiosk.assert_erased()
    assert kiosk.driver.token("hoa-sen").tries_left == 3


async def test_service_down_at_confirm_was_surely_not_sent_and_may_be_sent_again(
    kiosk: Kiosk, server: SandboxServer, directory: Path
) -> None:
    await kiosk.to_confirm()
    port = int(server.url.rsplit(":", 1)[1])
    server.stop()
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SEND_FAILED, problems.SERVICE_SEND_FAILED)
    again = SandboxServer(directory, http_port=port)
    again.start()
    try:
        kiosk.do(flow.Retried())
        await kiosk.reaches(State.SENT)
        await kiosk.until(lambda: kiosk.mails == 1, "the mail")
    finally:
        again.stop()


async def test_service_down_is_seen_on_the_welcome_screen_and_heals(
    kiosk: Kiosk, server: SandboxServer, directory: Path
) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    server.stop()
    await kiosk.reaches(State.OUT_OF_SERVICE, problems.SERVICE_UNREACHABLE)
    again = SandboxServer(directory, http_port=port)
    again.start()
    try:
        await kiosk.reaches(State.WELCOME)
    finally:
        again.stop()


async def test_removing_the_token_while_sending_changes_nothing(kiosk: Kiosk) -> None:
    await kiosk.to_confirm()
    kiosk.do(flow.SendConfirmed())
    kiosk.reader.remove()
    await kiosk.reaches(State.SENT)
    await kiosk.until(lambda: kiosk.mails == 1, "the mail")
    kiosk.do(flow.Finished())
    await kiosk.reaches(State.GOODBYE)


async def test_no_email_yet_sends_once_more_and_then_refuses(kiosk: Kiosk) -> None:
    await kiosk.to_confirm()
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    kiosk.do(flow.NoEmailYet(), flow.ResendAsked())
    await kiosk.reaches(State.SENT)
    assert kiosk.view.resent
    await kiosk.until(lambda: kiosk.mails == 2, "the second mail")
    for _ in range(10):
        kiosk.do(flow.NoEmailYet(), flow.ResendAsked())
        await kiosk.until(lambda: kiosk.view.state is not State.RESENDING, "an answer")
        if kiosk.view.state is State.RESEND_FAILED:
            break
    assert kiosk.view.problem is problems.SERVICE_RESEND_REFUSED
    kiosk.do(flow.Back())
    assert kiosk.view.state is State.SENT


async def test_not_my_email_leads_to_the_hotline_with_staff_called(kiosk: Kiosk) -> None:
    await kiosk.to_confirm()
    kiosk.do(flow.NotMyEmail())
    await kiosk.reaches(State.HOTLINE)
    await kiosk.until(lambda: kiosk.view.staff is StaffCall.TOLD, "the word that staff know")
    kiosk.assert_erased()


async def test_way_b_needs_no_token(kiosk: Kiosk) -> None:
    kiosk.do(flow.Started(), flow.Agreed(), flow.ForgotUsername())
    assert kiosk.view.state is State.HOTLINE
    assert kiosk.view.support.telephone_url == "tel:18001260"
    kiosk.do(flow.Finished())
    await kiosk.reaches(State.GOODBYE)


async def test_idle_asks_counts_down_and_erases(directory: Path, server: SandboxServer) -> None:
    times = TimeSection(idle=0.3, idle_result=0.3, question=5, goodbye=0.05)
    kiosk = Kiosk(directory, server.url, times)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    await kiosk.to_pin()
    kiosk.type_pin("1234")
    await kiosk.until(lambda: kiosk.view.overlay is Overlay.TIME_OUT, "the question")
    for _ in range(10):
        kiosk.do(flow.MoreTimeAsked())
        assert kiosk.view.state is State.PIN
        await kiosk.until(lambda: kiosk.view.overlay is Overlay.TIME_OUT, "the question again")
    await kiosk.until(lambda: kiosk.view.countdown < 5, "the countdown")
    await kiosk.reaches(State.REMOVE_TOKEN)
    kiosk.assert_erased()
    kiosk.reader.remove()
    await kiosk.reaches(State.WELCOME)
    await kiosk.controller.stop()
    assert not kiosk.crashes


async def test_no_time_out_while_a_token_is_forgotten(
    directory: Path, server: SandboxServer
) -> None:
    times = TimeSection(idle=0.1, idle_result=0.1, question=5, goodbye=0.05)
    kiosk = Kiosk(directory, server.url, times)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    kiosk.reader.insert("hoa-sen")
    await kiosk.reaches(State.CONSENT)
    kiosk.do(flow.Declined())
    shown = len(kiosk.views)
    await asyncio.sleep(0.5)
    assert kiosk.view.state is State.REMOVE_TOKEN
    assert len(kiosk.views) == shown
    await kiosk.controller.stop()


async def test_the_language_goes_back_for_the_next_customer(kiosk: Kiosk) -> None:
    kiosk.do(flow.Started())
    kiosk.controller.toggle_language()
    assert kiosk.view.language == "en"
    kiosk.do(flow.Declined())
    await kiosk.reaches(State.WELCOME)
    assert kiosk.view.language == "vi"


async def test_staff_are_called_and_the_step_stays(kiosk: Kiosk) -> None:
    await kiosk.to_username()
    kiosk.do(flow.StaffCalled())
    assert (kiosk.view.state, kiosk.view.overlay) == (State.USERNAME, Overlay.STAFF_CALL)
    kiosk.do(flow.StaffCallCancelled())
    assert (kiosk.view.state, kiosk.view.overlay) == (State.USERNAME, Overlay.NONE)


def test_every_account_has_a_token() -> None:
    from kiosk.sandbox.scenario import TOKENS

    assert {a.tax_code for a in ACCOUNTS} <= {t.tax_code for t in TOKENS}


class Mailer:
    """Answers in the place of the service after the order, as the contract allows."""

    def __init__(self, kiosk: Kiosk, *answers: str) -> None:
        self._answers = list(answers)
        self._client = kiosk.client

    async def _answer(self, reset_id: str, *_: str) -> Delivery:
        answer = self._answers.pop(0)
        if answer == "lost":
            raise AnswerLost("test")
        return Delivery(reset_id, answer, "BH-TEST")  # type: ignore[arg-type]

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for call in ("confirm", "resend", "status"):
            monkeypatch.setattr(self._client, call, self._answer)


@pytest.mark.parametrize(
    ("answers", "state", "problem"),
    [
        (("bounced",), State.PROBLEM, problems.SERVICE_MAIL_BOUNCED),
        (("pending", "pending", "sent"), State.SENT, None),
        (("pending", "bounced"), State.PROBLEM, problems.SERVICE_MAIL_BOUNCED),
        (("pending", "lost"), State.RESULT_UNKNOWN, problems.SERVICE_RESULT_UNKNOWN),
        (("expired",), State.PROBLEM, problems.SERVICE_RESET_EXPIRED),
        (("lost",), State.RESULT_UNKNOWN, problems.SERVICE_RESULT_UNKNOWN),
    ],
)
async def test_sent_is_said_only_of_a_mail_that_is_on_its_way(
    kiosk: Kiosk,
    monkeypatch: pytest.MonkeyPatch,
    answers: tuple[str, ...],
    state: State,
    problem: Problem | None,
) -> None:
    monkeypatch.setattr(effects, "PENDING_INTERVAL", 0.01)
    await kiosk.to_confirm()
    Mailer(kiosk, *answers).install(monkeypatch)
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(state, problem)
    if state is State.RESULT_UNKNOWN:
        assert kiosk.view.reference.startswith("BH-")


async def test_a_lost_answer_to_resend_is_unknown(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kiosk.to_confirm()
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    Mailer(kiosk, "lost").install(monkeypatch)
    kiosk.do(flow.NoEmailYet(), flow.ResendAsked())
    await kiosk.reaches(State.RESULT_UNKNOWN, problems.SERVICE_RESULT_UNKNOWN)


async def test_a_token_pulled_while_sending_is_missed_before_sending_again(
    kiosk: Kiosk, server: SandboxServer
) -> None:
    await kiosk.to_confirm()
    server.stop()
    kiosk.do(flow.SendConfirmed())
    kiosk.reader.remove()
    await kiosk.reaches(State.TOKEN_REMOVED, problems.TOKEN_REMOVED)
    assert kiosk.mails == 0


async def test_plugging_in_answers_the_time_out_question(kiosk: Kiosk) -> None:
    await kiosk.to_insert()
    kiosk.do(flow.IdleElapsed())
    assert kiosk.view.overlay is Overlay.TIME_OUT
    kiosk.reader.insert("hoa-sen")
    await kiosk.reaches(State.USERNAME)
    assert kiosk.view.overlay is Overlay.NONE


async def test_staff_are_said_to_be_called_only_when_they_are(
    kiosk: Kiosk, server: SandboxServer
) -> None:
    kiosk.do(flow.Started(), flow.StaffCalled())
    await kiosk.until(lambda: kiosk.view.staff is StaffCall.TOLD, "the word that staff know")
    kiosk.do(flow.StaffCallCancelled())
    assert kiosk.view.staff is StaffCall.NONE
    server.stop()
    kiosk.do(flow.StaffCalled())
    await kiosk.until(lambda: kiosk.view.staff is StaffCall.FAILED, "the word that they do not")


async def test_a_staff_call_on_the_welcome_screen_belongs_to_the_visit(kiosk: Kiosk) -> None:
    kiosk.do(flow.StaffCalled())
    await kiosk.until(lambda: kiosk.view.staff is StaffCall.TOLD, "the word that staff know")
    kiosk.do(flow.StaffCallClosed(), flow.Started())
    assert kiosk.view.staff is StaffCall.TOLD
    kiosk.do(flow.Declined())
    await kiosk.reaches(State.WELCOME)
    assert kiosk.view.staff is StaffCall.NONE


async def test_a_staff_call_on_the_welcome_screen_does_not_stay(
    directory: Path, server: SandboxServer
) -> None:
    times = TimeSection(idle=0.2, idle_result=0.2, question=5, goodbye=0.05)
    kiosk = Kiosk(directory, server.url, times)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    kiosk.do(flow.StaffCalled())
    await kiosk.until(lambda: kiosk.view.overlay is Overlay.NONE, "the welcome screen")
    kiosk.controller.toggle_language()
    assert kiosk.view.language == "en"
    await kiosk.until(lambda: kiosk.view.language == "vi", "the usual language")
    await kiosk.controller.stop()


async def test_a_token_left_behind_by_somebody_is_not_read_for_the_next(kiosk: Kiosk) -> None:
    """Plugged in on the goodbye screen: the visit begins at once, and times out."""
    kiosk.do(flow.Started(), flow.Declined())
    await kiosk.reaches(State.GOODBYE)
    kiosk.reader.insert("hoa-sen")
    await kiosk.reaches(State.CONSENT)


async def test_what_is_typed_after_confirm_is_not_part_of_the_pin(kiosk: Kiosk) -> None:
    await kiosk.to_pin()
    kiosk.type_pin(PIN[:-1])
    kiosk.view.pin.seal()
    kiosk.type_pin(PIN[-1])
    kiosk.view.pin.backspace()
    kiosk.view.pin.clear()
    assert len(kiosk.view.pin) == len(PIN) - 1


async def test_an_empty_pin_is_never_presented(kiosk: Kiosk) -> None:
    await kiosk.to_pin()
    before = kiosk.driver.token("hoa-sen").verify_count
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.PIN_WRONG)
    assert kiosk.driver.token("hoa-sen").verify_count == before
