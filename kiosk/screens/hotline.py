"""The way by telephone: for a forgotten username, a lost mailbox, a missing token."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from kiosk.flow import Back, Finished, StaffCalled
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.checklist import checklist
from kiosk.widgets.drawn import Words
from kiosk.widgets.qr import QrCode


class HotlineScreen(JourneyScreen):
    """`State.HOTLINE`."""

    def body(self) -> ComposeResult:
        """Say whom to call, what to have ready, what to say, and what comes then."""
        with Horizontal(classes="columns"):
            with Vertical(classes="words"):
                yield Words("hotline.title", "title")
                yield Words(lambda view, _t: f"  {view.support.hotline}  ", "number")
                yield Words("hotline.ready", "text")
                yield from checklist("hotline.identity", "hotline.licence", "hotline.letter")
                yield Words("hotline.say", "text")
                yield Words("hotline.asked", "text")
                yield Words(_other_ways, "text", when=lambda v: bool(_addresses(v)))
                yield Words("hotline.login", "text")
            with Vertical(classes="code"):
                yield QrCode(lambda view: view.support.telephone_url)
                yield Words("hotline.scan", "caption")

    def actions(self) -> Iterable[ActionButton]:
        """Staff, back, out."""
        yield ActionButton("button.finish", Finished, primary=True)
        yield ActionButton("button.back", Back, escape=True)
        yield ActionButton("button.call_staff", StaffCalled)


def _addresses(view: View) -> list[str]:
    return [address for address in (view.support.email, view.support.fanpage) if address]


def _other_ways(view: View, t: Translator) -> Content:
    """Email and fanpage, as far as they are configured."""
    return Content(t("hotline.otherwise", addresses=t("list.or").join(_addresses(view))))
