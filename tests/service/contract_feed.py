"""Gives generated requests what no generator can make: certificates, fresh challenges, proofs
that fit, resets that are open. Without it a run would see refusals alone.

What was generated to be wrong stays as it is.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from typing import Any

import httpx
from schemathesis import Case
from schemathesis.core.parameters import ParameterLocation

from kiosk.sandbox import scenario
from tests.unit.service_lab import KIOSK, Lab

TOKENS = (
    "hoa-sen", "hoa-sen", "binh-minh", "p-384", "rsa-3072", "two-certificates", "expired",
    "future", "foreign", "revoked", "suspended", "weak", "sha1", "wrong-usage", "no-tax-code",
    "long-name", "hostile-name",
)  # fmt: skip

OWNED = (
    ("hoa-sen", "hoasen"),
    ("hoa-sen", "hoasen.kho"),
    ("binh-minh", "binhminh"),
    ("binh-minh", "binhminh.sai"),
    ("binh-minh", "binhminh.tra"),
    ("binh-minh", "binhminh.cham"),
    ("two-certificates", "haichungthu"),
    ("last-try", "lancuoi"),
)
NOT_OPENED = (
    ("hoa-sen", "hoasen.khoa"),
    ("hoa-sen", "hoasen.cu"),
    ("hoa-sen", "binhminh"),
    ("hoa-sen", "Nguyễn Thị Ánh"),
    ("no-tax-code", "hoasen"),
)


class Feed:
    """Fills the requests for one running sandbox service."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._http = httpx.Client(
            base_url=lab.url, headers={"Kiosk-Id": KIOSK}, trust_env=False, timeout=30
        )
        self._open: list[str] = []
        self._confirmed: list[str] = []
        self._proof = ""
        self._keys = 0

    def close(self) -> None:
        self._http.close()

    def fill(self, case: Case) -> None:
        """Put something real into the right parts of a request, most of the time."""
        luck = random.Random(  # noqa: S311 - The same request is filled alike each time.
            repr((case.path_parameters, case.headers, case.body))
        )
        call = case.operation.definition.raw["operationId"]
        headers_are_right = self._is_right(case, ParameterLocation.HEADER)
        if headers_are_right and luck.random() < 0.9 and case.headers:
            case.headers["Kiosk-Id"] = KIOSK
        if luck.random() < 0.2:
            return
        if call in ("confirm", "resend") and headers_are_right and case.headers:
            # A drawn key is soon one that another reset has had.
            self._keys += 1
            case.headers["Idempotency-Key"] = f"key-{self._keys}"
        if case.path_parameters and self._is_right(case, ParameterLocation.PATH):
            resets: dict[str, Callable[[random.Random], str]] = {
                "status": self._any_reset,
                "confirm": self._any_reset,
                "resend": self._resendable_reset,
            }
            if call in resets:
                case.path_parameters["id"] = resets[call](luck)
        if self._is_right(case, ParameterLocation.BODY):
            bodies: dict[str, Callable[[random.Random], dict[str, Any]]] = {
                "challenge": self._chain,
                "requestReset": self._reset,
                "lookUpAccounts": self._lookup,
                "logIn": self._login,
            }
            if call in bodies:
                case.body = bodies[call](luck)
        if luck.random() < 0.03 and case.method == case.operation.method.upper():
            self._lab.server.faults.set("503", call="" if call == "logIn" else call, times=1)

    @staticmethod
    def _is_right(case: Case, location: ParameterLocation) -> bool:
        assert case.meta
        component = case.meta.components.get(location)
        return component is None or component.mode.is_positive

    def _chain(self, luck: random.Random) -> dict[str, Any]:
        chain = self._lab.chain(luck.choice(TOKENS))
        return {"chain": [base64.b64encode(der).decode() for der in chain]}

    def _challenge(self, token: str) -> str:
        body = {"chain": [base64.b64encode(der).decode() for der in self._lab.chain(token)]}
        return str(self._http.post("/v1/challenges", json=body).json()["challenge"])

    def _reset(self, luck: random.Random) -> dict[str, Any]:
        token, username = luck.choice(OWNED if luck.random() < 0.7 else NOT_OPENED)
        fate = luck.random()
        if fate < 0.1 and self._proof:
            return {"username": username, "proof": self._proof}
        changes: dict[str, Any] = {"kiosk": "another"} if fate > 0.9 else {}
        self._proof = self._lab.proof(token, username, self._challenge(token), **changes)
        return {"username": username, "proof": self._proof}

    def _lookup(self, luck: random.Random) -> dict[str, Any]:
        token = luck.choice(("hoa-sen", "binh-minh", "no-tax-code", "rsa-3072"))
        username = None if luck.random() < 0.8 else "hoasen"
        return {"proof": self._lab.proof(token, username, self._challenge(token))}

    def _login(self, luck: random.Random) -> dict[str, Any]:
        password = scenario.OLD_PASSWORD if luck.random() < 0.7 else "wrong"
        body = {"username": luck.choice(("nghiem", "tuonglai")), "password": password}
        return body | ({"new_password": "short"} if luck.random() < 0.2 else {})

    def _new_reset(self, luck: random.Random) -> str:
        token, username = luck.choice(OWNED)
        proof = self._lab.proof(token, username, self._challenge(token))
        body = {"username": username, "proof": proof}
        identifier = str(self._http.post("/v1/password-resets", json=body).json()["id"])
        self._open.append(identifier)
        return identifier

    def _any_reset(self, luck: random.Random) -> str:
        known = self._open[-50:]
        return luck.choice(known) if known and luck.random() < 0.5 else self._new_reset(luck)

    def _resendable_reset(self, luck: random.Random) -> str:
        if self._confirmed and luck.random() < 0.6:
            return luck.choice(self._confirmed[-5:])
        identifier = self._new_reset(luck)
        headers = {"Idempotency-Key": f"first-of-{identifier}"}
        self._http.post(f"/v1/password-resets/{identifier}/confirmation", headers=headers)
        self._confirmed.append(identifier)
        return identifier
