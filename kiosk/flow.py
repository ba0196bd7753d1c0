"""The journey of one customer, as a table.

A journey is at a `State`; an `Event` moves it along a row of `TABLE` to the next
state and names the `Effect`s that somebody else has to carry out: read the token,
sign, send. Nothing else moves the journey, and nothing here touches the world,
so every path can be walked in a test in microseconds.

Over most states a question may lie: "do you need more time?" or "staff have been
called". These are `Overlay`s. They have a table of their own, because they do not
change where the customer is: closing one shows the same step again. A step forward
underneath (a token is plugged in) answers the time-out question.

An event that the present state does not know raises `UnexpectedEvent` and changes
nothing. Whoever feeds events that may come late (a token pulled out on the last
screen, a double tap) asks `Journey.accepts` first.

This module imports the standard library only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, NamedTuple


class State(Enum):
    """Where the customer is. Each state has one screen."""

    OUT_OF_SERVICE = "out of service"
    WELCOME = "welcome"
    CONSENT = "consent"
    CHOOSE_CASE = "choose case"
    HOTLINE = "hotline"
    INSERT_TOKEN = "insert token"
    SEVERAL_TOKENS = "several tokens"
    READING = "reading"
    CHOOSE_CERTIFICATE = "choose certificate"
    USERNAME = "username"
    PREPARING = "preparing"
    PIN = "PIN"
    VERIFYING = "verifying"
    CHOOSE_SIGNER = "choose signer"
    CHOOSE_USERNAME = "choose username"
    PIN_WRONG = "PIN wrong"
    LAST_TRY = "last try"
    NO_MATCH = "no match"
    CONFIRM = "confirm"
    SENDING = "sending"
    SEND_FAILED = "send failed"
    RESULT_UNKNOWN = "result unknown"
    SENT = "sent"
    NO_EMAIL = "no email yet"
    RESENDING = "resending"
    RESEND_FAILED = "resend failed"
    MAIL_BOUNCED = "mail bounced"
    TOKEN_REMOVED = "token removed"
    TOKEN_STALLED = "token stalled"
    PROBLEM = "problem"
    REMOVE_TOKEN = "remove token"
    GOODBYE = "goodbye"
    STAFF_LOGIN = "staff login"
    STAFF = "staff"


class Overlay(Enum):
    """What lies over the state's screen."""

    NONE = "none"
    TIME_OUT = "time-out question"
    STAFF_CALL = "staff call"


class StaffTopic(Enum):
    """A page of staff mode. The values are the digits that open them."""

    HEALTH = 1
    VISITS = 2
    CODES = 3
    TOKEN = 4
    QR = 5
    SERVICE = 6
    SWITCH = 7
    """Take out of service, and back."""
    RESTART = 8
    EXPORT = 9


class Effect(Enum):
    """What has to happen outside when a transition is taken."""

    AWAIT_TOKEN = "await token"
    """Report `TokenInserted` as soon as a token is there, also if it already is."""
    READ_TOKEN = "read token"
    """Read the certificates without PIN and check them."""
    DROP_TOKEN = "drop token"
    """Forget the token and everything read from it; stop its helper."""
    PREPARE_LOGIN = "prepare login"
    """Check that it is the same token, its PIN flags, and ask for a challenge."""
    PROVE = "prove"
    """Log in with the PIN, sign the proof, send it to the service."""
    SIGN = "sign"
    """Go on in the session that is logged in, with what was chosen after the login; no PIN
    is used."""
    FIND_MAILBOX = "find mailbox"
    """Find out where the registered mailbox is opened. Nobody waits for it."""
    SEND = "send"
    """Confirm the reset: the service mails the new password."""
    RESEND = "resend"
    """Ask the service to mail again."""
    FOLLOW_MAIL = "follow mail"
    """Ask what becomes of the mail until that is known or the visit ends."""
    CALL_STAFF = "call staff"
    """Tell the counter that somebody needs help."""
    CANCEL_STAFF_CALL = "cancel staff call"
    """Tell the counter that help is no longer needed."""
    PRINT_SLIP = "print slip"
    """Print the way by telephone on paper. Nobody waits for it."""
    ERASE_VISIT = "erase visit"
    """Wipe everything the customer entered and everything read."""
    AWAIT_REMOVAL = "await removal"
    """Report `TokenRemoved` as soon as no token is there, also if none is."""
    CHECK_STAFF_PIN = "check staff PIN"
    """Compare what was typed with the configured hash, unless a wait has been imposed."""
    SHOW_STAFF_PAGE = "show staff page"
    """Make the page that staff asked for; a job of the page before is cancelled."""
    RUN_STAFF_JOB = "run staff job"
    """Do what the shown page offers."""
    CLOSE_STAFF_MODE = "close staff mode"
    """Cancel the job that runs, and forget what the pages showed."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Subclasses name it."""


