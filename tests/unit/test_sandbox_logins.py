"""Logins: which passwords open an account, and what is demanded then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kiosk.sandbox import scenario
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.service import MIN_PASSWORD
from tests.unit.service_lab import Lab

OLD = scenario.OLD_PASSWORD
EMAIL = "ketoan.hoasen@gmail.com"
REFUSED, DEMANDED, OPEN = (401, "login_refused"), (200, "change_required"), (200, "ok")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path, limits=Limits(resend_wait=0)) as lab:
        yield lab


async def mailed(lab: Lab, mails: int = 1) -> list[str]:
    """Have a password reset, and mailed so many times; returns the passwords, newest first."""
    client = lab.client()
    reset = await lab.open_reset(client)
    await client.confirm(reset.id, "first")
    for number in range(1, mails):
        await client.resend(reset.id, f"again-{number}")
    await client.close()
    return lab.mailed_passwords(EMAIL)


async def test_the_mailed_password_works_and_the_old_one_does_not(lab: Lab) -> None:
    assert lab.log_in("hoasen", OLD) == OPEN
    (password,) = await mailed(lab)
    assert lab.log_in("hoasen", OLD) == REFUSED
    assert lab.log_in("hoasen", password) == DEMANDED


async def test_a_change_is_demanded_until_it_is_made(lab: Lab) -> None:
    (password,) = await mailed(lab)
    for _ in range(3):
        assert lab.log_in("hoasen", password) == DEMANDED
    assert lab.log_in("hoasen", password, "đã đổi rồi nhé") == OPEN
    assert lab.log_in("hoasen", password) == REFUSED
    assert lab.log_in("hoasen", "đã đổi rồi nhé") == OPEN
    # That one is the owner's own: nothing is demanded any more.
    assert lab.log_in("hoasen", "đã đổi rồi nhé") == OPEN


async def test_only_the_newest_of_several_mails_counts(lab: Lab) -> None:
    newest, middle, first = await mailed(lab, 3)
    assert lab.log_in("hoasen", first) == REFUSED
    assert lab.log_in("hoasen", middle) == REFUSED
    assert lab.log_in("hoasen", newest) == DEMANDED


@pytest.mark.parametrize("chosen", ["x" * (MIN_PASSWORD - 1), "the mailed one"])
async def test_not_every_password_may_be_chosen(lab: Lab, chosen: str) -> None:
    (password,) = await mailed(lab)
    if chosen == "the mailed one":
        chosen = password
    assert lab.log_in("hoasen", password, chosen) == (400, "invalid_request")
    assert lab.log_in("hoasen", password) == DEMANDED


async def test_nobody_chooses_a_password_without_the_present_one(lab: Lab) -> None:
    (password,) = await mailed(lab)
    assert lab.log_in("hoasen", OLD, "của kẻ gian đây") == REFUSED
    assert lab.log_in("hoasen", "của kẻ gian đây") == REFUSED
    assert lab.log_in("hoasen", password) == DEMANDED


async def test_a_mailed_password_opens_no_other_account(lab: Lab) -> None:
    (password,) = await mailed(lab)
    assert lab.log_in("hoasen.kho", password) == REFUSED
    assert lab.log_in("hoasen.kho", OLD) == OPEN


@pytest.mark.parametrize("near", [" {}", "{} ", "{}x"])
async def test_a_password_is_taken_to_the_letter(lab: Lab, near: str) -> None:
    (password,) = await mailed(lab)
    assert lab.log_in("hoasen", near.format(password)) == REFUSED
    assert lab.log_in("hoasen", password.swapcase()) == REFUSED


def test_a_password_is_not_guessed(tmp_path: Path) -> None:
    with Lab(tmp_path, limits=Limits(logins=3)) as lab:
        for username in ("hoasen", "nobody"):
            for _ in range(3):
                assert lab.log_in(username, "wrong") == REFUSED
            assert lab.log_in(username, OLD)[0] == 429
        lab.ahead = 3601
        assert lab.log_in("hoasen", OLD) == OPEN


def test_what_is_no_login(lab: Lab) -> None:
    bodies = (
        b"",
        b"[]",
        b'{"username": "hoasen"}',
        b'{"username": "", "password": "x"}',
        b'{"username": "hoasen", "password": 1}',
        rb'{"username": "\ud800", "password": "x"}',
        rb'{"username": "hoasen", "password": "\ud800"}',
        b'{"username": "hoasen", "password": "' + b"x" * 257 + b'"}',
    )
    for body in bodies:
        answer = httpx.post(
            f"{lab.url}/v1/logins", content=body, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), body
