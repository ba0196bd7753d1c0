"""What a token, a certificate or a PIN's state means to the kiosk: fine, or which problem.

Here alone is it decided; the journey acts on it, and a technician is told it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import msgspec

from kiosk import problems
from kiosk.hardware import token as tokens
from kiosk.problems import Problem
from kiosk.session import UsableCertificate

if TYPE_CHECKING:
    from kiosk.hardware.certificate import CertificateRefused, TrustStore

VIETNAM = timezone(timedelta(hours=7))
"""Vietnam has one time zone and no summer time."""

_TOKEN_PROBLEMS: dict[type[tokens.TokenError], Problem] = {
    tokens.ModuleMissing: problems.KIOSK_MODULE_MISSING,
    tokens.HelperDied: problems.KIOSK_DRIVER_FAILED,
    tokens.TokenStalled: problems.TOKEN_STALLED,
    # PC/SC says when a token is pulled out; a driver that says so alone is at fault.
    tokens.TokenAbsent: problems.KIOSK_DRIVER_FAILED,
    tokens.TokenNotRecognised: problems.TOKEN_NOT_RECOGNISED,
    tokens.TokenBlank: problems.TOKEN_BLANK,
    tokens.SeveralTokens: problems.TOKEN_SEVERAL,
    tokens.TokenChanged: problems.TOKEN_CHANGED,
    tokens.KeyMissing: problems.TOKEN_KEY_MISSING,
    tokens.PinLocked: problems.PIN_LOCKED,
    tokens.PinNotSet: problems.PIN_NOT_SET,
    tokens.PinMustChange: problems.PIN_MUST_CHANGE,
    tokens.TokenFailed: problems.KIOSK_DRIVER_FAILED,
}


class Refusal(msgspec.Struct, frozen=True):
    """A certificate that is not accepted."""

    problem: Problem
    facts: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Values for the problem's wording."""


def vietnamese_day(moment: datetime) -> date:
    """The day it is in Vietnam at this moment."""
    return moment.astimezone(VIETNAM).date()


def vietnamese_date(moment: datetime) -> str:
    """The day in Vietnam, written as there: 31/12/2026."""
    return f"{vietnamese_day(moment):%d/%m/%Y}"


def token_problem(error: tokens.TokenError) -> Problem:
    """What the token's failure is to a customer."""
    return _TOKEN_PROBLEMS.get(type(error), problems.KIOSK_DRIVER_FAILED)


def pin_problem(flags: tokens.PinFlags) -> Problem | None:
    """What keeps the token from taking a PIN at all."""
    if flags.locked:
        return problems.PIN_LOCKED
    if not flags.initialised:
        return problems.PIN_NOT_SET
    if flags.must_change:
        return problems.PIN_MUST_CHANGE
    return None


def judge_certificate(
    der: bytes, trust: TrustStore, moment: datetime
) -> UsableCertificate | Refusal:
    """Tell whether the certificate may be used now, as far as that shows without the service."""
    from kiosk.hardware.certificate import CertificateRefused, read_identity  # noqa: PLC0415

    try:
        identity = read_identity(der)
        return UsableCertificate(identity, trust.check(identity, moment))
    except CertificateRefused as error:
        return _refusal(error)


def _refusal(error: CertificateRefused) -> Refusal:
    from kiosk.hardware import certificate  # noqa: PLC0415

    table: dict[type[CertificateRefused], Problem] = {
        certificate.CertificateExpired: problems.CERTIFICATE_EXPIRED,
        certificate.CertificateNotYetValid: problems.CERTIFICATE_NOT_YET_VALID,
        certificate.ForeignAuthority: problems.CERTIFICATE_FOREIGN_CA,
        certificate.WeakSignature: problems.CERTIFICATE_WEAK_SIGNATURE,
        certificate.WeakKey: problems.CERTIFICATE_WEAK_KEY,
        certificate.WrongUsage: problems.CERTIFICATE_WRONG_USAGE,
        certificate.NoTaxCode: problems.CERTIFICATE_NO_TAX_CODE,
        certificate.CertificateUnreadable: problems.CERTIFICATE_UNREADABLE,
    }
    facts: dict[str, str] = {}
    if isinstance(error, certificate.CertificateExpired | certificate.CertificateNotYetValid):
        facts = {"date": vietnamese_date(error.date)}
    return Refusal(table[type(error)], facts)