@dataclass(frozen=True, slots=True)
class ProblemEvent(Event):
    """An event that says what went wrong, by the problem's code."""

    problem: str


# What the customer did.


class Started(Event):
    """Pressed Start on the welcome screen."""


class Agreed(Event):
    """Agreed to the use of personal data."""


class Declined(Event):
    """Did not agree."""


class RememberedUsername(Event):
    """Way A: the username is known."""


class ForgotUsername(Event):
    """Way B: username and password are forgotten."""


class LookupAsked(Event):
    """The username is forgotten, and the service can look it up for the token's tax code."""


class LostMailbox(Event):
    """Way B: the registered mailbox cannot be opened."""


class NoToken(Event):
    """Has no token."""


class Back(Event):
    """Went one step back."""


class Cancelled(Event):
    """Cancelled the visit."""


@dataclass(frozen=True, slots=True)
class CertificateChosen(Event):
    """Chose one of several certificates."""

    fingerprint: str
    """SHA-256 of the certificate, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class UsernameEntered(Event):
    """Typed the username."""

    username: str

    def __post_init__(self) -> None:
        name = self.username
        if not name or name != name.strip() or name != unicodedata.normalize("NFC", name):
            raise ValueError("a username is not empty, trimmed and in NFC")

    def __repr__(self) -> str:
        return "UsernameEntered(…)"


@dataclass(frozen=True, slots=True, repr=False)
class UsernameChosen(Event):
    """Chose one of the usernames that the service has found."""

    username: str


class PinConfirmed(Event):
    """Pressed Confirm on the PIN screen. The PIN itself never travels in an event."""


class Retried(Event):
    """Asked to try again what failed."""


class Stopped(Event):
    """Chose to stop rather than to try again."""


class Insisted(Event):
    """Is sure of the PIN and takes the last try."""


class SendConfirmed(Event):
    """Confirmed that the new password shall be mailed."""


class NotMyEmail(Event):
    """Does not recognise the masked address."""


class NoEmailYet(Event):
    """Says that no mail has come."""


class ResendAsked(Event):
    """Asked for the mail again."""


class Finished(Event):
    """Is done."""


class StaffCalled(Event):
    """Asked for a member of staff."""


class StaffCallCancelled(Event):
    """No longer needs staff."""


class StaffCallClosed(Event):
    """Goes on while staff are on their way."""


class MoreTimeAsked(Event):
    """Wants more time."""


class PrintAsked(Event):
    """Way B: wants what is on the screen on paper."""


# What staff did.


class StaffAsked(Event):
    """Pressed what opens staff mode."""


class StaffPinEntered(Event):
    """Confirmed the staff PIN. The PIN itself never travels in an event."""


@dataclass(frozen=True, slots=True)
class StaffTopicAsked(Event):
    """Asked for a page of staff mode."""

    topic: StaffTopic = StaffTopic.HEALTH
    part: str = ""
    """Of a page that has several, such as a problem's code."""


@dataclass(frozen=True, slots=True)
class StaffJobAsked(Event):
    """Started what the topic's page offers."""

    topic: StaffTopic = StaffTopic.HEALTH


class StaffLeft(Event):
    """Closed staff mode, or has not touched anything for its time."""


# What the hardware saw.


class TokenInserted(Event):
    """A token is there."""


class TokenRemoved(Event):
    """The token is gone."""


