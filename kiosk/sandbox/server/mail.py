"""Mail of the sandbox: sends it over SMTP, and reads what has arrived."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from kiosk.sandbox.server.mailbox import StoredMail, read_mails


class MailError(Exception):
    """The mail is not known to be on its way."""


class MailServerUnreachable(MailError):
    """The mail certainly did not leave: the mail server is not there."""


class MailDeferred(MailError):
    """The mail server did not take the mail for now (4yz): it wants to be asked again."""


class MailRefused(MailError):
    """The mail server will never take the mail (5yz)."""


class MailOutcomeUnknown(MailError):
    """The mail was handed over, and the mail server's word on it was lost."""


class Mailer:
    """Hands mails to an SMTP server (RFC 5321). Its methods may be called from any thread."""

    def __init__(self, host: str, port: int, timeout: float = 10.0) -> None:
        """Prepare; `timeout` in seconds holds for each step of the dialogue."""
        self._host = host
        self._port = port
        self._timeout = timeout

    def hand_over(self, sender: str, recipient: str, content: bytes) -> None:
        """Send a mail; returns when the server has taken it over.

        Args:
            sender: where it is returned to if need be; empty: nowhere.
            recipient: whom it is for.
            content: the mail, with lines that end in CR LF.

        Raises:
            MailError: MailServerUnreachable, MailDeferred, MailRefused or MailOutcomeUnknown.
        """
        try:
            smtp = smtplib.SMTP(self._host, self._port, "localhost", self._timeout)
        except OSError:  # smtplib's own errors are OSErrors.
            raise MailServerUnreachable from None
        try:
            self._talk(smtp, sender, recipient, content)
        finally:
            smtp.close()

    @staticmethod
    def _talk(smtp: smtplib.SMTP, sender: str, recipient: str, content: bytes) -> None:
        """Go through the dialogue step by step: what a failure means depends on the step."""
        try:
            smtp.ehlo_or_helo_if_needed()
            # RFC 3461: what comes back shall not hold the text, which has the password in it.
            notices = smtp.has_extn("dsn")
            _take(*smtp.mail(sender, ["RET=HDRS"] if notices else []))
            _take(*smtp.rcpt(recipient, ["NOTIFY=FAILURE"] if notices else []))
        except OSError:
            raise MailServerUnreachable from None
        try:
            code, words = smtp.data(content)
        except smtplib.SMTPDataError as error:
            code, words = error.smtp_code, b""
        except OSError:
            raise MailOutcomeUnknown from None
        _take(code, words)


def _take(code: int, _words: bytes) -> None:
    """Understand an answer of the mail server (RFC 5321, section 4.2.1)."""
    if code >= 500:
        raise MailRefused
    if code >= 300:
        raise MailDeferred


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
