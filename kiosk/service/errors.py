"""What can go wrong between the kiosk and the service.

ServiceError
├── ServiceUnreachable     nothing was sent, or surely nothing was done
│   └── ServiceUntrusted   whoever answered is not the service, or does not take this kiosk for one
├── AnswerLost             it was sent, and no answer came: nobody knows what was done
├── AnswerInvalid          an answer came that the contract does not allow
└── ServiceRefused         a problem document (RFC 9457) with a stable code
"""

from __future__ import annotations

from enum import StrEnum

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


class Distrust(StrEnum):
    """Why no trust came about between kiosk and service: a text for a log."""

    EXPIRED = "the service's certificate has expired"
    NOT_YET_VALID = "the service's certificate is not valid yet"
    WRONG_HOST = "the service's certificate is for another host"
    UNKNOWN_CA = "the service's certificate is from an unknown CA"
    BAD_CERTIFICATE = "the service's certificate cannot be used"
    WRONG_PIN = "the service's key is none of those in service.pins"
    KIOSK_REFUSED = "the service does not accept the kiosk's client certificate, or wants one"


class ServiceUntrusted(ServiceUnreachable):
    """No TLS connection came about: the certificate, the host name or the pin is wrong, or the
    service refused the kiosk's own certificate."""

    def __init__(self, reason: Distrust, *, request_left: bool = False) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.request_left = request_left
        """Whether the request had left when the refusal was read, as in TLS 1.3. The service
        could not read it then: it decides on the client's certificate first (RFC 8446,
        section 4.4)."""


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