class TokenReplaced(Event):
    """The token is gone, and one is in already: the contacts bounced, or hands were quick."""


class SeveralTokensSeen(Event):
    """More than one token is in."""


# What came out of an effect.


class TokenRead(Event):
    """One usable certificate was read and chosen."""


class SeveralCertificates(Event):
    """More than one usable certificate was read."""


class CertificatesHidden(Event):
    """A token of this kind shows its certificates only after login."""


class PinReady(Event):
    """The token takes a PIN."""


class PinFinalTry(Event):
    """The token takes one more PIN; a wrong one locks it."""


class PinWrong(ProblemEvent):
    """The token refused the PIN and takes another."""


class ProofAccepted(Event):
    """The service has verified the signature and found the account."""


class SeveralUsernames(Event):
    """The service has found more than one username for the token's tax code."""


class AccountNotMatched(Event):
    """The service knows no such username for this certificate."""


class Sent(Event):
    """The service has taken the order to mail the new password, or has carried it out."""


class SendFailed(ProblemEvent):
    """The order certainly did not reach the service; it may be sent again."""


class OutcomeUnknown(Event):
    """The order left, no answer came."""


class MailBounced(Event):
    """The registered mailbox has refused the mail for good."""


class Failed(ProblemEvent):
    """An effect failed, or the hardware did."""


class TokenStuck(ProblemEvent):
    """The token or its driver does not answer. Nothing helps but to remove it."""


class StaffAdmitted(Event):
    """The staff PIN was right."""


class StaffRefused(Event):
    """The staff PIN was wrong, or was not looked at because of a wait."""


# What the kiosk itself noticed.


class ServiceLost(ProblemEvent):
    """The kiosk cannot serve customers now."""


class ServiceRestored(Event):
    """The kiosk can serve customers again."""


class IdleElapsed(Event):
    """Nobody touched anything for the idle time."""


class TimeUp(Event):
    """Nobody answered the time-out question."""


class GoodbyeOver(Event):
    """The goodbye screen was shown long enough."""


class Transition(NamedTuple):
    """One row of the table: where to go and what has to happen."""

    to: State
    effects: tuple[Effect, ...] = ()


_END = Transition(State.REMOVE_TOKEN, (Effect.ERASE_VISIT, Effect.AWAIT_REMOVAL))
_PROBLEM = Transition(State.PROBLEM, (Effect.DROP_TOKEN,))
_REMOVED = Transition(State.TOKEN_REMOVED, (Effect.DROP_TOKEN,))
_AWAIT = Transition(State.INSERT_TOKEN, (Effect.AWAIT_TOKEN,))
_AGAIN = Transition(State.INSERT_TOKEN, (Effect.DROP_TOKEN, Effect.AWAIT_TOKEN))
_HOTLINE = Transition(State.HOTLINE, (Effect.DROP_TOKEN,))
_HOTLINE_WITH_STAFF = Transition(State.HOTLINE, (Effect.DROP_TOKEN, Effect.CALL_STAFF))

_PREPARE = Transition(State.PREPARING, (Effect.PREPARE_LOGIN,))
_SENT = Transition(State.SENT, (Effect.FOLLOW_MAIL,))
_BOUNCED = Transition(State.MAIL_BOUNCED)

_STALLED = Transition(State.TOKEN_STALLED, (Effect.DROP_TOKEN, Effect.AWAIT_REMOVAL))
_SEVERAL = Transition(State.SEVERAL_TOKENS, (Effect.DROP_TOKEN,))

_STAFF_LOGIN = Transition(State.STAFF_LOGIN)
_STAFF_LEFT = Transition(State.WELCOME, (Effect.CLOSE_STAFF_MODE,))

_TOKEN_TROUBLE: dict[type[Event], Transition] = {TokenRemoved: _REMOVED, Failed: _PROBLEM}

_WORKING: dict[type[Event], Transition] = {TokenStuck: _STALLED, **_TOKEN_TROUBLE}
"""While the token is asked for something."""

