"""Example: how a service verifies a kiosk's proof.

This is the code that docs/service.md explains, step by step. It needs PyJWT and cryptography,
knows nothing of the kiosk's own code, and judges every case in docs/api/vectors as they say.

    python docs/api/verify_proof.py docs/api/vectors
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

MAX_PROOF = 48 * 1024
MAX_CHAIN = 8
MAX_CERTIFICATE = 8 * 1024
CLOCK_TOLERANCE = 120
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)

HEADER = {"alg": str, "typ": str, "x5c": list}
RESET = {
    "aud": str,
    "action": str,
    "username": str,
    "challenge": str,
    "kiosk": str,
    "iat": int,
}
LOOKUP = {name: kind for name, kind in RESET.items() if name != "username"}
PROOFS = {
    "requestReset": ("bhxh-reset+jwt", "password-reset", RESET),
    "lookUpAccounts": ("bhxh-lookup+jwt", "account-lookup", LOOKUP),
}
"""For each call the type, the action and the fields of its proof."""


class Refused(Exception):
    """The proof is refused; `code` goes into the problem document."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Challenge:
    """What the service wrote down when it made a challenge."""

    certificate_sha256: str
    kiosk: str
    expires_at: float


class Challenges:
    """The challenges that are open. In production this is a table of the database."""

    def __init__(self) -> None:
        self._open: dict[str, Challenge] = {}

    def add(self, value: str, challenge: Challenge) -> None:
        """Write a new one down."""
        self._open[value] = challenge

    def take(self, value: str) -> Challenge | None:
        """Take it out, in one step: `DELETE ... RETURNING`. Nobody gets it a second time."""
        return self._open.pop(value, None)


@dataclass(frozen=True)
class Trust:
    """Whose certificates are accepted, and which of them no longer."""

    issuers: tuple[x509.Certificate, ...]
    """The CAs that issue customers' certificates, each verified up to the national root."""
    crl: x509.CertificateRevocationList
    """The newest list of such a CA."""

    @classmethod
    def of(
        cls,
        root: x509.Certificate,
        issuers: Iterable[x509.Certificate],
        crl: x509.CertificateRevocationList,
    ) -> Trust:
        """Verify the CAs once, when the service starts."""
        for issuer in (checked := tuple(issuers)):
            issuer.verify_directly_issued_by(root)
        return cls(checked, crl)


def verify(
    call: str,
    proof: str,
    *,
    audience: str,
    kiosk: str,
    username: str | None,
    challenges: Challenges,
    trust: Trust,
    now: float,
) -> x509.Certificate:
    """Verify a proof and return the customer's certificate: whose tax code counts.

    Args:
        call: `requestReset` or `lookUpAccounts`.
        proof: as it came.
        audience: base URL of this service, without a slash at its end.
        kiosk: who calls, by its client certificate.
        username: as in the request; None for a lookup.
        challenges: those that are open.
        trust: the CAs.
        now: seconds since 1970 (UTC).

    Raises:
        Refused: with the code of the first thing that is wrong.
    """
    # Step 1: the form. Nothing is believed yet.
    if len(proof) > MAX_PROOF or proof.count(".") != 2:
        raise Refused("proof_invalid")
    try:
        header_part, payload_part, signature_part = proof.split(".")
        header = strict_object(base64url(header_part), HEADER)
        kind, action, fields = next(one for one in PROOFS.values() if one[0] == header["typ"])
        payload = strict_object(base64url(payload_part), fields)
        base64url(signature_part)
        chain = [base64.b64decode(item, validate=True) for item in header["x5c"]]
        if payload["action"] != action or not CHALLENGE.fullmatch(payload["challenge"]):
            raise ValueError("action or challenge")
    except (ValueError, TypeError, RecursionError, StopIteration):
        raise Refused("proof_invalid") from None

    # Step 2: the challenge is used up, whatever else is wrong.
    challenge = challenges.take(payload["challenge"])
    if challenge is None or challenge.kiosk != kiosk or challenge.expires_at <= now:
        raise Refused("challenge_invalid")

    # Step 3: the certificate, as it is now, not as it was when the challenge was made.
    certificate = check_certificate(chain, trust, datetime.fromtimestamp(now, UTC))

    # Step 4: it is the one that the challenge was made for.
    if certificate.fingerprint(hashes.SHA256()).hex() != challenge.certificate_sha256:
        raise Refused("proof_invalid")

    # Step 5: the signature, with the algorithms that this key allows, and no other.
    key = certificate.public_key()
    try:
        jwt.PyJWS().decode_complete(proof, key, algorithms=algorithms_for(key))
    except jwt.PyJWTError:
        raise Refused("proof_invalid") from None

    # Step 6: it was signed for this call, service, kiosk and username, and now.
    if kind != PROOFS[call][0]:
        raise Refused("proof_invalid")
    if (payload["aud"], payload["kiosk"]) != (audience, kiosk):
        raise Refused("proof_invalid")
    if payload.get("username") != username:
        raise Refused("proof_invalid")
    if abs(payload["iat"] - now) > CLOCK_TOLERANCE:
        raise Refused("proof_invalid")
    return certificate


