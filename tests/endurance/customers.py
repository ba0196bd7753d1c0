"""Who comes to the kiosk: what they bring, what they do, and how their visit has to end."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk.flow import State
from kiosk.sandbox.scenario import PIN

WRONG_PIN = "87654321"

GOOD = (("hoa-sen", "hoasen"), ("hoa-sen", "hoasen.kho"), ("binh-minh", "binhminh"))
"""Tokens, and usernames that belong to them."""

REFUSED_TOKENS = {
    "expired": "nghiem",
    "future": "tuonglai",
    "foreign": "hoasen",
    "revoked": "thuhoi",
    "suspended": "tamdung",
    "locked": "bikhoa",
    "weak": "",
    "empty": "",
}
"""Tokens that lead to a problem, and a username for those where that shows only later."""

LEAVING = ("Declined", "Cancelled", "Stopped", "Finished")
"""Events of the buttons that end a visit, on whatever screen they are."""


@dataclass
class Visit:
    """One customer's plan."""

    kind: str
    ends_at: State
    """A state that has to be reached on the way; what comes after it is leaving."""
    token: str = "hoa-sen"
    username: str = "hoasen"
    pins: list[str] = field(default_factory=lambda: [PIN])
    """What is typed, one after the other."""
    early: bool = False
    """The token is put in on the welcome screen, and begins the visit."""
    case: str = "RememberedUsername"
    """Event of the button that is chosen when the kiosk asks what was forgotten."""
    at: State | None = None
    """Where the customer does what `deed` says."""
    deed: str = ""
    """`leave`, `pull`, `pull at once`, `dawdle`, `no token`, `call staff`, `language`,
    `kill helper` or `hang`."""
    fault: tuple[str, str] | None = None
    """A fault of the service, and the call that it strikes once."""
    resends: int = 0
    staff_mode: bool = False


Maker = Callable[[random.Random], Visit]


def _good(chance: random.Random) -> Visit:
    token, username = chance.choice(GOOD)
    return Visit("good", State.SENT, token, username, early=chance.random() < 0.5)


def _resend(chance: random.Random) -> Visit:
    return Visit("resend", State.SENT, resends=1, early=True)


def _lookup(chance: random.Random) -> Visit:
    return Visit("lookup", State.SENT, "binh-minh", "binhminh", case="LookupAsked")


def _bounced(chance: random.Random) -> Visit:
    return Visit("mail refused", State.MAIL_BOUNCED, "binh-minh", "binhminh.sai", early=True)


def _mistyped_pin(chance: random.Random) -> Visit:
    return Visit("wrong PIN, then right", State.SENT, pins=[WRONG_PIN, PIN], early=True)


def _wrong_pin(chance: random.Random) -> Visit:
    return Visit("wrong PIN, leaves", State.PIN_WRONG, pins=[WRONG_PIN], early=True)


def _no_match(chance: random.Random) -> Visit:
    return Visit("wrong username", State.NO_MATCH, username="binhminh", early=True)


def _leaves(chance: random.Random) -> Visit:
    places = (
        State.CONSENT,
        State.CHOOSE_CASE,
        State.INSERT_TOKEN,
        State.USERNAME,
        State.PIN,
        State.CONFIRM,
    )
    at = chance.choice(places)
    early = at is not State.INSERT_TOKEN and chance.random() < 0.5
    return Visit("leaves", at, at=at, deed="leave", early=early)


def _pulls(chance: random.Random) -> Visit:
    at = chance.choice((State.USERNAME, State.PIN, State.CONFIRM))
    return Visit("pulls the token", State.TOKEN_REMOVED, at=at, deed="pull")


def _pulls_while_busy(chance: random.Random) -> Visit:
    at = chance.choice((State.INSERT_TOKEN, State.PIN))
    return Visit("pulls while it works", State.WELCOME, at=at, deed="pull at once")


def _dawdles(chance: random.Random) -> Visit:
    at = chance.choice((State.CONSENT, State.USERNAME, State.PIN, State.CONFIRM))
    return Visit("time is up", at, at=at, deed="dawdle", early=True)


def _refused(chance: random.Random) -> Visit:
    token, username = chance.choice(list(REFUSED_TOKENS.items()))
    return Visit(f"refused: {token}", State.PROBLEM, token, username or "hoasen", early=True)


def _two_certificates(chance: random.Random) -> Visit:
    return Visit("two certificates", State.SENT, "two-certificates", "haichungthu", early=True)


def _hotline(chance: random.Random) -> Visit:
    if chance.random() < 0.5:
        return Visit("no token", State.HOTLINE, at=State.INSERT_TOKEN, deed="no token")
    return Visit("lost mailbox", State.HOTLINE, case="LostMailbox")


def _calls_staff(chance: random.Random) -> Visit:
    at = chance.choice((State.CONSENT, State.USERNAME, State.PIN, State.CONFIRM))
    return Visit("calls staff", State.SENT, at=at, deed="call staff", early=True)


def _changes_language(chance: random.Random) -> Visit:
    at = chance.choice((State.CONSENT, State.USERNAME, State.PIN, State.CONFIRM))
    return Visit("language and theme", State.SENT, at=at, deed="language", early=True)


def _helper_dies(chance: random.Random) -> Visit:
    return Visit("helper dies", State.SENT, at=State.USERNAME, deed="kill helper", early=True)


def _card_hangs(chance: random.Random) -> Visit:
    return Visit("card hangs", State.TOKEN_STALLED, at=State.PIN, deed="hang", early=True)


def _lost_answer(chance: random.Random) -> Visit:
    return Visit("answer lost", State.SENT, fault=("lost", "confirm"), early=True)


def _service_fails(chance: random.Random) -> Visit:
    call = chance.choice(("challenge", "requestReset"))
    name = "garbage" if call == "requestReset" else "wrong-shape"
    return Visit("service fails", State.PROBLEM, fault=(name, call), early=True)


def _staff(chance: random.Random) -> Visit:
    return Visit("staff mode", State.STAFF, staff_mode=True)


MIX: tuple[tuple[Maker, float], ...] = (
    (_good, 30),
    (_resend, 3),
    (_lookup, 4),
    (_bounced, 2),
    (_mistyped_pin, 5),
    (_wrong_pin, 4),
    (_no_match, 5),
    (_leaves, 14),
    (_pulls, 8),
    (_pulls_while_busy, 3),
    (_dawdles, 0.4),
    (_refused, 8),
    (_two_certificates, 3),
    (_hotline, 4),
    (_calls_staff, 3),
    (_changes_language, 3),
    (_helper_dies, 1),
    (_card_hangs, 0.4),
    (_lost_answer, 0.6),
    (_service_fails, 0.6),
    (_staff, 0.5),
)
"""Who comes, and how many of each hundred."""


class Customers:
    """All who come, one after the other."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311
        self._missed = False
        """Whether the token of the wrong PINs has had one since its last right one. A second would
        lead to its last try, and a third would lock it for all who come after."""

    def next(self) -> Visit:
        """Draw the next customer."""
        makers, shares = zip(*MIX, strict=True)
        make: Maker
        (make,) = self._chance.choices(makers, shares)
        visit = make(self._chance)
        if WRONG_PIN in visit.pins:
            if self._missed:
                visit = Visit("right PIN after a wrong one", State.SENT, early=True)
            self._missed = visit.pins[-1] == WRONG_PIN
        return visit
