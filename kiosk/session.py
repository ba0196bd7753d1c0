"""What one customer's visit holds, and how it is erased."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from kiosk.hardware.readers import Card
from kiosk.hardware.token import PinFlags, Token, TokenInfo
from kiosk.pin import PinBuffer
from kiosk.service.messages import Delivery, Reset
from kiosk.view import MailboxLink, Printing, StaffCall

if TYPE_CHECKING:
    from kiosk.hardware.certificate import Identity


MOST_SLIPS = 3
"""Slips that a visit may ask for: one for each hand at the counter, not the roll."""


class UsableCertificate(msgspec.Struct, frozen=True):
    """A certificate that passed every check of the kiosk."""

    identity: Identity
    chain: tuple[bytes, ...]
    """From the certificate to the anchor, DER."""


def _unguessable(octets: int) -> str:
    """Make a random text of base64url, as `secrets.token_urlsafe` does; that module would bring
    OpenSSL's library along before the first frame."""
    return base64.urlsafe_b64encode(os.urandom(octets)).rstrip(b"=").decode("ascii")


def new_call_id() -> str:
    """Make the name of a call for staff."""
    return _unguessable(12)


class Trace(msgspec.Struct):
    """What the audit journal may know of a visit."""

    visit: str = msgspec.field(default_factory=lambda: os.urandom(6).hex())
    """A name that means nothing outside the journal."""
    begun: bool = False
    outcome: str = ""
    """What the journal will say that the visit ended with; see `kiosk.recorder`."""
    reference: str = ""
    tax_code: str = ""
    """Masked."""

    def facts(self) -> dict[str, str]:
        """The fields of a journal's line."""
        return {"visit": self.visit, "reference": self.reference, "tax_code": self.tax_code}


class Visit(msgspec.Struct):
    """One customer, from the welcome screen to the next one.

    The PIN buffer outlives the visit: there is one in the process, so that there is
    one place to wipe.
    """

    pin: PinBuffer
    card: Card | None = None
    """The card that the visit is bound to."""
    token: Token | None = None
    token_info: TokenInfo | None = None
    pin_awaited: bool = False
    """The reader waits for a PIN on its own keys."""
    flags: PinFlags = msgspec.field(default_factory=PinFlags)
    pin_refused: bool = False
    """The last PIN that was typed was wrong."""
    certificates: tuple[UsableCertificate, ...] = ()
    certificate: UsableCertificate | None = None
    certificates_hidden: bool = False
    """The token is of a family that shows certificates only after login."""
    lookup: bool = False
    """The customer has forgotten the username and wants it looked up with the token."""
    usernames: tuple[str, ...] = ()
    """What the service has found for the token's tax code."""
    username: str = ""
    lost_mailbox: bool = False
    """The customer has said that the registered mailbox cannot be opened."""
    challenge: str = ""
    challenge_ends: float = 0.0
    """When the challenge is of no more use, on the loop's clock."""
    reset: Reset | None = None
    mailbox: MailboxLink | None = None
    """Where the registered mailbox is opened, once that is known."""
    delivery: Delivery | None = None
    """What the service said last of the mail."""
    mailed: bool = False
    """The service has said of a mail of this reset that it has left."""
    resend_at: float = 0.0
    """From when on it may be sent again (`time.monotonic`)."""
    idempotency_key: str = msgspec.field(default_factory=lambda: _unguessable(24))
    """One for the visit's confirmation, kept through every retry."""
    resend_key: str = ""
    resent: bool = False
    staff: StaffCall = StaffCall.NONE
    call_id: str = msgspec.field(default_factory=new_call_id)
    printing: Printing = Printing.READY
    slips: int = 0
    """How many were asked for."""
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    """Values for the wording of the visit's last problem."""
    trace: Trace = msgspec.field(default_factory=Trace)

    def forget_token(self) -> Token | None:
        """Drop the token, what came from it and what was entered for it.

        Gives the token back to be closed.
        """
        token, self.token = self.token, None
        self.pin.wipe()
        self.trace = replace(self.trace, reference="", tax_code="")
        self.username = ""
        self.usernames = ()
        self.card = None
        self.token_info = None
        self.pin_awaited = False
        self.flags = PinFlags()
        self.pin_refused = False
        self.certificates = ()
        self.certificate = None
        self.certificates_hidden = False
        self.challenge = ""
        self.challenge_ends = 0.0
        self.reset = None
        self.mailbox = None
        self.delivery = None
        self.mailed = False
        self.resend_at = 0.0
        self.resend_key = ""
        self.resent = False
        self.idempotency_key = _unguessable(24)
        return token

    def erase(self) -> Token | None:
        """Drop everything; give the token back to be closed."""
        token = self.forget_token()
        self.lookup = False
        self.lost_mailbox = False
        self.staff = StaffCall.NONE
        self.call_id = new_call_id()
        self.printing = Printing.READY
        self.slips = 0
        self.facts = {}
        self.trace = Trace()
        return token
