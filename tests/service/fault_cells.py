"""Every fault of the service at every call of a kiosk, and the screen it has to lead to.

What follows depends on what can be known after the fault, and on what the call was for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from kiosk import problems
from kiosk.flow import State
from kiosk.problems import Problem
from kiosk.sandbox.server.faults import CALLS, KINDS


class Known(Enum):
    """What a kiosk can know after a fault."""

    NOTHING = "an answer that never came, or a gateway's: it may have been carried out"
    NONSENSE = "an answer that the contract does not allow: it may have been carried out"
    REFUSED = "the service's word that nothing was done"
    NOT_SENT = "no byte has left"
    DISTRUST = "whoever is there is not the service, and no byte has left"
    FINE = "an answer that can be used"


KNOWN: dict[str, Known] = {
    **dict.fromkeys(
        ("slow", "hang", "reset", "500", "lost", "502-after", "cut", "cut-head"), Known.NOTHING
    ),
    **dict.fromkeys(
        ("redirect", "garbage", "wrong-shape", "wrong-type", "huge", "compressed"), Known.NONSENSE
    ),
    "503": Known.REFUSED,
    "refuse": Known.NOT_SENT,
    **dict.fromkeys(("tls-expired", "tls-wrong-host", "tls-unknown-ca"), Known.DISTRUST),
    **dict.fromkeys(("controls", "bad-url"), Known.FINE),
}
"""All but the clock's, which is a call's matter only for `health`."""

UNREACHABLE, FAILED = problems.SERVICE_UNREACHABLE, problems.SERVICE_FAILED
UNTRUSTED = problems.KIOSK_SERVICE_UNTRUSTED

_BEFORE_THE_ORDER: dict[Known, Problem | None] = {
    Known.NOTHING: UNREACHABLE,
    Known.NONSENSE: FAILED,
    Known.REFUSED: UNREACHABLE,
    Known.NOT_SENT: UNREACHABLE,
    Known.DISTRUST: UNTRUSTED,
    Known.FINE: None,
}
"""At a challenge or a proof: nothing has been ordered, and the screen says so."""

_NO_CONTENT = ("garbage", "wrong-shape", "wrong-type")
"""What does not matter where the answer has no content."""


@dataclass(frozen=True)
class Cell:
    """One fault at one call, and what comes of it."""

    fault: str
    call: str
    state: State
    problem: Problem | None = None
    mails: int = 0
    """Mails that have left when all has come to rest."""
    staff_told: bool = False

    @property
    def name(self) -> str:
        return f"{self.call}: {self.fault}"

    @property
    def tls(self) -> bool:
        return KINDS[self.fault].place == "tls"


def cells() -> Iterator[Cell]:
    """The whole table."""
    for call in CALLS:
        for fault, known in KNOWN.items():
            yield _cell(call, fault, known)
    yield Cell("clock", "health", State.OUT_OF_SERVICE, problems.KIOSK_CLOCK)


def _cell(call: str, fault: str, known: Known) -> Cell:
    carried_out = KINDS[fault].place == "after" or known is Known.FINE or fault == "slow"
    match call:
        case "health":
            if known is Known.FINE:
                return Cell(fault, call, State.WELCOME)
            problem = UNTRUSTED if known is Known.DISTRUST else UNREACHABLE
            return Cell(fault, call, State.OUT_OF_SERVICE, problem)
        case "challenge" | "requestReset" | "lookUpAccounts":
            problem = _BEFORE_THE_ORDER[known]
            if problem is not None:
                return Cell(fault, call, State.PROBLEM, problem)
            if call == "challenge":
                return Cell(fault, call, State.PIN)
            if call == "lookUpAccounts" and fault == "controls":
                # No username that looks other than it is comes onto the screen.
                return Cell(fault, call, State.PROBLEM, problems.SERVICE_NO_ACCOUNT)
            state = State.CONFIRM if call == "requestReset" else State.CHOOSE_USERNAME
            return Cell(fault, call, state)
        case "confirm":
            if known in (Known.NOTHING, Known.NONSENSE):
                # The service is asked what became of it. It knows, if it has the order.
                if carried_out:
                    return Cell(fault, call, State.SENT, mails=1)
                unknown = problems.SERVICE_RESULT_UNKNOWN
                return Cell(fault, call, State.RESULT_UNKNOWN, unknown)
            if known is Known.FINE:
                return Cell(fault, call, State.SENT, mails=1)
            return Cell(fault, call, State.SEND_FAILED, problems.SERVICE_SEND_FAILED)
        case "resend":
            mails = 2 if carried_out else 1
            if known in (Known.NOTHING, Known.NONSENSE, Known.FINE):
                # The service is asked, and knows of one mail at least.
                return Cell(fault, call, State.SENT, mails=mails)
            failed = problems.SERVICE_RESEND_FAILED
            return Cell(fault, call, State.RESEND_FAILED, failed, mails)
        case "status":
            # The mail goes its way whether or not somebody can be asked about it.
            return Cell(fault, call, State.SENT, mails=1)
    told = known is Known.FINE or fault in _NO_CONTENT
    return Cell(fault, call, State.CHOOSE_CASE, staff_told=told)