_ALONE: dict[type[Event], Transition] = {SeveralTokensSeen: _SEVERAL, **_TOKEN_TROUBLE}
"""Before the proof: with a second token in, somebody may have the other one's PIN in mind."""

TABLE: Mapping[State, Mapping[type[Event], Transition]] = {
    State.OUT_OF_SERVICE: {
        ServiceRestored: Transition(State.WELCOME),
        ServiceLost: Transition(State.OUT_OF_SERVICE),
        StaffAsked: _STAFF_LOGIN,
    },
    State.WELCOME: {
        Started: Transition(State.CONSENT),
        TokenInserted: Transition(State.CONSENT),
        ServiceLost: Transition(State.OUT_OF_SERVICE),
        StaffAsked: _STAFF_LOGIN,
    },
    State.CONSENT: {
        Agreed: Transition(State.CHOOSE_CASE),
        Declined: _END,
    },
    State.CHOOSE_CASE: {
        RememberedUsername: _AWAIT,
        LookupAsked: _AWAIT,
        ForgotUsername: _HOTLINE,
        LostMailbox: _HOTLINE_WITH_STAFF,
        Back: Transition(State.CONSENT),
        Cancelled: _END,
    },
    State.HOTLINE: {
        PrintAsked: Transition(State.HOTLINE, (Effect.PRINT_SLIP,)),
        Back: Transition(State.CHOOSE_CASE),
        Finished: _END,
    },
    State.INSERT_TOKEN: {
        TokenInserted: Transition(State.READING, (Effect.READ_TOKEN,)),
        Failed: _PROBLEM,
        SeveralTokensSeen: Transition(State.SEVERAL_TOKENS),
        NoToken: _HOTLINE,
        Back: Transition(State.CHOOSE_CASE),
        Cancelled: _END,
    },
    State.SEVERAL_TOKENS: {
        TokenInserted: Transition(State.READING, (Effect.READ_TOKEN,)),
        TokenRemoved: _AWAIT,
        Failed: _PROBLEM,
        Cancelled: _END,
    },
    State.READING: {
        TokenRead: Transition(State.USERNAME),
        CertificatesHidden: Transition(State.USERNAME),
        SeveralCertificates: Transition(State.CHOOSE_CERTIFICATE),
        TokenReplaced: _AGAIN,
        **_WORKING,
        **_ALONE,
    },
    State.CHOOSE_CERTIFICATE: {
        CertificateChosen: Transition(State.USERNAME),
        Cancelled: _END,
        **_ALONE,
    },
    State.USERNAME: {
        UsernameEntered: _PREPARE,
        LookupAsked: _PREPARE,
        ForgotUsername: _HOTLINE,
        Back: Transition(State.CHOOSE_CASE, (Effect.DROP_TOKEN,)),
        Cancelled: _END,
        **_ALONE,
    },
    State.PREPARING: {
        PinReady: Transition(State.PIN),
        PinFinalTry: Transition(State.LAST_TRY),
        **_WORKING,
        **_ALONE,
    },
    State.PIN: {
        PinConfirmed: Transition(State.VERIFYING, (Effect.PROVE,)),
        Back: Transition(State.USERNAME),
        Cancelled: _END,
        **_ALONE,
    },
    State.VERIFYING: {
        ProofAccepted: Transition(State.CONFIRM, (Effect.FIND_MAILBOX,)),
        SeveralCertificates: Transition(State.CHOOSE_SIGNER),
        SeveralUsernames: Transition(State.CHOOSE_USERNAME),
        PinWrong: Transition(State.PIN_WRONG),
        PinFinalTry: Transition(State.LAST_TRY),
        AccountNotMatched: Transition(State.NO_MATCH),
        **_WORKING,
    },
    State.CHOOSE_SIGNER: {
        CertificateChosen: Transition(State.VERIFYING, (Effect.SIGN,)),
        Cancelled: _END,
        **_TOKEN_TROUBLE,
    },
    State.CHOOSE_USERNAME: {
        UsernameChosen: Transition(State.VERIFYING, (Effect.SIGN,)),
        Cancelled: _END,
        **_TOKEN_TROUBLE,
    },
    State.PIN_WRONG: {
        Retried: _PREPARE,
        Stopped: _END,
        **_ALONE,
    },
    State.LAST_TRY: {
        Insisted: Transition(State.PIN),
        Stopped: _END,
        **_ALONE,
    },
    State.NO_MATCH: {
        Retried: Transition(State.USERNAME),
        LookupAsked: _PREPARE,
        Finished: _END,
        **_ALONE,
    },
    State.CONFIRM: {
        SendConfirmed: Transition(State.SENDING, (Effect.SEND,)),
        NotMyEmail: _HOTLINE_WITH_STAFF,
        Cancelled: _END,
        **_TOKEN_TROUBLE,
    },
    State.SENDING: {
        Sent: _SENT,
        SendFailed: Transition(State.SEND_FAILED),
        OutcomeUnknown: Transition(State.RESULT_UNKNOWN, (Effect.FOLLOW_MAIL,)),
        MailBounced: _BOUNCED,
        Failed: _PROBLEM,
    },
    State.SEND_FAILED: {
        Retried: Transition(State.SENDING, (Effect.SEND,)),
        Finished: _END,
        **_TOKEN_TROUBLE,
    },
    State.RESULT_UNKNOWN: {
        Sent: Transition(State.SENT),
        MailBounced: _BOUNCED,
        Failed: _PROBLEM,
        Finished: _END,
    },
    State.SENT: {
        NoEmailYet: Transition(State.NO_EMAIL),
        MailBounced: _BOUNCED,
        Failed: _PROBLEM,
        Finished: _END,
    },
    State.NO_EMAIL: {
        ResendAsked: Transition(State.RESENDING, (Effect.RESEND,)),
        MailBounced: _BOUNCED,
        Failed: _PROBLEM,
        Back: Transition(State.SENT),
        Finished: _END,
    },
    State.RESENDING: {
        Sent: _SENT,
        OutcomeUnknown: Transition(State.RESULT_UNKNOWN, (Effect.FOLLOW_MAIL,)),
        MailBounced: _BOUNCED,
        Failed: Transition(State.RESEND_FAILED, (Effect.FOLLOW_MAIL,)),
    },
    State.RESEND_FAILED: {
        MailBounced: _BOUNCED,
        Failed: _PROBLEM,
        Back: Transition(State.SENT),
        Finished: _END,
    },
    State.MAIL_BOUNCED: {
        LostMailbox: _HOTLINE_WITH_STAFF,
        Finished: _END,
    },
    State.TOKEN_REMOVED: {
        Retried: _AWAIT,
        Finished: _END,
    },
    State.TOKEN_STALLED: {
        TokenRemoved: Transition(State.TOKEN_REMOVED),
        Failed: _PROBLEM,
        Finished: _END,
    },
    State.PROBLEM: {
        Retried: _AWAIT,
        Finished: _END,
    },
    State.REMOVE_TOKEN: {
        TokenRemoved: Transition(State.GOODBYE),
    },
    State.GOODBYE: {
        Finished: Transition(State.WELCOME),
        GoodbyeOver: Transition(State.WELCOME),
    },
    State.STAFF_LOGIN: {
        StaffPinEntered: Transition(State.STAFF_LOGIN, (Effect.CHECK_STAFF_PIN,)),
        StaffAdmitted: Transition(State.STAFF, (Effect.SHOW_STAFF_PAGE,)),
        StaffRefused: Transition(State.STAFF_LOGIN),
        StaffLeft: _STAFF_LEFT,
    },
    State.STAFF: {
        StaffTopicAsked: Transition(State.STAFF, (Effect.SHOW_STAFF_PAGE,)),
        StaffJobAsked: Transition(State.STAFF, (Effect.RUN_STAFF_JOB,)),
        StaffLeft: _STAFF_LEFT,
    },
}
"""The whole journey. Staff mode takes no event of a customer, of the hardware or of the service:
what happened meanwhile is looked at on leaving."""