def base64url(text: str) -> bytes:
    """Decode base64url in its one spelling: no padding, no spare bits, nothing else in it."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text, re.ASCII):
        raise ValueError("not base64url")
    value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(value).decode("ascii").rstrip("=") != text:
        raise ValueError("another spelling")
    return value


def strict_object(raw: bytes, fields: dict[str, type]) -> dict[str, Any]:
    """Decode a JSON object with exactly these fields, each once, of exactly these types."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            raise ValueError("a name occurs twice")
        return dict(pairs)

    value = json.loads(raw.decode("utf-8"), object_pairs_hook=once)
    if not isinstance(value, dict) or set(value) != set(fields):
        raise ValueError("other fields")
    # Not isinstance: true is an integer in Python.
    if any(type(value[name]) is not kind for name, kind in fields.items()):
        raise ValueError("other types")
    return value


def algorithms_for(key: object) -> list[str]:
    """The algorithms that a key may sign a proof with."""
    if isinstance(key, rsa.RSAPublicKey):
        return ["RS256", "PS256"]
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"secp256r1": ["ES256"], "secp384r1": ["ES384"]}.get(key.curve.name, [])
    return []


def check_certificate(chain: list[bytes], trust: Trust, now: datetime) -> x509.Certificate:
    """Check the first certificate; the others are the sender's word and prove nothing.

    Raises:
        Refused: `invalid_request` or one of the codes that begin with `certificate_`.
    """
    if not 0 < len(chain) <= MAX_CHAIN or any(len(der) > MAX_CERTIFICATE for der in chain):
        raise Refused("invalid_request")
    try:
        certificate = x509.load_der_x509_certificate(chain[0])
        issuer = next(one for one in trust.issuers if one.subject == certificate.issuer)
        if not isinstance(certificate.signature_hash_algorithm, hashes.SHA256 | hashes.SHA384):
            raise ValueError("hash")
        certificate.verify_directly_issued_by(issuer)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        if not (usage.digital_signature or usage.content_commitment):
            raise ValueError("key usage")
        key = certificate.public_key()
    except (StopIteration, InvalidSignature, x509.ExtensionNotFound, ValueError, TypeError):
        raise Refused("certificate_untrusted") from None
    for one in (certificate, issuer):
        if now > one.not_valid_after_utc:
            raise Refused("certificate_expired")
        if now < one.not_valid_before_utc:
            raise Refused("certificate_not_yet_valid")
    long_enough = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= 256
    )
    if not long_enough:
        raise Refused("certificate_weak_key")
    check_revocation(certificate, issuer, trust.crl, now)
    return certificate


def check_revocation(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    crl: x509.CertificateRevocationList,
    now: datetime,
) -> None:
    """Look the certificate up in its issuer's list. What cannot be known means no."""
    ends = crl.next_update_utc
    if (
        crl.issuer != issuer.subject
        or not crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
        or ends is None
        or not crl.last_update_utc <= now < ends
    ):
        raise Refused("certificate_status_unknown")
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        reason = x509.ReasonFlags.unspecified
    if reason is x509.ReasonFlags.certificate_hold:
        raise Refused("certificate_suspended")
    if reason is not x509.ReasonFlags.remove_from_crl:
        raise Refused("certificate_revoked")


def judge(case: dict[str, Any], trust: Trust) -> str:
    """Judge one case of the vectors: `accepted`, or the code."""
    challenges, facts = Challenges(), case["challenge"]
    known = Challenge(facts["certificate_sha256"], facts["kiosk"], facts["expires_at"])
    challenges.add(facts["value"], known)
    if facts["used"]:
        challenges.take(facts["value"])
    try:
        verify(
            case["call"],
            case["jws"],
            audience=case["audience"],
            kiosk=case["kiosk"],
            username=case["username"],
            challenges=challenges,
            trust=trust,
            now=case["at"],
        )
    except Refused as refused:
        return refused.code
    return "accepted"


def load(folder: Path) -> tuple[list[dict[str, Any]], Trust]:
    """Read the cases and the CAs of a folder of vectors."""
    document = json.loads((folder / "vectors.json").read_text(encoding="utf-8"))
    names = document["trust"]

    def certificate(name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((folder / name).read_bytes())

    crl = x509.load_pem_x509_crl((folder / names["crl"]).read_bytes())
    issuers = [certificate(name) for name in names["issuing"]]
    return document["cases"], Trust.of(certificate(names["root"]), issuers, crl)


def main() -> int:
    """Judge all cases; 1 if one is judged otherwise than it should be."""
    cases, trust = load(Path(sys.argv[1]))
    wrong = [(case, found) for case in cases if (found := judge(case, trust)) != case["verdict"]]
    for case, found in wrong:
        sys.stdout.write(f"{case['name']}: {found}, expected {case['verdict']}\n")
    sys.stdout.write(f"{len(cases) - len(wrong)} of {len(cases)} cases as they should be\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
