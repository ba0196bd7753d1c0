"""Whole visits: what tokens, PINs and hands do to them.

Each test is a customer. What they would see is the last view; what was sent is in the
sandbox's mailbox; what stayed behind is in the controller's visit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from kiosk import flow, problems
from kiosk.flow import State
from kiosk.hardware import token as tokens
from kiosk.problems import Problem
from kiosk.sandbox.embedded import Hang, Operation
from kiosk.sandbox.scenario import PIN
from tests.visits.kiosk import Kiosk


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
    assert kiosk.view.last_try
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
