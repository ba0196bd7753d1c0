"""The new password is on its way, and how far it is."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from kiosk.flow import Finished, NoEmailYet
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.checklist import ChecklistLine
from kiosk.widgets.drawings import LETTER, LETTER_WAITING, Drawing
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture
from kiosk.widgets.qr import QrCode


class SentScreen(JourneyScreen):
    """`State.SENT`. It says of the mail what the service has said, and no more. A mailbox that
    is not known gets no code: nothing is guessed."""

    def body(self) -> ComposeResult:
        """Say where it went and what to do now, with the mailbox as a QR code."""
        with Horizontal(classes="columns"):
            with Vertical(classes="words"):
                yield Words(_title, "title")
                yield Words(_where, "text strong")
                yield Words(_delivery, "text", when=lambda v: v.delivery in DELIVERIES)
                yield ChecklistLine("1", _open, "followed")
                yield Words(_url, "address under", when=lambda v: v.mailbox is not None)
                yield Words("sent.look", "text under", when=lambda v: v.mailbox is None)
                yield ChecklistLine("2", "sent.login")
                yield ChecklistLine("3", "sent.change", "urgent")
            with Vertical(classes="code"):
                yield QrCode(_url)
                yield Picture(_letter, "letter", when=lambda v: v.mailbox is None)

    def actions(self) -> Iterable[ActionButton]:
        """Done, or nothing came."""
        yield ActionButton("sent.done", Finished, primary=True)
        yield ActionButton("sent.nothing", NoEmailYet)


DELIVERIES = {
    "pending": "sent.delivery.pending",
    "sent": "sent.delivery.sent",
    "delivered": "sent.delivery.delivered",
}
"""What is said of each state of the mail."""


def _title(view: View, t: Translator) -> str:
    return t("sent.title" if _has_left(view) else "sent.title.pending")


def _has_left(view: View) -> bool:
    return view.delivery in ("sent", "delivered")


def _delivery(view: View, t: Translator) -> str:
    return t(DELIVERIES[view.delivery])


def _where(view: View, t: Translator) -> str:
    email = view.reset.masked_email if view.reset else ""
    return t("sent.again" if view.resent and _has_left(view) else "sent.to", email=email)


def _letter(view: View) -> Drawing:
    return LETTER if _has_left(view) else LETTER_WAITING


def _url(view: View, _t: Translator | None = None) -> str:
    return view.mailbox.url if view.mailbox else ""


def _open(view: View, t: Translator) -> Content:
    if view.mailbox is None:
        return Content(t("sent.open"))
    return Content(t("sent.scan", provider=view.mailbox.provider))
