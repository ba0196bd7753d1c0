"""Every problem that a person can meet at the kiosk.

Each has a code that never changes its meaning, because customers read it out on the
telephone and staff look it up. The wording is in the catalogues under the problem's
key: `problem.<key>.title` and `problem.<key>.text` for the customer,
`problem.<key>.staff` for counter staff. Where customers never read its own words, there is
no text.

The letter of a code tells whose matter it is: K the kiosk, T the token or its reader,
C the certificate, P the PIN, S the service.
"""

from __future__ import annotations

from enum import Enum

import msgspec


class Shown(Enum):
    """Where customers meet a problem, and in which words."""

    VISIT = "visit"
    """In a visit, in its own words."""
    OUT_OF_SERVICE = "out of service"
    """Between visits, in the words that all faults of the kiosk share: only the code differs."""
    BOTH = "both"
    """In a visit in its own words, between visits in the shared ones."""
    CLOSED = "closed"
    """Between visits, in its own words with the hotline's number."""
    PLAIN_PAGE = "plain page"
    """Instead of the kiosk, in its own words and the shared ones."""


class Problem(msgspec.Struct, frozen=True):
    """One problem, as a person meets it."""

    code: str
    key: str
    can_retry: bool = False
    """Whether the problem's screen offers to try again with the token."""
    shown: Shown = Shown.VISIT


KIOSK_CLOCK = Problem("K01", "kiosk_clock", shown=Shown.OUT_OF_SERVICE)
KIOSK_PCSC_DOWN = Problem("K02", "kiosk_pcsc_down", can_retry=True, shown=Shown.BOTH)
KIOSK_NO_READER = Problem("K03", "kiosk_no_reader", can_retry=True, shown=Shown.BOTH)
KIOSK_MODULE_MISSING = Problem("K04", "kiosk_module_missing")
KIOSK_DRIVER_FAILED = Problem("K05", "kiosk_driver_failed", can_retry=True)
KIOSK_NOT_KNOWN = Problem("K06", "kiosk_not_known", shown=Shown.BOTH)
KIOSK_SERVICE_UNTRUSTED = Problem("K07", "kiosk_service_untrusted", shown=Shown.BOTH)
KIOSK_DISK = Problem("K08", "kiosk_disk", can_retry=True, shown=Shown.BOTH)
KIOSK_CONFIG = Problem("K09", "kiosk_config", shown=Shown.PLAIN_PAGE)
KIOSK_CRASHES = Problem("K10", "kiosk_crashes", shown=Shown.PLAIN_PAGE)
KIOSK_CLOSED = Problem("K11", "kiosk_closed", shown=Shown.CLOSED)
KIOSK_TAKEN_OUT = Problem("K12", "kiosk_taken_out", shown=Shown.OUT_OF_SERVICE)

TOKEN_REMOVED = Problem("T01", "token_removed", can_retry=True)
TOKEN_NOT_RECOGNISED = Problem("T02", "token_not_recognised", can_retry=True)
TOKEN_STALLED = Problem("T03", "token_stalled")
TOKEN_SEVERAL = Problem("T04", "token_several", can_retry=True)
TOKEN_CHANGED = Problem("T05", "token_changed", can_retry=True)
TOKEN_KEY_MISSING = Problem("T06", "token_key_missing")
TOKEN_BLANK = Problem("T07", "token_blank")

CERTIFICATE_MISSING = Problem("C01", "certificate_missing")
CERTIFICATE_EXPIRED = Problem("C02", "certificate_expired")
CERTIFICATE_NOT_YET_VALID = Problem("C03", "certificate_not_yet_valid")
CERTIFICATE_FOREIGN_CA = Problem("C04", "certificate_foreign_ca")
CERTIFICATE_WEAK_KEY = Problem("C05", "certificate_weak_key")
CERTIFICATE_WRONG_USAGE = Problem("C06", "certificate_wrong_usage")
CERTIFICATE_UNREADABLE = Problem("C07", "certificate_unreadable")
CERTIFICATE_REVOKED = Problem("C08", "certificate_revoked")
CERTIFICATE_SUSPENDED = Problem("C09", "certificate_suspended")
CERTIFICATE_STATUS_UNKNOWN = Problem("C10", "certificate_status_unknown", can_retry=True)
CERTIFICATE_NO_TAX_CODE = Problem("C11", "certificate_no_tax_code")
CERTIFICATE_WEAK_SIGNATURE = Problem("C12", "certificate_weak_signature")

PIN_WRONG = Problem("P01", "pin_wrong")
PIN_LAST_TRY = Problem("P02", "pin_last_try")
PIN_LOCKED = Problem("P03", "pin_locked")
PIN_NOT_SET = Problem("P04", "pin_not_set")
PIN_MUST_CHANGE = Problem("P05", "pin_must_change")
PIN_LENGTH = Problem("P06", "pin_length")
PIN_NOT_ENTERED = Problem("P07", "pin_not_entered")

SERVICE_UNREACHABLE = Problem("S01", "service_unreachable", can_retry=True, shown=Shown.BOTH)
SERVICE_FAILED = Problem("S02", "service_failed", can_retry=True)
SERVICE_NO_MATCH = Problem("S03", "service_no_match")
SERVICE_PROOF_REFUSED = Problem("S04", "service_proof_refused", can_retry=True)
SERVICE_TOO_MANY = Problem("S05", "service_too_many")
SERVICE_SEND_FAILED = Problem("S06", "service_send_failed")
SERVICE_RESULT_UNKNOWN = Problem("S07", "service_result_unknown")
SERVICE_RESET_EXPIRED = Problem("S08", "service_reset_expired", can_retry=True)
SERVICE_RESEND_REFUSED = Problem("S09", "service_resend_refused")
SERVICE_RESEND_FAILED = Problem("S10", "service_resend_failed")
SERVICE_MAIL_BOUNCED = Problem("S11", "service_mail_bounced")
SERVICE_NO_ACCOUNT = Problem("S12", "service_no_account")
SERVICE_ACCOUNT_LOCKED = Problem("S13", "service_account_locked")
SERVICE_ACCOUNT_CLOSED = Problem("S14", "service_account_closed")

ALL: tuple[Problem, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Problem)
)
"""The whole table, in the order of the codes' groups."""

BY_CODE: dict[str, Problem] = {problem.code: problem for problem in ALL}
"""The table, by code."""
