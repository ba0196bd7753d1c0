"""What can go wrong between the kiosk and the service.

ServiceError
├── ServiceUnreachable     nothing was sent, or surely nothing was done
│   └── ServiceUntrusted   whoever answered is not the service, or does not take this kiosk for one
├── AnswerLost             it was sent, and no answer came: nobody knows what was done
├── AnswerInvalid          an answer came that the contract does not allow
└── ServiceRefused         a problem document (RFC 9457) with a stable code
"""

from __future__ import annotations

CODES = frozenset(
    {
        "no_match",
        "account_locked",
        "account_closed",
        "kiosk_unknown",
        "certificate_revoked",
        "certificate_suspended",
        "certificate_expired",
        "certificate_not_yet_valid",
        "certificate_weak_key",
        "certificate_untrusted",
        "certificate_status_unknown",
        "proof_invalid",
        "challenge_invalid",
        "rate_limited",
        "reset_expired",
        "resend_limit",
        "invalid_request",
        "not_found",
        "unavailable",
    }
)
"""The contract's problem codes. `unavailable` promises that nothing was done."""


class ServiceError(Exception):
    """The service did not do what was asked."""


class ServiceUnreachable(ServiceError):
    """The request certainly did not reach the service."""


class ServiceUntrusted(ServiceUnreachable):
    """No TLS connection came about: the certificate, the host name or the pin is wrong, or the
    service refused the kiosk's own certificate."""


class AnswerLost(ServiceError):
    """The request left and no whole answer came."""


class AnswerInvalid(ServiceError):
    """The answer is not what the contract allows."""


class ServiceRefused(ServiceError):
    """The service said no. `code` is one of `CODES`, or one of a newer contract."""

    def __init__(self, code: str, status: int, retry_after: int | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.code = code
        self.status = status
        self.retry_after = retry_after
        """Seconds (RFC 9110, section 10.2.3), where the service gave them."""
