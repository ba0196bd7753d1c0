"""Forgotten usernames, and accounts that are locked or closed, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from kiosk.sandbox import scenario
from kiosk.sandbox.scenario import AccountStatus
from kiosk.sandbox.server.service import Limits
from kiosk.service.client import ServiceClient
from kiosk.service.errors import ServiceRefused
from tests.unit.service_lab import Lab

LOCKED, CLOSED = "hoasen.khoa", "hoasen.cu"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("service"), limits=Limits(resend_wait=0)) as lab:
        yield lab


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[ServiceClient]:
    client = lab.client()
    yield client
    await client.close()


def test_the_scenario_has_one_account_of_each_kind() -> None:
    status = {account.username: account.status for account in scenario.ACCOUNTS}
    assert (status["hoasen"], status[LOCKED], status[CLOSED]) == ("active", "locked", "closed")


async def test_the_usernames_of_the_tax_code_alone(lab: Lab, client: ServiceClient) -> None:
    names = await lab.look_up(client)
    assert {"hoasen", "hoasen.kho", LOCKED} <= set(names)
    assert list(names) == sorted(names)
    own = {a.username for a in scenario.ACCOUNTS if a.tax_code == "0100000001"}
    assert set(names) == own - {CLOSED}
    assert "binhminh" in await lab.look_up(client, "binh-minh")


async def test_a_tax_code_without_accounts(lab: Lab, client: ServiceClient) -> None:
    assert await lab.look_up(client, "no-tax-code") == ()


async def test_a_lookup_uses_its_challenge_up(lab: Lab, client: ServiceClient) -> None:
    challenge = (await client.challenge(lab.chain("hoa-sen"))).challenge
    proof = lab.proof("hoa-sen", None, challenge)
    await client.look_up_accounts(proof)
    with pytest.raises(ServiceRefused, match=r"^403 challenge_invalid$"):
        await client.look_up_accounts(proof)
    with pytest.raises(ServiceRefused, match=r"^403 challenge_invalid$"):
        await client.request_reset("hoasen", lab.proof("hoa-sen", "hoasen", challenge))


async def test_neither_proof_is_taken_for_the_other(lab: Lab, client: ServiceClient) -> None:
    challenge = (await client.challenge(lab.chain("hoa-sen"))).challenge
    with pytest.raises(ServiceRefused, match=r"^403 proof_invalid$"):
        await client.request_reset("hoasen", lab.proof("hoa-sen", None, challenge))
    # Nor does its challenge serve for a right one afterwards.
    with pytest.raises(ServiceRefused, match=r"^403 challenge_invalid$"):
        await client.request_reset("hoasen", lab.proof("hoa-sen", "hoasen", challenge))
    challenge = (await client.challenge(lab.chain("hoa-sen"))).challenge
    with pytest.raises(ServiceRefused, match=r"^403 proof_invalid$"):
        await client.look_up_accounts(lab.proof("hoa-sen", "hoasen", challenge))


@pytest.mark.parametrize("account", [LOCKED, CLOSED])
async def test_only_the_owner_learns_that_an_account_is_locked(
    lab: Lab, client: ServiceClient, account: str
) -> None:
    code = {LOCKED: "account_locked", CLOSED: "account_closed"}[account]
    with pytest.raises(ServiceRefused, match=rf"^403 {code}$"):
        await lab.open_reset(client, "hoa-sen", account)
    with pytest.raises(ServiceRefused, match=r"^403 no_match$"):
        await lab.open_reset(client, "binh-minh", account)


@pytest.mark.parametrize("account", [LOCKED, CLOSED])
def test_nobody_logs_in_to_such_an_account(lab: Lab, account: str) -> None:
    assert lab.log_in(account, scenario.OLD_PASSWORD) == (401, "login_refused")


@pytest.mark.parametrize(("status", "name"), [("locked", "lancuoi"), ("closed", "haichungthu")])
async def test_an_account_that_is_locked_meanwhile_gets_no_mail(
    lab: Lab, client: ServiceClient, status: AccountStatus, name: str
) -> None:
    token = {"lancuoi": "last-try", "haichungthu": "two-certificates"}[name]
    (email,) = (a.email for a in scenario.ACCOUNTS if a.username == name)
    reset = await lab.open_reset(client, token, name)
    lab.set_status(name, status)
    with pytest.raises(ServiceRefused, match=rf"^403 account_{status}$"):
        await client.confirm(reset.id, f"{name}-1")
    assert lab.mailed_passwords(email) == []

    lab.set_status(name, "active")
    assert (await client.confirm(reset.id, f"{name}-2")).status in ("sent", "delivered")
    (password,) = lab.mailed_passwords(email)
    lab.set_status(name, status)
    with pytest.raises(ServiceRefused, match=rf"^403 account_{status}$"):
        await client.resend(reset.id, f"{name}-3")
    assert len(lab.mailed_passwords(email)) == 1
    assert lab.log_in(name, password) == (401, "login_refused")
    # What was done before is still told.
    assert (await client.confirm(reset.id, f"{name}-2")).status == "delivered"
    lab.set_status(name, "active")
    assert lab.log_in(name, password) == (200, "change_required")


async def test_that_an_account_is_locked_is_told_before_any_limit(tmp_path: Path) -> None:
    with Lab(tmp_path, limits=Limits(resends=0)) as lab:
        client = lab.client()
        reset = await lab.open_reset(client)
        await client.confirm(reset.id, "first")
        lab.set_status("hoasen", "locked")
        with pytest.raises(ServiceRefused, match=r"^403 account_locked$"):
            await client.resend(reset.id, "second")
        await client.close()


async def test_how_many_mails_are_left_and_when(tmp_path: Path) -> None:
    with Lab(tmp_path, limits=Limits(resends=1, resend_wait=30)) as lab:
        client = lab.client()
        reset = await lab.open_reset(client)
        before = await client.status(reset.id)
        assert (before.resends_left, before.resend_after) == (1, 0)
        first = await client.confirm(reset.id, "first")
        assert first.resends_left == 1
        assert 28 <= first.resend_after <= 30
        with pytest.raises(ServiceRefused, match=r"^429 rate_limited$") as caught:
            await client.resend(reset.id, "too-early")
        assert 28 <= (caught.value.retry_after or 0) <= 30
        lab.ahead = 29.0
        assert 1 <= (await client.status(reset.id)).resend_after <= 2
        lab.ahead = 31.0
        assert (await client.status(reset.id)).resend_after == 0
        second = await client.resend(reset.id, "second")
        assert (second.resends_left, second.resend_after) == (0, 0)
        with pytest.raises(ServiceRefused, match=r"^429 resend_limit$"):
            await client.resend(reset.id, "third")
        lab.ahead = Limits().reset_life + 1
        assert (await client.status(reset.id)).resends_left == 0
        assert len(lab.mailed_passwords("ketoan.hoasen@gmail.com")) == 2
        await client.close()


@pytest.mark.parametrize("limited", ["per_username", "per_certificate", "per_kiosk", "lookups"])
async def test_limits_survive_a_restart(tmp_path: Path, limited: str) -> None:
    async def outcome(lab: Lab) -> str:
        # With a client of its own: the port is another one after a restart.
        client = lab.client()
        try:
            await (lab.look_up(client) if limited == "lookups" else lab.open_reset(client))
        except ServiceRefused as error:
            return f"{error.code}, wait" if 3500 < (error.retry_after or 0) <= 3600 else error.code
        finally:
            await client.close()
        return "granted"

    with Lab(tmp_path, limits=Limits(**{limited: 2})) as lab:
        for _ in range(2):
            assert await outcome(lab) == "granted"
        assert await outcome(lab) == "rate_limited, wait"
        await asyncio.to_thread(lab.server.stop)
        await asyncio.to_thread(lab.server.start)
        assert await outcome(lab) == "rate_limited, wait"
        lab.ahead = 3601
        assert await outcome(lab) == "granted"


async def test_a_limit_is_of_one_username_certificate_and_kiosk(tmp_path: Path) -> None:
    limits = Limits(per_username=1, per_certificate=3, per_kiosk=6)
    with Lab(tmp_path, limits=limits) as lab:
        client, other = lab.client(), ServiceClient(lab.url, "other-kiosk")
        await lab.open_reset(client, "hoa-sen", "hoasen")
        with pytest.raises(ServiceRefused, match="rate_limited"):
            await lab.open_reset(client, "hoa-sen", "hoasen")
        await lab.open_reset(client, "hoa-sen", "hoasen.kho")
        with pytest.raises(ServiceRefused, match="rate_limited"):
            await client.challenge(lab.chain("hoa-sen"))
        await lab.open_reset(client, "binh-minh", "binhminh")
        await client.challenge(lab.chain("binh-minh"))
        with pytest.raises(ServiceRefused, match="rate_limited"):
            await client.challenge(lab.chain("binh-minh"))
        await other.challenge(lab.chain("binh-minh"))
        await client.close()
        await other.close()


async def test_a_stranger_does_not_use_an_owners_limit_up(tmp_path: Path) -> None:
    with Lab(tmp_path, limits=Limits(per_username=2)) as lab:
        client = lab.client()
        for _ in range(2):
            with pytest.raises(ServiceRefused, match="no_match"):
                await lab.open_reset(client, "binh-minh", "hoasen")
        with pytest.raises(ServiceRefused, match="rate_limited"):
            await lab.open_reset(client, "binh-minh", "hoasen")
        await lab.open_reset(client, "hoa-sen", "hoasen")
        await client.close()


def test_the_wait_is_told_in_header_and_document(tmp_path: Path) -> None:
    with Lab(tmp_path, limits=Limits(per_kiosk=1)) as lab:
        first, second = (
            httpx.post(
                f"{lab.url}/v1/challenges", json={"chain": ["AAAA"]}, headers={"Kiosk-Id": "k"}
            )
            for _ in range(2)
        )
    assert (first.status_code, second.status_code) == (403, 429)
    assert second.headers["Retry-After"] == str(second.json()["retry_after"]) == "3600"
