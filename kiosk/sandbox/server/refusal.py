"""How the sandbox service says no."""

from __future__ import annotations

_STATUS = {
    "invalid_request": (400, "The request is not what the contract allows"),
    "not_found": (404, "There is no such thing"),
    "no_match": (403, "No account matches these details"),
    "account_locked": (403, "The account is locked"),
    "account_closed": (403, "The account is closed"),
    "kiosk_unknown": (403, "The client certificate is not this kiosk's"),
    "certificate_revoked": (403, "The certificate was revoked"),
    "certificate_suspended": (403, "The certificate is suspended"),
    "certificate_expired": (403, "The certificate has expired"),
    "certificate_not_yet_valid": (403, "The certificate is not valid yet"),
    "certificate_weak_key": (403, "The certificate's key is too short"),
    "certificate_untrusted": (403, "The certificate leads to no trusted root"),
    "certificate_status_unknown": (403, "The certificate's status cannot be told now"),
    "proof_invalid": (403, "The proof does not prove the request"),
    "challenge_invalid": (403, "The challenge is unknown, used or too old"),
    "rate_limited": (429, "Too many requests"),
    "reset_expired": (410, "The reset is too old or already over"),
    "resend_limit": (429, "No further mail is sent for this reset"),
    "unavailable": (503, "Nothing was done; try again later"),
    "login_refused": (401, "Username or password is wrong"),
}
"""Status and title of each code. `login_refused` is the sandbox's alone."""

CODES = frozenset(_STATUS)
"""All codes that this service gives."""


class Refusal(Exception):
    """The request is refused; becomes a problem document (RFC 9457)."""

    def __init__(self, code: str, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status, self.title = _STATUS[code]
        self.retry_after = retry_after
        """Seconds."""
