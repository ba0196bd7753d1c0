"""What the kiosk would do with a token: found out by having it read the token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kiosk import effects, flow, problems
from kiosk.doctor.findings import Finding, Status
from kiosk.doctor.wording import problem_advice, problem_text
from kiosk.hardware.certificate import TrustStore
from kiosk.hardware.readers import Card, ReaderState
from kiosk.hardware.token_client import HelperToken, HelperTokenDriver
from kiosk.pin import PinBuffer
from kiosk.problems import Problem
from kiosk.session import Visit

_LATER = (
    "Not looked at: whether the token holds the certificate's key, which shows only after the "
    "PIN; whether the certificate is revoked or suspended, which the service checks later."
)


@dataclass(frozen=True, slots=True)
class ReadingTools(effects.ReadingTools):
    """What the kiosk reads a token with, without its service."""

    driver: HelperTokenDriver
    trust: TrustStore
    now: Callable[[], datetime]


def stops(
    problem: Problem,
    way: str = "stop with",
    advice: str = "",
    facts: Mapping[str, str] | None = None,
) -> Finding:
    """The kiosk goes on no further than to this problem's screen.

    Args:
        problem: which one.
        way: what the kiosk does, ending with "with".
        advice: other than what staff are told.
        facts: for the problem's wording.
    """
    return Finding(
        "verdict",
        Status.FAILED,
        f"The kiosk would {way} {problem_text(problem, facts)}",
        advice or problem_advice(problem),
        {"goes_on": False, "problem": problem.code},
    )


async def try_token(card: Card, tools: ReadingTools) -> tuple[Finding, Path | None]:
    """Read the token as the kiosk does after it was plugged in.

    Returns what the kiosk would do then, and through which module it read the token.
    """
    if card.mute:
        return stops(problems.TOKEN_NOT_RECOGNISED), None
    visit = Visit(PinBuffer(), card=card)
    try:
        event = await effects.read_token(visit, tools)
        module = visit.token.module if isinstance(visit.token, HelperToken) else None
        return _verdict(event, visit), module
    finally:
        if token := visit.erase():
            await token.close()


def _verdict(event: flow.Event, visit: Visit) -> Finding:
    match event:
        case flow.TokenStuck(code):
            return stops(problems.BY_CODE[code], "wait for the token to be pulled out, with")
        case flow.Failed(code):
            return stops(problems.BY_CODE[code], facts=visit.facts)
        case flow.SeveralCertificates():
            steps = [f"which of {len(visit.certificates)} certificates", "for the username"]
        case _:
            steps = ["for the username"]
    steps.append("for the PIN, on the reader itself" if visit.flags.pin_pad else "for the PIN")
    text = "The kiosk would ask " + ", then ".join(steps)
    if isinstance(event, flow.CertificatesHidden):
        text += ", and only then read the certificate"
    facts = {"goes_on": True, "problem": None}
    if visit.flags.final_try:
        text += f", with the warning {problem_text(problems.PIN_LAST_TRY)}"
        return Finding("verdict", Status.WARNING, text, _LATER, facts)
    return Finding("verdict", Status.OK, text, _LATER, facts)


def without_token(state: ReaderState, *, fixed_reader: bool) -> Finding | None:
    """What the kiosk does where there is not one token; None if there is one."""
    if not state.available:
        return stops(problems.KIOSK_PCSC_DOWN, "be out of service with")
    if fixed_reader and not state.readers:
        return stops(problems.KIOSK_NO_READER, "be out of service with")
    if len(state.cards) > 1:
        return stops(
            problems.TOKEN_SEVERAL,
            "ask to leave one token, with",
            "Pull out all tokens but the customer's.",
        )
    if not state.cards:
        return Finding(
            "verdict",
            Status.FAILED,
            "The kiosk would wait for a token: there is none",
            "Put the token in and run this again.",
            {"goes_on": False, "problem": None},
        )
    return None
