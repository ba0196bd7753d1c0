"""What the customer's token signs, and what it can never be made to sign."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import pytest

from kiosk.service.proof import (
    ProofImpossible,
    ProofRequest,
    algorithm_for,
    assemble,
    signing_input,
)

FACTS: dict[str, Any] = {
    "audience": "https://bhxh.example",
    "username": "Nguyễn.Văn",
    "challenge": "c" * 43,
    "kiosk": "quay-01",
    "issued_at": 1_800_000_000,
    "chain": (b"leaf", b"issuer"),
}


def decoded(part: bytes) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))


def test_it_is_a_jws_that_names_what_is_asked() -> None:
    header, payload = signing_input(ProofRequest(**FACTS), "RS256").split(b".")
    assert decoded(header) == {
        "alg": "RS256",
        "typ": "bhxh-reset+jwt",
        "x5c": [base64.b64encode(der).decode() for der in FACTS["chain"]],
    }
    assert decoded(payload) == {
        "aud": "https://bhxh.example",
        "action": "password-reset",
        "username": "Nguyễn.Văn",
        "challenge": "c" * 43,
        "kiosk": "quay-01",
        "iat": 1_800_000_000,
    }


def test_the_signature_comes_last_without_padding() -> None:
    signed = signing_input(ProofRequest(**FACTS), "ES256")
    proof = assemble(signed, b"\xff\xfe")
    assert proof == signed.decode() + ".__4"
    assert "=" not in proof


@pytest.mark.parametrize(
    "challenge",
    ["", "c" * 15, "c" * 65, "c" * 20 + "=", "c" * 20 + "\n", "c" * 20 + ".", "ｃ" * 20, "c c" * 9],
)
def test_only_a_random_number_is_taken_for_a_challenge(challenge: str) -> None:
    with pytest.raises(ProofImpossible, match=r"^challenge$"):
        ProofRequest(**FACTS | {"challenge": challenge})


@pytest.mark.parametrize(
    "change",
    [
        {"username": ""},
        {"username": " a"},
        {"username": "e\u0302"},
        {"username": "a\nb"},
        {"username": "\udc80"},
        {"username": "a" * 257},
        {"audience": ""},
        {"kiosk": ""},
        {"issued_at": 0},
        {"chain": ()},
        {"chain": (b"leaf", b"")},
        {"chain": (b"leaf",) * 9},
    ],
)
def test_facts_that_cannot_be_are_refused_without_being_quoted(change: dict[str, Any]) -> None:
    with pytest.raises(ProofImpossible) as caught:
        ProofRequest(**FACTS | change)
    value = str(next(iter(change.values())))
    assert len(value) < 2 or value not in str(caught.value)


def test_a_request_does_not_show_whose_it_is() -> None:
    assert "Nguyễn" not in repr(ProofRequest(**FACTS))


@pytest.mark.parametrize(
    ("key_type", "curve", "algorithm"),
    [("RSA", "", "RS256"), ("EC", "secp256r1", "ES256"), ("EC", "secp384r1", "ES384")],
)
def test_the_key_rules_the_algorithm(key_type: str, curve: str, algorithm: str) -> None:
    assert algorithm_for(key_type, curve) == algorithm


@pytest.mark.parametrize(("key_type", "curve"), [("EC", "secp521r1"), ("EC", ""), ("DSA", "")])
def test_other_keys_make_no_proof(key_type: str, curve: str) -> None:
    with pytest.raises(ProofImpossible):
        algorithm_for(key_type, curve)


def test_it_needs_the_standard_library_only() -> None:
    code = (
        "import sys, kiosk.service.proof; "
        "print([n for n in ('cryptography', 'httpx', 'textual', 'pkcs11') if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
