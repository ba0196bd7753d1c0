"""The messages of the service contract, version 1.

Strict types and bounded sizes; fields that the kiosk does not know are ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from kiosk.text import clean_text

TEXT_LENGTH = 512
"""Characters of the longest text."""

Text = Annotated[str, Meta(max_length=TEXT_LENGTH)]
Identifier = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9_-]+\Z")]
Nonce = Annotated[str, Meta(min_length=16, max_length=64, pattern=r"\A[A-Za-z0-9_-]+\Z")]

Reference = Annotated[str, Meta(max_length=32, pattern=r"\A[A-Z0-9-]*\Z")]


class Health(Struct, frozen=True):
    """Answer of `GET /v1/health`."""

    status: Literal["ok"]
    time: Annotated[int, Meta(ge=0, le=2**40)]
    """The service's clock, in seconds since 1970 (UTC)."""
    capabilities: Annotated[tuple[Text, ...], Meta(max_length=32)] = ()
    """Optional calls it offers, such as `account-lookups`."""


class Challenge(Struct, frozen=True):
    """Answer of `POST /v1/challenges`."""

    challenge: Nonce
    """Single use."""
    expires_in: Annotated[int, Meta(ge=1, le=3600)]
    """Seconds."""


class Reset(Struct, frozen=True):
    """Answer of `POST /v1/password-resets`: what would be reset, nothing sent yet."""

    id: Identifier
    organisation: Annotated[str, Meta(max_length=200)]
    tax_code: Annotated[str, Meta(max_length=32)]
    masked_email: Annotated[str, Meta(max_length=254)]
    mailbox_domain: Annotated[str, Meta(max_length=253)] = ""
    """The mailbox hint: the domain of the registered address."""
    mailbox_url: Annotated[str, Meta(max_length=256)] = ""
    """Where the service says that mailbox is opened; believed only if its host is listed."""
    reference: Reference = ""
    """Number of this reset for the telephone."""


class Delivery(Struct, frozen=True):
    """Answer of the confirmation, of `GET /v1/password-resets/{id}` and of resend."""

    id: Identifier
    status: Literal["pending", "sent", "delivered", "bounced", "expired"]
    reference: Reference
    """The reset's reference number; the same however often it is asked."""
    resends_left: Annotated[int, Meta(ge=0, le=100)] | None = None
    """How many further mails can be ordered; None: the service does not tell."""
    resend_after: Annotated[int, Meta(ge=0, le=86_400)] = 0
    """Seconds until the next one can be ordered."""


class Accounts(Struct, frozen=True):
    """Answer of `POST /v1/account-lookups`."""

    usernames: Annotated[tuple[Text, ...], Meta(max_length=100)]
    """The usernames of the certificate's tax code that a password can be reset for."""


class ProblemDocument(Struct, frozen=True):
    """An error, as RFC 9457 problem document with a stable `code`."""

    code: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[a-z_]+\Z")]
    status: int = 0
    title: Text = ""
    retry_after: int | None = None


class NoContent(Struct, frozen=True):
    """An answer that has no content: the call was carried out."""


M = TypeVar("M", bound=Struct)


def without_controls(message: M) -> M:
    """Return the message with its texts free of what a terminal or a reader could obey.

    Control and format characters (escape sequences, changes of writing direction), line
    separators and unassigned characters are taken out; the rest is brought into NFC.
    """
    texts = {name: value for name, value in asdict(message).items() if isinstance(value, str)}
    return replace(message, **{name: clean_text(text, TEXT_LENGTH) for name, text in texts.items()})
