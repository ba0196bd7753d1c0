"""How a technician is told: problems with both titles, flags by name, errors in words."""

from __future__ import annotations

import signal
from collections.abc import Mapping

from kiosk.hardware import token as tokens
from kiosk.i18n import translator
from kiosk.problems import Problem

FLAG_NAMES = {
    0x0001: "RNG",
    0x0002: "WRITE_PROTECTED",
    0x0004: "LOGIN_REQUIRED",
    0x0008: "USER_PIN_INITIALIZED",
    0x0020: "RESTORE_KEY_NOT_NEEDED",
    0x0040: "CLOCK_ON_TOKEN",
    0x0100: "PROTECTED_AUTHENTICATION_PATH",
    0x0200: "DUAL_CRYPTO_OPERATIONS",
    0x0400: "TOKEN_INITIALIZED",
    0x0800: "SECONDARY_AUTHENTICATION",
    0x010000: "USER_PIN_COUNT_LOW",
    0x020000: "USER_PIN_FINAL_TRY",
    0x040000: "USER_PIN_LOCKED",
    0x080000: "USER_PIN_TO_BE_CHANGED",
    0x100000: "SO_PIN_COUNT_LOW",
    0x200000: "SO_PIN_FINAL_TRY",
    0x400000: "SO_PIN_LOCKED",
    0x800000: "SO_PIN_TO_BE_CHANGED",
    0x1000000: "ERROR_STATE",
}
"""CK_TOKEN_INFO.flags (PKCS#11 v2.40, section 3.2), without the CKF_ before them."""


def flag_names(flags: int) -> tuple[str, ...]:
    """Names of the bits that are on; a number for those that the standard does not have."""
    known = tuple(name for bit, name in FLAG_NAMES.items() if flags & bit)
    rest = flags & ~sum(FLAG_NAMES)
    return (*known, f"0x{rest:X}") if rest else known


def problem_text(problem: Problem, facts: Mapping[str, str] | None = None) -> str:
    """The problem's code, and its title as a customer reads it, in both languages."""
    title = f"problem.{problem.key}.title"
    vietnamese, english = (translator(one)(title, **(facts or {})) for one in ("vi", "en"))
    return f"{problem.code} “{vietnamese}” / “{english}”"


def problem_advice(problem: Problem) -> str:
    """What staff are told about the problem."""
    return " ".join(translator("en")(f"problem.{problem.key}.staff").split())


def error_text(error: tokens.TokenError) -> str:
    """What a module or its helper process did, as the end of a sentence about it."""
    match error:
        case tokens.TokenStalled():
            return f"does not answer (helper killed after {error.seconds:g} s)"
        case tokens.HelperDied(returncode=code):
            return f"crashed: {_end_of_process(code)}"
        case tokens.TokenFailed():
            return f"answers {error.reason}"
        case tokens.TokenNotRecognised():
            return "sees no token in this reader"
        case tokens.TokenBlank():
            return "sees a token that was never initialised"
        case tokens.SeveralTokens():
            return "sees several tokens and cannot tell which is meant"
        case tokens.TokenAbsent():
            return "says that the token is gone"
    return f"answers {type(error).__name__}"


def _end_of_process(code: int | None) -> str:
    if code is None:
        return "its helper process broke off"
    if code < 0:
        try:
            return f"its helper process was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"its helper process was ended by signal {-code}"
    return f"its helper process ended with status {code}"
