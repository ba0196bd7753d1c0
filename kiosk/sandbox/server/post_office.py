"""The sandbox's mail server: it stands for all mail servers that the service's mails go to.

Most mailboxes take every mail. Some are as `scenario.MailboxKind` says: they refuse at
once, take a mail and return it later, or want to be asked twice. Mail for the service's
own return paths is handed to the service.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

from kiosk.sandbox.scenario import MailboxKind
from kiosk.sandbox.server import bounces
from kiosk.sandbox.server.mail import Mailer, MailError, MailRefused
from kiosk.sandbox.server.mailbox import HeldMail, Mailbox

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_MAIL = 256 * 1024
"""Bytes of a mail that is taken."""

GREYLISTING = 1.0
"""Seconds that a greylisting mailbox wants between the first and the next try of a mail."""

_RETURN_AFTER = 1.0
# Seconds, at the least, after which a mail is returned: the sender shall have time to
# believe that it was delivered, as it does in life.

_MOST_GREYLISTED = 1000


class PostOffice:
    """A handler of aiosmtpd, and what has to be done with mails later (`work`)."""

    def __init__(
        self,
        mailbox: Mailbox,
        mailer: Mailer,
        kinds: Mapping[str, MailboxKind],
        returned: Callable[[str, str, bytes], None],
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
        delay: float = 0.0,
    ) -> None:
        """Make a mail server.

        Args:
            mailbox: keeps what comes in.
            mailer: sends what goes back.
            kinds: the addresses whose mailbox is not like most.
            returned: told of mail for a return path: its token, who sent it, and the mail.
            wake: called when there is something for `work`.
            clock: seconds since 1970 (UTC).
            delay: seconds from taking a mail to putting it into the mailbox.
        """
        self._mailbox = mailbox
        self._mailer = mailer
        self._kinds = {address.lower(): kind for address, kind in kinds.items()}
        self._returned = returned
        self._wake = wake
        self._clock = clock
        self._delay = delay
        self._first_tries: dict[tuple[str, str], float] = {}

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
            return "452 4.5.3 One recipient at a time"
        kind = self._kind(address)
        if kind == "refusing":
            return "550 5.1.1 No such mailbox"
        if kind == "greylisting" and self._is_too_early(_sender(envelope), address):
            return "451 4.7.1 Greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd names it so.
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep the mail first and say so then: what was answered with 250 is not lost."""
        content = envelope.original_content or b""
        sender, recipient = _sender(envelope), envelope.rcpt_tos[0]
        token = bounces.returned_token(recipient)
        if token is None:
            await asyncio.to_thread(self._keep, sender, recipient, content)
        else:
            await asyncio.to_thread(self._returned, token, sender, content)
        return "250 OK"

    def work(self) -> bool:
        """Deliver or return the mails whose time has come; tells whether any are still held."""
        due, more = self._mailbox.held(self._clock())
        for mail in due:
            if self._kind(mail.recipient) == "returning":
                more |= not self._return(mail)
            else:
                self._mailbox.release(mail.number, self._clock())
        return more

    def _keep(self, sender: str, recipient: str, content: bytes) -> None:
        identifier = str(message_from_bytes(content, policy=policy.default)["Message-ID"] or "")
        now = self._clock()
        hold = self._delay
        if self._kind(recipient) == "returning":
            hold = max(hold, _RETURN_AFTER)
        self._mailbox.add(identifier, recipient, sender, content, now, now + hold if hold else None)
        if hold:
            self._wake()

    def _return(self, mail: HeldMail) -> bool:
        """Send a mail back; False if that has to be tried again."""
        # A notification is never answered by another one (RFC 5321, section 6.1).
        if mail.return_path:
            arrived_at = datetime.fromtimestamp(mail.received_at, UTC)
            notice = bounces.compose(mail.return_path, mail.recipient, mail.content, arrived_at)
            try:
                self._mailer.hand_over("", mail.return_path, notice)
            except MailRefused:
                # Nobody wants the notification: it is given up (RFC 5321, section 6.1).
                pass
            except MailError:
                return False
        self._mailbox.drop(mail.number)
        return True

    def _kind(self, address: str) -> MailboxKind:
        return self._kinds.get(address.lower(), "open")

    def _is_too_early(self, sender: str, recipient: str) -> bool:
        """Tell whether this mail's sender was not here long enough ago to be asked back."""
        now = time.monotonic()
        if len(self._first_tries) >= _MOST_GREYLISTED:
            self._first_tries.clear()
        first = self._first_tries.setdefault((sender, recipient.lower()), now)
        return now - first < GREYLISTING


def _sender(envelope: Envelope) -> str:
    """Who sends a mail; empty for a notification. aiosmtpd leaves the null path as it is."""
    sender = envelope.mail_from or ""
    return "" if sender == "<>" else sender
