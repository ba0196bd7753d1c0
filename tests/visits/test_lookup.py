"""Whole visits: the username is forgotten, and the token finds it."""

from __future__ import annotations

import base64
import json

import pytest

from kiosk import flow, problems
from kiosk.flow import State
from kiosk.sandbox.embedded import Operation
from kiosk.sandbox.scenario import PIN
from kiosk.service.errors import AnswerLost, ServiceRefused
from kiosk.service.messages import Accounts
from tests.visits.kiosk import Kiosk


async def to_pin(kiosk: Kiosk, token: str = "hoa-sen") -> None:
    """From the welcome screen to the PIN, without a username."""
    await kiosk.until(lambda: kiosk.view.can_look_up, "the service's offer")
    kiosk.do(flow.Started(), flow.Agreed(), flow.LookupAsked())
    await kiosk.reaches(State.INSERT_TOKEN)
    kiosk.reader.insert(token)
    await kiosk.reaches(State.PIN)


async def prove(kiosk: Kiosk, token: str = "hoa-sen") -> None:
    await to_pin(kiosk, token)
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())


async def test_several_usernames_are_offered_and_the_chosen_one_is_reset(kiosk: Kiosk) -> None:
    await prove(kiosk)
    await kiosk.reaches(State.CHOOSE_USERNAME)
    assert kiosk.view.usernames == ("hoasen", "hoasen.kho", "hoasen.khoa")
    kiosk.do(flow.UsernameChosen("hoasen.kho"))
    await kiosk.reaches(State.CONFIRM)
    assert kiosk.view.username == "hoasen.kho"
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    await kiosk.until(lambda: kiosk.mails == 1, "the mail")
    assert kiosk.recipients == ["kho.hoasen@outlook.com"]
    token = kiosk.driver.token("hoa-sen")
    assert token.verify_count == 1, "one press, one login"
    kiosk.do(flow.Finished())
    kiosk.reader.remove()
    await kiosk.reaches(State.WELCOME)
    kiosk.assert_erased()
    assert kiosk.view.usernames == ()
    assert not kiosk.controller._visit.lookup


async def test_certificates_are_chosen_first_and_a_single_username_is_not_asked_for(
    kiosk: Kiosk,
) -> None:
    await kiosk.until(lambda: kiosk.view.can_look_up, "the service's offer")
    kiosk.do(flow.Started(), flow.Agreed(), flow.LookupAsked())
    kiosk.reader.insert("two-certificates")
    await kiosk.reaches(State.CHOOSE_CERTIFICATE)
    kiosk.do(flow.CertificateChosen(kiosk.view.certificates[1].fingerprint))
    await kiosk.reaches(State.PIN)
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.CONFIRM)
    assert kiosk.view.username == "haichungthu"
    states = [view.state for view in kiosk.views]
    assert State.CHOOSE_USERNAME not in states
    assert State.USERNAME not in states, "who forgot the username is never asked for it"


async def test_it_can_be_asked_for_at_the_username_and_after_a_wrong_one(kiosk: Kiosk) -> None:
    await kiosk.to_pin("nobody")
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.NO_MATCH)
    kiosk.do(flow.Retried())
    await kiosk.reaches(State.USERNAME)
    kiosk.do(flow.LookupAsked())
    await kiosk.reaches(State.PIN)
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.CHOOSE_USERNAME)
    kiosk.do(flow.Cancelled())
    kiosk.assert_erased()


async def test_a_typed_username_ends_the_lookup(kiosk: Kiosk) -> None:
    await kiosk.to_username()
    kiosk.do(flow.LookupAsked())
    await kiosk.reaches(State.PIN)
    kiosk.type_pin("00000000")
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.PIN_WRONG)
    kiosk.reader.remove()
    await kiosk.reaches(State.TOKEN_REMOVED)
    kiosk.do(flow.Retried(), flow.Back(), flow.RememberedUsername())
    kiosk.reader.insert("hoa-sen")
    await kiosk.reaches(State.USERNAME)
    kiosk.do(flow.UsernameEntered("hoasen"))
    await kiosk.reaches(State.PIN)
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.CONFIRM)


