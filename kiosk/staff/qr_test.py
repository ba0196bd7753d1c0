"""Page 5: a QR code to be tried with a telephone."""

from __future__ import annotations

from kiosk.flow import StaffTopic
from kiosk.staff.page import Row, Say, StaffPage
from kiosk.webmail import WebmailDirectory

HARMLESS = "https://vnpt.com.vn"
"""Where the configuration lists no mailbox."""


def harmless_url(webmail: WebmailDirectory) -> str:
    """The shortest address of a configured mailbox: nobody's in particular."""
    return min((provider.url for provider in webmail.providers), key=len, default=HARMLESS)


def qr_page(url: str) -> StaffPage:
    """Make the page."""
    return StaffPage(
        StaffTopic.QR, Say("staff.qr.title"), (Row(Say("staff.qr.how"), details=(url,)),), qr=url
    )