BUSY_STATES = frozenset(
    {State.READING, State.PREPARING, State.VERIFYING, State.SENDING, State.RESENDING}
)
"""The machine works and the customer waits: a deadline ends these, not the idle timer."""

UNATTENDED_STATES = frozenset({State.OUT_OF_SERVICE, State.WELCOME, State.GOODBYE})
"""No customer is being served."""

STAFF_STATES = frozenset({State.STAFF_LOGIN, State.STAFF})
"""Staff are at the machine. Nothing lies over these: no call for staff, no time-out question."""

IDLE_STATES = (
    frozenset(State) - BUSY_STATES - UNATTENDED_STATES - STAFF_STATES - {State.REMOVE_TOKEN}
)
"""States in which the idle timer runs. A forgotten token keeps `REMOVE_TOKEN` up."""


class OverlayTransition(NamedTuple):
    """One row of the overlays' table."""

    to: Overlay
    effects: tuple[Effect, ...] = ()
    ends_visit: bool = False
    """Whether the state underneath moves to `State.REMOVE_TOKEN` as well."""


OVERLAY_TABLE: Mapping[Overlay, Mapping[type[Event], OverlayTransition]] = {
    Overlay.NONE: {
        IdleElapsed: OverlayTransition(Overlay.TIME_OUT),
        StaffCalled: OverlayTransition(Overlay.STAFF_CALL, (Effect.CALL_STAFF,)),
    },
    Overlay.TIME_OUT: {
        MoreTimeAsked: OverlayTransition(Overlay.NONE),
        TimeUp: OverlayTransition(Overlay.NONE, _END.effects, ends_visit=True),
        StaffCalled: OverlayTransition(Overlay.STAFF_CALL, (Effect.CALL_STAFF,)),
    },
    Overlay.STAFF_CALL: {
        StaffCallCancelled: OverlayTransition(Overlay.NONE, (Effect.CANCEL_STAFF_CALL,)),
        StaffCallClosed: OverlayTransition(Overlay.NONE),
        IdleElapsed: OverlayTransition(Overlay.TIME_OUT),
    },
}
"""What may lie over a state's screen. Idle events are known in `IDLE_STATES` only."""


