"""What the certificates on a token say, and whether the kiosk accepts them."""

from __future__ import annotations

from datetime import datetime

from kiosk.doctor.findings import Finding, Status
from kiosk.doctor.wording import problem_advice, problem_text
from kiosk.hardware.certificate import (
    CertificateUnreadable,
    Identity,
    TrustStore,
    read_identity,
    read_issuer,
)
from kiosk.verdict import Refusal, judge_certificate, vietnamese_date


def check_certificate(der: bytes, trust: TrustStore, moment: datetime) -> Finding:
    """Tell whose it is, how long, on whose word, and what the kiosk makes of it."""
    verdict = judge_certificate(der, trust, moment)
    refusal = verdict if isinstance(verdict, Refusal) else None
    facts: dict[str, object] = {
        "accepted": refusal is None,
        "problem": refusal.problem.code if refusal else None,
    }
    try:
        identity, issuer = read_identity(der), read_issuer(der)
    except CertificateUnreadable as error:
        name, details = "certificate", f"{len(der)} bytes, {error}"
    else:
        name, details = f"certificate “{identity.organisation}”", _details(identity, issuer)
        facts |= _facts(identity, issuer)
    if refusal is None:
        return Finding(
            "certificate", Status.OK, f"{name}: the kiosk accepts it\n{details}", facts=facts
        )
    return Finding(
        "certificate",
        Status.FAILED,
        f"{name}: refused, {problem_text(refusal.problem, refusal.facts)}\n{details}",
        problem_advice(refusal.problem),
        facts,
    )


def _details(identity: Identity, issuer: str) -> str:
    key = f"{identity.key_type} {identity.key_bits}" if identity.key_bits else identity.key_type
    since, until = vietnamese_date(identity.not_before), vietnamese_date(identity.not_after)
    return "; ".join(
        (
            f"tax code {identity.tax_code}" if identity.tax_code else "no tax code (MST)",
            f"valid {since} to {until}",
            f"key {key}{f' ({identity.curve})' if identity.curve else ''}",
            f"issued by {issuer}" if issuer else "names no issuer",
        )
    )


def _facts(identity: Identity, issuer: str) -> dict[str, object]:
    return {
        "organisation": identity.organisation,
        "tax_code": identity.tax_code,
        "not_before": identity.not_before.isoformat(),
        "not_after": identity.not_after.isoformat(),
        "key_type": identity.key_type,
        "key_bits": identity.key_bits,
        "curve": identity.curve,
        "issuer": issuer,
        "fingerprint": identity.fingerprint,
    }
