"""The trust folder: which CAs are in it, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from kiosk.config import ConfigError
from kiosk.doctor.findings import Finding, failed, ok, warning
from kiosk.hardware.certificate import ca_certificates, ca_files, is_self_signed
from kiosk.text import clean_text
from kiosk.verdict import vietnamese_date

SOON = timedelta(days=60)
"""How long before its end a CA is warned about: a new file has to be fetched from the CA."""

_ADVICE = "Fetch the CA's new certificate from its own site and put it into the folder as well."


@dataclass(frozen=True, slots=True)
class _Ca:
    file: Path
    certificate: x509.Certificate

    @property
    def name(self) -> str:
        names = self.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        value = names[0].value if names else self.certificate.subject.rfc4514_string()
        return clean_text(str(value), 200)

    @property
    def kind(self) -> str:
        return "root" if is_self_signed(self.certificate) else "CA under a root"

    def valid(self, moment: datetime) -> bool:
        return (
            self.certificate.not_valid_before_utc <= moment <= self.certificate.not_valid_after_utc
        )


def look_at_trust(directory: Path, moment: datetime) -> list[Finding]:
    """Look at every certificate in the folder.

    Args:
        directory: of PEM files.
        moment: the time now, aware.
    """
    found: list[Finding] = []
    cas: list[_Ca] = []
    try:
        files = ca_files(directory)
    except ConfigError as error:
        text = f"{directory}: {error.found.lower()}"
        return [failed("trust", text, "Put the PEM files of the CAs there.")]
    for file in files:
        try:
            inside = ca_certificates(file)
        except ConfigError as error:
            text = f"{file}: {error.where}: found {error.found}"
            advice = f"Expected: {error.expected}. The kiosk does not start with it."
            found.append(failed("trust", text, advice, file=str(file)))
            continue
        cas += [_Ca(file, certificate) for certificate in inside]
    found += [_one(ca, moment) for ca in cas]
    return [*found, *_together(cas, moment)]


def _one(ca: _Ca, moment: datetime) -> Finding:
    begins, ends = ca.certificate.not_valid_before_utc, ca.certificate.not_valid_after_utc
    facts = {
        "file": str(ca.file),
        "name": ca.name,
        "root": ca.kind == "root",
        "not_before": begins.isoformat(),
        "not_after": ends.isoformat(),
    }
    title = f"{ca.file.name}: {ca.name} ({ca.kind})"
    if moment > ends:
        text = f"{title}: expired on {vietnamese_date(ends)}"
        return warning("ca", text, "Take the file out once no customer has its tokens.", **facts)
    if moment < begins:
        return ok("ca", f"{title}: valid only from {vietnamese_date(begins)} on", **facts)
    if ends - moment <= SOON:
        days = (ends - moment).days
        text = f"{title}: expires on {vietnamese_date(ends)}, in {days} days"
        return warning("ca", text, _ADVICE, **facts)
    return ok("ca", f"{title}: valid until {vietnamese_date(ends)}", **facts)


def _together(cas: Sequence[_Ca], moment: datetime) -> list[Finding]:
    """Whether any customer's certificate can be trusted with them."""
    roots = [ca for ca in cas if ca.kind == "root"]
    valid_roots = [ca for ca in roots if ca.valid(moment)]
    under = [ca for ca in cas if ca.kind != "root"]
    usable = [ca for ca in under if ca.valid(moment)]
    if not roots:
        text = "no root is in the folder: no customer's certificate can be trusted"
        return [failed("trust", text, "Put the national root's PEM file there.")]
    if not valid_roots:
        text = "no root is valid now: every customer's certificate is refused"
        return [failed("trust", text, f"{_ADVICE} If the dates look right, the clock is wrong.")]
    if under and not usable:
        text = "no CA under a root is valid now: every customer's certificate is refused"
        return [failed("trust", text, _ADVICE)]
    if not under:
        text = "only roots: a certificate of a CA under them, such as VNPT-CA, is refused"
        return [warning("trust", text, "Put the PEM files of the CAs there as well.")]
    return [ok("trust", f"{len(valid_roots)} roots and {len(usable)} CAs under them are valid")]
