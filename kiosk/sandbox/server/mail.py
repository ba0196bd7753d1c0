"""Mail of the sandbox: sends over SMTP, receives over SMTP, and keeps what has arrived."""

from __future__ import annotations

import asyncio
import smtplib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kiosk.sandbox.server.store import Store, StoredMail, read_mails

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_MAIL = 256 * 1024
"""Bytes of a mail that the mailbox takes."""


class MailNotSent(Exception):
    """The mail certainly did not leave. `permanent`: trying again will not help."""

    def __init__(self, permanent: bool) -> None:
        super().__init__("the mail did not leave")
        self.permanent = permanent


class MailOutcomeUnknown(Exception):
    """The mail was handed over, and the mail server's word on it was lost."""


class Mailer:
    """Hands mails to an SMTP server (RFC 5321)."""

    def __init__(self, host: str, port: int, timeout: float = 10.0) -> None:
        """Prepare; `timeout` in seconds holds for each step of the dialogue."""
        self._host = host
        self._port = port
        self._timeout = timeout

    def send(self, message: EmailMessage) -> None:
        """Send a mail; returns when the server has taken it over.

        Raises:
            MailNotSent, MailOutcomeUnknown
        """
        sender = message["From"].addresses[0].addr_spec
        recipient = message["To"].addresses[0].addr_spec
        try:
            smtp = smtplib.SMTP(self._host, self._port, "localhost", self._timeout)
        except OSError:
            raise MailNotSent(permanent=False) from None
        try:
            self._hand_over(smtp, sender, recipient, bytes(message))
        finally:
            smtp.close()

    @staticmethod
    def _hand_over(smtp: smtplib.SMTP, sender: str, recipient: str, content: bytes) -> None:
        """Go through the dialogue step by step: what a failure means depends on the step."""
        try:
            smtp.ehlo_or_helo_if_needed()
            for code, _ in (smtp.mail(sender), smtp.rcpt(recipient)):
                if code >= 300:
                    raise MailNotSent(permanent=code >= 500)
        except OSError:  # smtplib's own errors are OSErrors.
            raise MailNotSent(permanent=False) from None
        try:
            code, _ = smtp.data(content)
        except smtplib.SMTPDataError as error:
            raise MailNotSent(permanent=error.smtp_code >= 500) from None
        except OSError:
            raise MailOutcomeUnknown from None
        if code >= 300:
            raise MailNotSent(permanent=code >= 500)


class MailReceiver:
    """Takes every mail for the mailbox; a handler of aiosmtpd."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        """Keep what comes in `store`."""
        self._store = store
        self._clock = clock

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names it so.
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[Any],
    ) -> str:
        """Take one recipient for each mail: a mailbox's owner sees no other's address."""
        if envelope.rcpt_tos:
            return "452 One recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd names it so.
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep the mail first and say so then: what was answered with 250 is not lost."""
        content = envelope.original_content or b""
        identifier = str(message_from_bytes(content, policy=policy.default)["Message-ID"] or "")
        recipient = envelope.rcpt_tos[0]
        await asyncio.to_thread(self._store.add_mail, identifier, recipient, content, self._clock())
        return "250 OK"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail in the mailbox."""

    number: int
    sender: str
    recipient: str
    subject: str
    received_at: datetime
    """With time zone (UTC)."""
    text: str
    html: str
    """As it came: never to be put into a page as it is."""

    @classmethod
    def parse(cls, stored: StoredMail) -> Mail:
        """Read a mail as it was received."""
        message = message_from_bytes(stored.content, policy=policy.default)
        return cls(
            number=stored.number,
            sender=str(message["From"] or ""),
            recipient=stored.recipient,
            subject=str(message["Subject"] or ""),
            received_at=datetime.fromtimestamp(stored.received_at, UTC),
            text=_body(message, "plain"),
            html=_body(message, "html"),
        )

    def as_text(self) -> str:
        """The mail for a terminal: headers, an empty line, the text."""
        head = f"From: {self.sender}\nTo: {self.recipient}\nSubject: {self.subject}"
        lines = f"{head}\nReceived: {self.received_at:%Y-%m-%d %H:%M:%S} UTC\n\n{self.text}"
        return "".join(letter for letter in lines if letter == "\n" or letter.isprintable())


def latest_mails(directory: Path) -> list[Mail]:
    """The mails of the sandbox in this directory, newest first."""
    return [Mail.parse(stored) for stored in read_mails(directory)]


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    content = part.get_content()
    return content.replace("\r\n", "\n") if isinstance(content, str) else ""
