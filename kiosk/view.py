"""What a screen needs to know to draw itself: plain values, no hardware, no service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import Enum

from msgspec import Struct, field

from kiosk.flow import Overlay, State
from kiosk.pin import PinBuffer
from kiosk.problems import Problem
from kiosk.staff.page import StaffView


class CertificateView(Struct, frozen=True):
    """A certificate as a customer knows it."""

    fingerprint: str
    organisation: str
    tax_code: str
    """Empty if the certificate names none."""
    valid_until: date


class ResetView(Struct, frozen=True):
    """What the service says it is about to reset."""

    organisation: str
    tax_code: str
    masked_email: str


class MailboxLink(Struct, frozen=True):
    """Where the customer's mailbox is opened."""

    provider: str
    url: str
    """An https address, short enough for a small QR code; carries nothing personal."""


class Printing(Enum):
    """What became of the slip of paper with the way by telephone."""

    READY = "ready"
    PRINTING = "printing"
    PRINTED = "printed"
    FAILED = "failed"


class StaffCall(Enum):
    """What became of a call for staff."""

    NONE = "none"
    CALLING = "calling"
    TOLD = "told"
    """The service has taken the call, or the webhook has."""
    FAILED = "failed"
    """Nobody was told."""


class SupportView(Struct, frozen=True):
    """Whom to turn to. Empty text: not configured, not shown."""

    hotline: str = "1800 1260"
    email: str = ""
    fanpage: str = ""

    @property
    def telephone_url(self) -> str:
        """RFC 3966 address of the hotline, for a QR code."""
        return "tel:" + "".join(self.hotline.split())

    @property
    def email_url(self) -> str:
        """RFC 6068 address of the mailbox; empty if there is none."""
        return f"mailto:{self.email}" if self.email else ""

    @property
    def fanpage_url(self) -> str:
        """Web address of the fanpage, which may be configured without `https://`; empty if there
        is none."""
        if not self.fanpage or self.fanpage.startswith(("https://", "http://")):
            return self.fanpage
        return f"https://{self.fanpage}"


class DemoView(Struct, frozen=True):
    """What the demo strip shows. `kiosk run` has none."""

    token: str
    """Name of the virtual token that is in the reader; empty if none is."""
    accounts: tuple[str, ...] = ()
    """Usernames that work with the tokens of the demo."""
    pin: str = ""
    """The PIN of the virtual tokens: public, they protect nothing."""
    mailbox_url: str = ""
    """Where the mails of the demo are read in a browser."""


class View(Struct, frozen=True):
    """Everything on the screen. A screen draws from it and keeps nothing else."""

    state: State
    overlay: Overlay = Overlay.NONE
    language: str = "vi"
    next_language: str = "en"
    """What the language key would choose."""
    languages: tuple[str, ...] = ("vi", "en")
    """All that can be chosen."""
    theme: str = "light"
    """Name of the palette in which the screen is drawn."""
    reduced_motion: bool = False
    """Pictures stand still."""
    shuffle_pin_pad: bool = False
    """The digits of the PIN pad stand in another order each time."""
    keyboard: str = "qwerty"
    """Which keys the username's keyboard begins with: `qwerty` or `abc`."""
    alternate: float = 0.0
    """Seconds after which a screen that nobody touches changes its layout; 0: never."""
    hours: tuple[str, ...] = ()
    """Today's opening hours, as `07:30-11:30`; none: always open, or not today."""
    lost_mailbox: bool = False
    """The way by telephone is taken because the registered mailbox cannot be opened."""
    speech: bool = False
    """The screens are read aloud, so the key that repeats them is named."""
    printer: Printing | None = None
    """What the printer does; None: there is none."""
    may_print: bool = True
    """Whether the visit may ask for another slip."""
    problem: Problem | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """Values for the problem's wording, such as `date`."""
    pin: PinBuffer = field(default_factory=PinBuffer)
    pin_length: tuple[int, int] = (4, 32)
    """Shortest and longest PIN that the token takes, in characters."""
    pin_pad: bool = False
    """The PIN is typed on the reader itself, not here."""
    pin_awaited: bool = False
    """The reader waits for it now."""
    pin_refused: bool = False
    """The last PIN that was typed was wrong."""
    last_try: bool = False
    """A wrong PIN will lock the token."""
    certificates: tuple[CertificateView, ...] = ()
    holder: CertificateView | None = None
    can_look_up: bool = False
    """The service offers to look usernames up by the token."""
    usernames: tuple[str, ...] = ()
    """What it has found."""
    username: str = ""
    reset: ResetView | None = None
    mailbox: MailboxLink | None = None
    reference: str = ""
    """The service's number for this reset, to be read out on the telephone."""
    delivery: str = ""
    """How far the mail is, in the contract's words: `pending`, `sent`, `delivered`. Empty: the
    service has not said it yet."""
    resends_left: int | None = None
    """How often it can be sent again; None: the service does not tell."""
    resend_wait: int = 0
    """Seconds until it can be sent again."""
    resent: bool = False
    staff: StaffCall = StaffCall.NONE
    countdown: int = 0
    """Seconds until the visit ends, for the time-out question."""
    support: SupportView = field(default_factory=SupportView)
    simulated: bool = False
    """The token is embedded in the program: the screen has to say so."""
    demo: DemoView | None = None
    staff_mode: StaffView = field(default_factory=StaffView)
    """For the screens of staff mode."""
