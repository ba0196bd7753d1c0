"""Certificates on the way to the service: its own, the kiosk's, and the CA file."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from kiosk.config import ServiceSection
from kiosk.doctor.findings import Finding, failed, ok, warning
from kiosk.service.errors import Distrust
from kiosk.service.tls import pin_of
from kiosk.text import clean_text
from kiosk.verdict import vietnamese_date

SERVER_SOON = timedelta(days=14)
"""Servers renew theirs by themselves, some only weeks before the end."""
OWN_SOON = timedelta(days=60)
"""VNPT has to issue a new one, and somebody has to bring it here."""

_ADVICE = {
    Distrust.EXPIRED: "VNPT has to renew it; if it has, this machine's clock is wrong.",
    Distrust.NOT_YET_VALID: "This machine's clock is behind: `timedatectl`.",
    Distrust.WRONG_HOST: "Correct service.url: the name there has to be one of the certificate's.",
    Distrust.UNKNOWN_CA: "Set service.ca_file to the PEM file of the CA that VNPT names. If it is "
    "right, somebody between this machine and the service answers in its place.",
    Distrust.BAD_CERTIFICATE: "VNPT has to look at it.",
    Distrust.WRONG_PIN: "Ask VNPT, by telephone, whether this is its new key, and only then name "
    "it in service.pins.",
    Distrust.KIOSK_REFUSED: "Set service.client_certificate and service.client_key to those that "
    "VNPT issued for kiosk.id.",
}


def look_at_shown(der: bytes, section: ServiceSection, moment: datetime) -> list[Finding]:
    """The service's certificate, which the kiosk accepts."""
    certificate = x509.load_der_x509_certificate(der)
    found = [_lasting("tls", "the service's certificate", certificate, moment, SERVER_SOON, "VNPT")]
    if section.pins:
        number = len(section.pins)
        more = "" if number > 1 else "; it is the only one: name the next key before VNPT changes"
        text = f"the service's key is one of {number} in service.pins{more}"
        found.append(ok("pins", text, pin=pin_of(der)))
    return found


def look_at_refused(reason: Distrust, der: bytes, section: ServiceSection) -> Finding:
    """A handshake that the kiosk broke off, or the service.

    Args:
        reason: as the kiosk tells it.
        der: the certificate that is shown there; empty if it could not be had.
        section: of the configuration.
    """
    text = f"TLS: {reason}"
    facts: dict[str, object] = {"problem": "K07", "pins": list(section.pins)}
    if der:
        certificate = x509.load_der_x509_certificate(der)
        text += f"\nshown: {_about(certificate)}, key {pin_of(der)}"
        facts |= {"pin": pin_of(der), "not_after": certificate.not_valid_after_utc.isoformat()}
    return failed("tls", text, _ADVICE[reason], **facts)


def look_at_own_files(section: ServiceSection, folder: Path, moment: datetime) -> list[Finding]:
    """The kiosk's client certificate and the CA file: how long they are valid.

    Whether they can be used at all is a matter of the configuration's check.
    """
    found: list[Finding] = []
    for key, name, what, who in (
        ("client_certificate", section.client_certificate, "the kiosk's own certificate", "VNPT"),
        ("ca_file", section.ca_file, "the service's CA", "VNPT"),
    ):
        if not name:
            continue
        try:
            certificates = x509.load_pem_x509_certificates((folder / name).read_bytes())
        except (OSError, ValueError):
            found.append(failed(key, f"service.{key}: {folder / name} cannot be read"))
            continue
        found += [_lasting(key, what, one, moment, OWN_SOON, who) for one in certificates]
    return found


def _lasting(
    name: str,
    what: str,
    certificate: x509.Certificate,
    moment: datetime,
    soon: timedelta,
    who: str,
) -> Finding:
    ends = certificate.not_valid_after_utc
    text = f"{what}: {_about(certificate)}"
    facts = {"not_after": ends.isoformat()}
    if moment > ends:
        return failed(name, f"{text}: expired", f"{who} has to issue a new one.", **facts)
    if moment < certificate.not_valid_before_utc:
        advice = "This machine's clock is behind: `timedatectl`."
        return failed(name, f"{text}: not valid yet", advice, **facts)
    if ends - moment <= soon:
        text += f": {(ends - moment).days} days left"
        return warning(name, text, f"{who} has to issue a new one.", **facts)
    return ok(name, text, **facts)


def _about(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    name = clean_text(str(names[0].value), 100) if names else "no name"
    return f"{name}, valid until {vietnamese_date(certificate.not_valid_after_utc)}"
