"""Makes `docs/api/vectors`; see `scripts/make-vectors`.

Everything in it is of one fixed time. What is in the folder already stays: keys and
certificates are made only where they are missing, and a signature with a random part in it is
taken from the cases as they are. So a second run changes nothing.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from kiosk.sandbox.issuing import (
    authority_key_identifier,
    builder,
    issue_leaf,
    key_usage,
    make_key,
)
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import TOKENS_BY_NAME
from kiosk.sandbox.server.refusal import Refusal
from kiosk.sandbox.server.verify import Proof
from tests.service.forging import USERNAME, Forge
from tests.service.refusals import Row
from tests.service.vector_cases import cases
from tests.unit.service_lab import KIOSK, Lab

FOLDER = Path(__file__).parents[2] / "docs" / "api" / "vectors"

MOMENT = datetime(2026, 6, 1, 3, 0, tzinfo=UTC)
"""When the kiosk got its challenge, in every case."""

AUDIENCE = "https://bhxh.example"
CHALLENGE_LIFE = 300
CRL_LIFE = timedelta(days=1)

AUTHORITIES = ("root", "issuing", "foreign-root", "foreign-issuing")
TOKENS = (
    "hoa-sen",
    "binh-minh",
    "p-384",
    "last-try",
    "revoked",
    "suspended",
    "expired",
    "future",
    "weak",
    "sha1",
    "wrong-usage",
    "foreign",
)
"""Whose certificates there are; as in `kiosk.sandbox.scenario`."""

_REVOKED = {
    "revoked": x509.ReasonFlags.key_compromise,
    "suspended": x509.ReasonFlags.certificate_hold,
}
_IMPOSTORS = ("same-name", "same-name-ca")


def make(folder: Path = FOLDER) -> None:
    """Make what is missing in the folder, and write all cases."""
    for part in ("certificates", "public-test-keys"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        pki = _pki(folder, Path(scratch))
        (folder / "crl.pem").write_bytes(_crl(pki, Path(scratch)))
        _write_cases(folder, cast(Lab, Bench(folder, pki)))


class Bench:
    """What `Forge` needs of a lab, at the fixed time."""

    url = AUDIENCE

    def __init__(self, folder: Path, pki: SandboxPki) -> None:
        self.pki = pki
        self.folder = folder
        self.ahead = 0.0

    def now(self) -> float:
        return MOMENT.timestamp() + self.ahead

    def certificate(self, token: str) -> x509.Certificate:
        return self.pki.leaf(token)[1]

    def chain(self, token: str) -> tuple[bytes, ...]:
        issuer = self.pki.foreign_issuing if token == "foreign" else self.pki.issuing
        der = serialization.Encoding.DER
        return tuple(c.public_bytes(der) for c in (self.certificate(token), issuer))


class SteadyForge(Forge):
    """Signs the same text the same way, and sends no more certificates than have to be sent."""

    def __init__(
        self, lab: Lab, challenge: str, token: str, known: dict[bytes, bytes], *, lookup: bool
    ) -> None:
        super().__init__(lab, challenge, token, lookup=lookup)
        self.known = known
        """Signatures of the cases as they are, by what was signed."""

    def x5c(self, *certificates: bytes) -> list[str]:
        return super().x5c(*(certificates or self.lab.chain(self.token)[:1]))

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return super().sign(message)
        size = (self.key.key_size + 7) // 8
        r, s = decode_dss_signature(self.sign_in_der(message))
        return r.to_bytes(size) + s.to_bytes(size)

    def sign_in_der(self, message: bytes) -> bytes:
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        digest = hashes.SHA384() if self.key.key_size == 384 else hashes.SHA256()
        return self.key.sign(message, ec.ECDSA(digest, deterministic_signing=True))

    def sign_with_pss(self, message: bytes, salt: int = 32) -> bytes:
        assert isinstance(self.key, rsa.RSAPrivateKey)
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        known = self.known.get(message, b"")
        try:
            self.key.public_key().verify(known, message, scheme, hashes.SHA256())
        except InvalidSignature:
            return super().sign_with_pss(message, salt)
        return known

    def of_another_authority(self) -> list[str]:
        files = [cast(Bench, self.lab).folder / "certificates" / f"{n}.pem" for n in _IMPOSTORS]
        if not all(file.exists() for file in files):
            for file, made in zip(files, self._impostors(), strict=True):
                file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        certificates = [x509.load_pem_x509_certificate(file.read_bytes()) for file in files]
        return self.x5c(*(c.public_bytes(serialization.Encoding.DER) for c in certificates))

    def _impostors(self) -> tuple[x509.Certificate, x509.Certificate]:
        """The customer's certificate, but by a CA that only bears the right name; and that CA."""
        key, issuing = make_key("RSA2048"), self.lab.pki.issuing
        authority = (
            builder(issuing.subject, key, issuing.not_valid_before_utc, issuing.not_valid_after_utc)
            .issuer_name(issuing.subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(ca=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        profile = TOKENS_BY_NAME[self.token]
        return issue_leaf(profile, 0, self.key, authority, key, MOMENT), authority


def slug(name: str) -> str:
    """A name of letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _pki(folder: Path, scratch: Path) -> SandboxPki:
    """The PKI with all that is in the folder; what is missing there is copied into it."""
    names = [(name, name) for name in AUTHORITIES] + [(name, f"token-{name}-0") for name in TOKENS]
    pairs = [
        (folder / there / f"{name}.pem", scratch / here / f"{stored}.pem")
        for there, here in (("public-test-keys", "keys"), ("certificates", "certificates"))
        for name, stored in names
    ]
    for published, stored in pairs:
        if published.exists():
            stored.parent.mkdir(exist_ok=True)
            shutil.copyfile(published, stored)
    pki = SandboxPki.open(scratch, MOMENT)
    for token in TOKENS:
        pki.leaf(token)
    for published, stored in pairs:
        shutil.copyfile(stored, published)
    return pki


def _crl(pki: SandboxPki, scratch: Path) -> bytes:
    """The issuing CA's list of that day."""
    key = serialization.load_pem_private_key((scratch / "keys/issuing.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    issued_at = MOMENT - timedelta(hours=3)
    unsigned = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(pki.issuing.subject)
        .last_update(issued_at)
        .next_update(issued_at + CRL_LIFE)
        .add_extension(authority_key_identifier(pki.issuing), critical=False)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for token, reason in _REVOKED.items():
        unsigned = unsigned.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(pki.leaf(token)[1].serial_number)
            .revocation_date(issued_at - timedelta(days=1))
            .add_extension(x509.CRLReason(reason), critical=False)
            .build()
        )
    return unsigned.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _write_cases(folder: Path, lab: Lab) -> None:
    file = folder / "vectors.json"
    known = _signatures(json.loads(file.read_text("utf-8"))["cases"]) if file.exists() else {}
    document = {
        "about": "Test vectors of the BHXH service contract, version 1. See README.md.",
        "cases": [_case(lab, row, text, known) for row, text in cases()],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def _signatures(old: list[dict[str, Any]]) -> dict[bytes, bytes]:
    """What was signed, and the signature of it, where that is base64url."""
    found: dict[bytes, bytes] = {}
    for case in old:
        message, _, signature = case["jws"].rpartition(".")
        if re.fullmatch(r"[A-Za-z0-9_-]+", signature) and len(signature) % 4 != 1:
            padded = signature + "=" * (-len(signature) % 4)
            found[message.encode()] = base64.urlsafe_b64decode(padded)
    return found


def _case(lab: Lab, row: Row, description: str, known: dict[bytes, bytes]) -> dict[str, Any]:
    lab.ahead = 0.0
    begin = int(lab.now())
    lab.ahead = row.ahead
    # The CRL outlives no challenge, so a case after its end has a challenge of its own length.
    expires = begin + CHALLENGE_LIFE + (int(row.ahead) if row.ahead > 2 * CHALLENGE_LIFE else 0)
    name = slug(row.name)
    nonce = base64.urlsafe_b64encode(f"challenge {name}".encode()[:48].ljust(32, b".")).decode()
    nonce = nonce.rstrip("=")
    lookup = row.call == "lookup"
    jws = row.make(SteadyForge(lab, nonce, row.token, known, lookup=lookup))
    return {
        "name": name,
        "description": description,
        "verdict": row.code,
        "call": row.call,
        "at": int(lab.now()),
        "kiosk": row.kiosk,
        "audience": lab.url,
        "username": None if lookup else row.username or USERNAME.get(row.token, "hoasen"),
        "challenge": {
            "nonce": nonce,
            "certificate": row.challenge_for or row.token,
            "kiosk": KIOSK,
            "expires": expires,
            "used": row.used,
        },
        "uses_up": _uses_up(row, jws),
        "jws": jws,
    }


def _uses_up(row: Row, jws: str) -> bool:
    """Whether the challenge must be gone afterwards: it could be read, and was still good."""
    try:
        proof = Proof.parse(jws)
    except Refusal:
        return False
    right_kind = (proof.username is None) == (row.call == "lookup")
    return right_kind and row.code != "challenge_invalid"
