"""The proof that a customer holds a token: a JWS that the kiosk builds itself.

The key on a token also signs legally binding documents, so the kiosk never signs bytes
that somebody hands it. It takes facts, writes them into a JWS of its own type
(RFC 7515, compact serialisation), and only the result of `signing_input` goes to the
token. The one value in it that comes from outside, the service's challenge, is accepted
only in a form that cannot be anything but a random number.
"""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Algorithm = Literal["RS256", "PS256", "ES256", "ES384"]
"""How the proof is signed (RFC 7518, section 3.1)."""

RESET_TYPE = "bhxh-reset+jwt"
"""Media type of a proof for a reset (RFC 7515, section 4.1.9): nothing else is taken for one."""

RESET_ACTION = "password-reset"
"""What the signature of such a proof asks for."""

LOOKUP_TYPE = "bhxh-lookup+jwt"
"""Media type of a proof for an account lookup."""

LOOKUP_ACTION = "account-lookup"
"""What the signature of such a proof asks for: the usernames of the certificate's tax code."""

CHALLENGE_PATTERN = r"^[A-Za-z0-9_-]{16,64}$"
"""What a challenge may look like: 16 to 64 characters of base64url."""

MAX_USERNAME = 256
"""Longest username, in characters."""

MAX_CHAIN = 8
"""Most certificates in a chain."""


class ProofImpossible(Exception):
    """No proof is made of these facts. The message names the fact, never its value."""


@dataclass(frozen=True, slots=True, repr=False)
class ProofRequest:
    """The facts that the customer's signature stands for.

    Raises:
        ProofImpossible: a fact is not what may be signed.
    """

    audience: str
    """Base URL of the service that the proof is meant for, and for no other."""
    username: str | None
    """Whose password shall be reset; trimmed, in NFC. None: the usernames are asked for."""
    challenge: str
    """The service's nonce."""
    kiosk: str
    """Name of this machine towards the service."""
    issued_at: int
    """Now, in seconds since 1970 (UTC)."""
    chain: tuple[bytes, ...]
    """Certificates in DER, the customer's first (RFC 7515, section 4.1.6)."""

    def __post_init__(self) -> None:
        if not re.fullmatch(CHALLENGE_PATTERN, self.challenge, re.ASCII):
            raise ProofImpossible("challenge")
        if self.username is not None and not is_username(self.username):
            raise ProofImpossible("username")
        if not self.audience or not self.kiosk:
            raise ProofImpossible("audience or kiosk")
        if self.issued_at <= 0:
            raise ProofImpossible("issued_at")
        if not 0 < len(self.chain) <= MAX_CHAIN or not all(self.chain):
            raise ProofImpossible("chain")

    def __repr__(self) -> str:
        return f"<ProofRequest for {self.audience}>"


def is_username(text: str) -> bool:
    """Tell whether this can be a username: not empty, trimmed, in NFC, without controls."""
    if not 0 < len(text) <= MAX_USERNAME or text != unicodedata.normalize("NFC", text.strip()):
        return False
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def algorithm_for(key_type: str, curve: str = "", *, pss_only: bool = False) -> Algorithm:
    """Choose the algorithm for a key, named as `kiosk.hardware.certificate.Identity` does.

    Args:
        pss_only: the token signs with RSA in no other way than PSS.

    Raises:
        ProofImpossible: the contract has no algorithm for such a key.
    """
    if key_type == "RSA":
        return "PS256" if pss_only else "RS256"
    if key_type == "EC" and curve == "secp256r1":
        return "ES256"
    if key_type == "EC" and curve == "secp384r1":
        return "ES384"
    raise ProofImpossible(f"key {key_type} {curve}".rstrip())


def signing_input(request: ProofRequest, algorithm: Algorithm) -> bytes:
    """Write the proof's protected header and payload: what the token signs.

    The result is ASCII: `BASE64URL(header).BASE64URL(payload)` (RFC 7515, section 5.1).
    """
    lookup = request.username is None
    header = {
        "alg": algorithm,
        "typ": LOOKUP_TYPE if lookup else RESET_TYPE,
        "x5c": [base64.b64encode(der).decode("ascii") for der in request.chain],
    }
    payload = {
        "aud": request.audience,
        "action": LOOKUP_ACTION if lookup else RESET_ACTION,
        **({} if lookup else {"username": request.username}),
        "challenge": request.challenge,
        "kiosk": request.kiosk,
        "iat": request.issued_at,
    }
    return _base64url(_json(header)) + b"." + _base64url(_json(payload))


def assemble(signed: bytes, signature: bytes) -> str:
    """Put the signature behind what `signing_input` gave: the whole proof.

    `signature` is as JWS wants it: for ECDSA, R and S side by side (RFC 7518,
    section 3.4).
    """
    return (signed + b"." + _base64url(signature)).decode("ascii")


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _base64url(value: bytes) -> bytes:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=")