class UnexpectedEvent(Exception):
    """The present state does not know this event. Nothing was changed."""

    def __init__(self, state: State, overlay: Overlay, event: Event) -> None:
        super().__init__(f"{type(event).__name__} at {state.value!r} under {overlay.value!r}")
        self.state = state
        self.overlay = overlay
        self.event = event


class Journey:
    """Where one kiosk's customer is now."""

    OVERLAY_EVENTS: ClassVar[frozenset[type[Event]]] = frozenset(
        event for row in OVERLAY_TABLE.values() for event in row
    )

    def __init__(self, state: State = State.WELCOME) -> None:
        self.state = state
        self.overlay = Overlay.NONE
        self.problem: str | None = None
        """Code of the problem that led to the present state, if one did."""

    def accepts(self, event: type[Event]) -> bool:
        """Tell whether `handle` would take an event of this type now."""
        if event in self.OVERLAY_EVENTS:
            if self.state in STAFF_STATES:
                return False
            if event in (IdleElapsed, TimeUp) and self.state not in IDLE_STATES:
                return False
            return event in OVERLAY_TABLE[self.overlay]
        return event in TABLE[self.state]

    def handle(self, event: Event) -> tuple[Effect, ...]:
        """Move along the event's row and return what has to happen now.

        Raises:
            UnexpectedEvent: there is no such row; nothing was changed.
        """
        kind = type(event)
        if not self.accepts(kind):
            raise UnexpectedEvent(self.state, self.overlay, event)
        if kind in self.OVERLAY_EVENTS:
            row = OVERLAY_TABLE[self.overlay][kind]
            self.overlay = row.to
            if row.ends_visit:
                self.state, self.problem = _END.to, None
            return row.effects
        transition = TABLE[self.state][kind]
        self.state = transition.to
        self.problem = event.problem if isinstance(event, ProblemEvent) else None
        # Something has happened, so the question whether anybody is still there is answered.
        if self.overlay is Overlay.TIME_OUT or transition.to in UNATTENDED_STATES | STAFF_STATES:
            self.overlay = Overlay.NONE
        return transition.effects
