"""Where mailboxes are opened, for kiosks that ask no DNS."""

from __future__ import annotations

from pathlib import Path

from kiosk.mail_exchange import MailboxFinder
from kiosk.webmail import WebmailDirectory

WEBMAIL = Path(__file__).parents[1] / "config" / "webmail.toml"


def listed_mailboxes() -> MailboxFinder:
    """The shipped list, and nothing but it."""
    return MailboxFinder(WebmailDirectory.load(WEBMAIL), timeout=0)
