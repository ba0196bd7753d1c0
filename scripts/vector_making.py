"""How a case of the test vectors is made: what `make-vectors` and the cases share."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from kiosk.sandbox.issuing import PrivateKey
from kiosk.sandbox.pki import SandboxPki

AT = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)
NOW = int(AT.timestamp())
LIFE = 300
"""Seconds that a challenge lives."""
CRL_ENDS = AT + timedelta(days=1)

AUDIENCE = "https://bhxh.example"
KIOSK = "quay-01"


def b64url(value: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def compact(value: Any) -> bytes:
    """JSON as the kiosk writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def sign(key: PrivateKey, algorithm: str, message: bytes) -> bytes:
    """A signature as JWS wants it (RFC 7518, sections 3.3 to 3.5)."""
    if isinstance(key, rsa.RSAPrivateKey):
        if algorithm == "PS256":
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
            return key.sign(message, pss, hashes.SHA256())
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    digest = hashes.SHA384() if key.curve.name == "secp384r1" else hashes.SHA256()
    size = key.curve.key_size // 8
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
    return r.to_bytes(size) + s.to_bytes(size)


@dataclass
class Draft:
    """A case, before it is written. What is not named is as in a good proof of `hoa-sen`."""

    name: str
    verdict: str
    description: str
    leaf: str = "hoa-sen"
    algorithm: str = "RS256"
    call: str = "requestReset"
    username: str | None = "hoasen"
    at: int = NOW
    header: dict[str, Any] = field(default_factory=dict)
    """Changes to the header; None takes a field out."""
    payload: dict[str, Any] = field(default_factory=dict)
    challenge: dict[str, Any] = field(default_factory=dict)
    """Changes to what the service knows of the challenge."""
    chain: Callable[[Maker, str], list[bytes]] | None = None
    signer: str = ""
    """Token whose key signs, if it is not the leaf's."""
    forge: Callable[[Maker, bytes, bytes, PrivateKey], str] | None = None
    """Makes the whole JWS of header, payload and key."""


class Maker:
    """Makes the cases with the keys of one PKI."""

    def __init__(self, pki: SandboxPki) -> None:
        self.pki = pki

    def chain(self, leaf: str) -> list[bytes]:
        """The leaf's certificates in DER, its own first."""
        issuer = self.pki.foreign_issuing if leaf == "foreign" else self.pki.issuing
        return [der(self.pki.leaf(leaf)[1]), der(issuer)]

    def case(self, number: int, draft: Draft) -> dict[str, Any]:
        """Write one case."""
        nonce = b64url(hashlib.sha256(f"challenge {number}".encode()).digest())
        chain = (draft.chain or Maker.chain)(self, draft.leaf)
        lookup = draft.call == "lookUpAccounts"
        header = {
            "alg": draft.algorithm,
            "typ": "bhxh-lookup+jwt" if lookup else "bhxh-reset+jwt",
            "x5c": [base64.b64encode(one).decode("ascii") for one in chain],
        }
        payload = {
            "aud": AUDIENCE,
            "action": "account-lookup" if lookup else "password-reset",
            **({} if lookup else {"username": draft.username}),
            "challenge": nonce,
            "kiosk": KIOSK,
            "iat": draft.at,
        }
        key = self.pki.leaf(draft.signer or draft.leaf)[0]
        parts = [compact(changed(header, draft.header)), compact(changed(payload, draft.payload))]
        make = draft.forge or (lambda _m, h, p, k: jws(h, p, k, draft.algorithm))
        certificate = self.pki.leaf(draft.leaf)[1]
        return {
            "name": draft.name,
            "description": draft.description,
            "verdict": draft.verdict,
            "call": draft.call,
            "at": draft.at,
            "audience": AUDIENCE,
            "kiosk": KIOSK,
            "username": None if lookup else draft.username,
            "challenge": {
                "value": nonce,
                "certificate_sha256": certificate.fingerprint(hashes.SHA256()).hex(),
                "kiosk": KIOSK,
                "expires_at": draft.at + LIFE - 60,
                "used": False,
            }
            | draft.challenge,
            "jws": make(self, *parts, key),
        }


def changed(value: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The fields with changes; None takes one out."""
    return {name: one for name, one in (value | changes).items() if one is not None}


def der(certificate: x509.Certificate) -> bytes:
    """A certificate in DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def jws(header: bytes, payload: bytes, key: PrivateKey, algorithm: str = "RS256") -> str:
    """A JWS in compact serialisation (RFC 7515, section 7.1)."""
    message = f"{b64url(header)}.{b64url(payload)}"
    return f"{message}.{b64url(sign(key, algorithm, message.encode()))}"
