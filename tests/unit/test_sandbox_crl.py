"""What the service makes of the list of revoked certificates: what it cannot tell means no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.server.refusal import Refusal
from kiosk.sandbox.server.verify import CertificateVerifier
from tests.unit.service_lab import Lab

NOW = datetime.now(UTC).replace(microsecond=0)
UNKNOWN = "certificate_status_unknown"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("pki"))


@dataclass
class List:
    """A list of revoked certificates as it is to be made."""

    issuer: str = "issuing"
    signer: str = ""
    """Whose key signs it, if not the issuer's."""
    from_: datetime = NOW - timedelta(hours=1)
    until: datetime = NOW + timedelta(hours=1)
    reason: x509.ReasonFlags | None = None
    """Why hoa-sen's certificate is on it; None: it is not."""
    listed: bool = False
    """Whether it is on it without a reason."""
    extensions: list[tuple[x509.ExtensionType, bool]] = field(default_factory=list)

    def make(self, lab: Lab) -> x509.CertificateRevocationList:
        signer = self.signer or self.issuer
        key: Any = load_pem_private_key(
            (lab.directory / "keys" / f"{signer}.pem").read_bytes(), None
        )
        issuer = lab.pki.foreign_issuing if self.issuer == "foreign-issuing" else lab.pki.issuing
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(self.from_)
            .next_update(self.until)
        )
        for extension, critical in self.extensions:
            builder = builder.add_extension(extension, critical)
        if self.reason or self.listed:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(lab.certificate("hoa-sen").serial_number)
                .revocation_date(NOW - timedelta(days=1))
            )
            if self.reason:
                entry = entry.add_extension(x509.CRLReason(self.reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(key, hashes.SHA256())


def verifier(pki: SandboxPki, crl: Callable[[], x509.CertificateRevocationList]) -> Any:
    return CertificateVerifier(pki.root, pki.intermediates, crl)


CASES: dict[str, tuple[List, str]] = {
    "not on it": (List(), ""),
    "revoked": (List(reason=x509.ReasonFlags.key_compromise), "certificate_revoked"),
    "revoked without a reason": (List(listed=True), "certificate_revoked"),
    "suspended": (List(reason=x509.ReasonFlags.certificate_hold), "certificate_suspended"),
    "removed": (List(reason=x509.ReasonFlags.remove_from_crl), UNKNOWN),
    "expired": (List(until=NOW - timedelta(seconds=1)), UNKNOWN),
    "not yet valid": (List(from_=NOW + timedelta(seconds=301)), UNKNOWN),
    "another issuer's": (List(issuer="foreign-issuing"), UNKNOWN),
    "of another name, signed by the right one": (
        List(issuer="foreign-issuing", signer="issuing"),
        UNKNOWN,
    ),
    "of the right name, signed by another": (List(signer="foreign-issuing"), UNKNOWN),
    "signed by the root": (List(signer="root"), UNKNOWN),
    "a delta list": (List(extensions=[(x509.DeltaCRLIndicator(1), True)]), UNKNOWN),
    "an extension that is not critical": (List(extensions=[(x509.CRLNumber(1), False)]), ""),
}


@pytest.mark.parametrize("name", CASES)
def test_a_list(lab: Lab, name: str) -> None:
    crl, code = CASES[name]
    check = verifier(lab.pki, lambda: crl.make(lab)).check
    if not code:
        assert "0100000001" in check(lab.chain("hoa-sen"), NOW).tax_codes
        return
    with pytest.raises(Refusal) as caught:
        check(lab.chain("hoa-sen"), NOW)
    assert caught.value.code == code


def test_a_new_list_is_asked_for_when_the_old_one_has_expired(lab: Lab) -> None:
    lists = [List(), List(until=NOW + timedelta(days=1), listed=True)]
    check = verifier(lab.pki, lambda: lists.pop(0).make(lab)).check
    check(lab.chain("hoa-sen"), NOW)
    check(lab.chain("hoa-sen"), NOW + timedelta(minutes=59))
    with pytest.raises(Refusal, match="certificate_revoked"):
        check(lab.chain("hoa-sen"), NOW + timedelta(hours=1))


def test_the_sandboxs_own_list(lab: Lab, tmp_path: Path) -> None:
    check = verifier(lab.pki, lab.pki.crl).check
    # It is issued when it is asked for, so its time is the clock's.
    now = datetime.now(UTC)
    for token in ("revoked", "suspended"):
        with pytest.raises(Refusal, match=f"certificate_{token}"):
            check(lab.chain(token), now)
    check(lab.chain("binh-minh"), now)
