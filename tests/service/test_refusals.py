"""Walks the table of what must be refused, over HTTP, against the running sandbox service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from kiosk.sandbox.server.database import reading
from kiosk.sandbox.server.limits import Limits
from tests.service.forging import USERNAME, Forge
from tests.service.refusals import ROWS, Row
from tests.unit.service_lab import KIOSK, Lab

MANY = 10**6


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    limits = Limits(per_username=MANY, per_certificate=MANY, per_kiosk=MANY, lookups=MANY)
    with Lab(tmp_path_factory.mktemp("service"), limits=limits) as lab:
        yield lab


@pytest.fixture(scope="module")
def http(lab: Lab) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=lab.url, trust_env=False, timeout=30) as http:
        yield http


def challenge(lab: Lab, http: httpx.Client, token: str) -> str:
    x5c = Forge(lab, "", token, lookup=False).x5c()
    answer = http.post("/v1/challenges", json={"chain": x5c}, headers={"Kiosk-Id": KIOSK})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["challenge"])


def send(http: httpx.Client, row: Row, proof: str) -> httpx.Response:
    username = row.username or USERNAME.get(row.token, "hoasen")
    body = {"proof": proof} if row.call == "lookup" else {"username": username, "proof": proof}
    path = "/v1/account-lookups" if row.call == "lookup" else "/v1/password-resets"
    return http.post(path, json=body, headers={"Kiosk-Id": row.kiosk})


def done(lab: Lab) -> tuple[int, int, int]:
    """What the service has done: resets, orders, mails."""
    with reading(lab.directory) as db:
        assert db is not None
        counts = (
            db.execute(f"SELECT count(*) FROM {table} {where}").fetchone()[0]  # noqa: S608
            for table, where in (
                ("resets", "WHERE username IS NOT NULL"),
                ("orders", ""),
                ("mails", ""),
            )
        )
        return tuple(counts)  # type: ignore[return-value]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_refused(lab: Lab, http: httpx.Client, row: Row) -> None:
    before = done(lab)
    lab.ahead = 0.0
    nonce = challenge(lab, http, row.challenge_for or row.token)
    if row.used:
        bad = Forge(lab, nonce, row.token, lookup=False).with_(aud="https://other.example")
        assert send(http, row, bad).json()["code"] == "proof_invalid"
    lab.ahead = row.ahead
    proof = row.make(Forge(lab, nonce, row.token, lookup=row.call == "lookup"))
    answer = send(http, row, proof)
    assert answer.json()["code"] == row.code
    assert answer.json()["status"] == answer.status_code in (400, 403)
    assert answer.headers["content-type"] == "application/problem+json"
    assert done(lab) == before


@pytest.mark.parametrize("token", ["hoa-sen", "binh-minh"])
def test_a_lookup_with_nothing_wrong_is_granted(lab: Lab, http: httpx.Client, token: str) -> None:
    lab.ahead = 0.0
    row = Row("good", Forge.good, call="lookup", token=token)
    proof = Forge(lab, challenge(lab, http, token), token, lookup=True).good()
    assert USERNAME[token] in send(http, row, proof).json()["usernames"]
    assert done(lab)[1:] == (0, 0)


def test_no_row_stands_twice() -> None:
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []


@pytest.mark.parametrize("token", ["hoa-sen", "binh-minh"])
def test_a_reset_with_nothing_wrong_is_granted(lab: Lab, http: httpx.Client, token: str) -> None:
    lab.ahead = 0.0
    row = Row("good", Forge.good, token=token)
    proof = Forge(lab, challenge(lab, http, token), token, lookup=False).good()
    assert send(http, row, proof).status_code == 201


@pytest.mark.parametrize("off", [-119, 119])
def test_a_clock_that_is_a_little_off_is_borne(lab: Lab, http: httpx.Client, off: int) -> None:
    lab.ahead = 0.0
    forge = Forge(lab, challenge(lab, http, "hoa-sen"), "hoa-sen", lookup=False)
    proof = forge.with_(iat=int(lab.now()) + off)
    assert send(http, Row("good", Forge.good), proof).status_code == 201