async def test_a_tax_code_without_account(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(_proof: str) -> Accounts:
        return Accounts(())

    monkeypatch.setattr(kiosk.client, "look_up_accounts", none)
    await prove(kiosk)
    await kiosk.reaches(State.PROBLEM, problems.SERVICE_NO_ACCOUNT)
    kiosk.assert_erased()


@pytest.mark.parametrize(
    ("username", "problem"),
    [
        ("hoasen.khoa", problems.SERVICE_ACCOUNT_LOCKED),
        ("hoasen.cu", problems.SERVICE_ACCOUNT_CLOSED),
    ],
)
async def test_a_locked_or_closed_account_is_told_to_its_owner(
    kiosk: Kiosk, username: str, problem: problems.Problem
) -> None:
    await kiosk.to_pin(username)
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.PROBLEM, problem)
    assert kiosk.mails == 0


async def test_a_username_that_was_not_offered_is_not_taken(kiosk: Kiosk) -> None:
    await prove(kiosk)
    await kiosk.reaches(State.CHOOSE_USERNAME)
    kiosk.do(flow.UsernameChosen("nghiem"))
    assert kiosk.view.state is State.CHOOSE_USERNAME
    assert kiosk.view.username == ""


async def test_a_token_pulled_while_choosing_ends_it(kiosk: Kiosk) -> None:
    await prove(kiosk)
    await kiosk.reaches(State.CHOOSE_USERNAME)
    kiosk.reader.remove()
    await kiosk.reaches(State.TOKEN_REMOVED, problems.TOKEN_REMOVED)
    kiosk.assert_erased()
    assert kiosk.view.usernames == ()


async def test_a_lookup_without_answer_is_not_repeated(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def lost(proof: str) -> Accounts:
        asked.append(proof)
        raise AnswerLost("test")

    monkeypatch.setattr(kiosk.client, "look_up_accounts", lost)
    await prove(kiosk)
    await kiosk.reaches(State.PROBLEM, problems.SERVICE_UNREACHABLE)
    assert len(asked) == 1
    assert kiosk.driver.token("hoa-sen").verify_count == 1


async def test_what_is_signed_is_what_is_asked_for(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first proof asks for usernames and names none; the second names the chosen one."""
    proofs: list[str] = []
    for call in ("look_up_accounts", "request_reset"):
        real = getattr(kiosk.client, call)

        async def note(*arguments: str, real: object = real) -> object:
            proofs.append(arguments[-1])
            return await real(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(kiosk.client, call, note)
    await prove(kiosk)
    await kiosk.reaches(State.CHOOSE_USERNAME)
    kiosk.do(flow.UsernameChosen("hoasen"))
    await kiosk.reaches(State.CONFIRM)
    first, second = ([_unpacked(part) for part in proof.split(".")[:2]] for proof in proofs)
    assert (first[0]["typ"], first[1]["action"]) == ("bhxh-lookup+jwt", "account-lookup")
    assert "username" not in first[1]
    assert (second[0]["typ"], second[1]["username"]) == ("bhxh-reset+jwt", "hoasen")
    assert first[1]["challenge"] != second[1]["challenge"]


async def test_a_lookup_that_matches_nothing_drops_the_token(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_proof: str) -> Accounts:
        raise ServiceRefused("no_match", 403)

    monkeypatch.setattr(kiosk.client, "look_up_accounts", refuse)
    await prove(kiosk)
    await kiosk.reaches(State.PROBLEM, problems.SERVICE_NO_ACCOUNT)
    kiosk.assert_erased()


async def test_after_a_lookup_whose_username_does_not_match_it_can_be_typed(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found(_proof: str) -> Accounts:
        return Accounts(("nobody",))

    monkeypatch.setattr(kiosk.client, "look_up_accounts", found)
    await prove(kiosk)
    await kiosk.reaches(State.NO_MATCH)
    kiosk.do(flow.Retried())
    assert kiosk.view.state is State.USERNAME


@pytest.mark.parametrize("operation", [Operation.SIGN, Operation.LOGIN])
async def test_a_token_that_fails_during_the_lookup(kiosk: Kiosk, operation: Operation) -> None:
    from kiosk.hardware.token import TokenFailed

    kiosk.driver.inject(operation, TokenFailed("test", "CKR_DEVICE_ERROR"))
    await prove(kiosk)
    await kiosk.reaches(State.PROBLEM, problems.KIOSK_DRIVER_FAILED)


def _unpacked(part: str) -> dict[str, str]:
    values: dict[str, str] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return values
