"""The way by telephone: for a forgotten username, a lost mailbox, a missing token."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from kiosk.flow import Back, Finished, PrintAsked, StaffCalled
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.view import Printing, SupportView, View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.blocks import LARGE, SMALL
from kiosk.widgets.checklist import ChecklistLine, Tick
from kiosk.widgets.drawn import Words
from kiosk.widgets.large import LargeWords
from kiosk.widgets.qr import QrCode


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to reach support, and its QR code."""

    name: str
    """Message key of its button."""
    scan: str
    """Message key of what scanning does."""
    address: Callable[[SupportView], str]
    """As people read it; empty: not configured."""
    url: Callable[[SupportView], str]


WAYS = {
    "telephone": _Way(
        "hotline.way.telephone", "hotline.scan", lambda s: s.hotline, lambda s: s.telephone_url
    ),
    "email": _Way(
        "hotline.way.email", "hotline.scan.email", lambda s: s.email, lambda s: s.email_url
    ),
    "fanpage": _Way(
        "hotline.way.fanpage", "hotline.scan.fanpage", lambda s: s.fanpage, lambda s: s.fanpage_url
    ),
}
"""By the last part of their buttons' ids."""

PRINTING = {
    Printing.PRINTING: "hotline.printing",
    Printing.PRINTED: "hotline.printed",
    Printing.FAILED: "hotline.print_failed",
}
"""What is said of the paper."""


class HotlineScreen(JourneyScreen):
    """`State.HOTLINE`. Number and QR code stay; beside them are two pages: what to have ready,
    and what happens on the telephone."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._way = "telephone"
        self._calling = False
        """The second page is shown."""

    def body(self) -> ComposeResult:
        """Say whom to call, what to have ready, what to say, and what comes then."""
        with Horizontal(classes="columns"):
            with Vertical(classes="words"):
                yield Words("hotline.title", "title")
                yield LargeWords(
                    lambda view, _t: view.support.hotline,
                    "hotline-number",
                    fonts=(LARGE, SMALL),
                    most_lines=1,
                )
                with Vertical(id="prepare"):
                    yield Words("hotline.lost", "text warning", when=lambda v: v.lost_mailbox)
                    yield Words("hotline.ready", "text strong")
                    yield Tick("hotline.identity")
                    yield Tick("hotline.licence")
                    yield Tick("hotline.letter")
                with Vertical(id="calling"):
                    yield Words("hotline.calling", "text strong")
                    yield ChecklistLine("1", _say, "strong")
                    yield ChecklistLine("2", "hotline.asked")
                    yield ChecklistLine("3", "hotline.login")
                    yield Words(_other_ways, "text", when=lambda v: bool(_addresses(v)))
            with Vertical(classes="code ways"):
                yield QrCode(lambda view: WAYS[self._way].url(view.support), large=False)
                yield Words(self._scan, "caption silent", when=lambda v: v.printer not in PRINTING)
                yield Words(_paper, "caption paper", when=lambda v: v.printer in PRINTING)
                yield Words(self._address, "caption strong")
                with Horizontal(id="ways"):
                    for name, way in WAYS.items():
                        yield ActionButton(
                            partial(self._way_label, name),
                            classes="way",
                            when=_offers(way),
                            widget_id=f"way-{name}",
                        )

    def actions(self) -> Iterable[ActionButton]:
        """The other page, out, on paper, back, staff."""
        yield ActionButton(self._other_page, widget_id="turn", primary=True)
        yield ActionButton("button.finish", Finished)
        yield ActionButton(
            "hotline.print", PrintAsked, when=lambda v: v.printer is not None and v.may_print
        )
        yield ActionButton("button.back", Back, escape=True)
        # Where paper is offered there is no room for it; the head has it on every screen.
        yield ActionButton("button.call_staff", StaffCalled, when=lambda v: v.printer is None)

    def on_mount(self) -> None:
        """Show the first page."""
        self._turn_to(calling=False)

    def press(self, button: ActionButton) -> None:
        """Turn the page, choose whose code is shown, or raise the button's event."""
        if button.id == "turn":
            self._turn_to(calling=not self._calling)
            self._redraw()
        elif button.id is not None and button.id.startswith("way-"):
            self._way = button.id.removeprefix("way-")
            self._mark_way()
            self._redraw()
        else:
            super().press(button)

    @on(Tick.Pressed)
    def _tick(self, message: Tick.Pressed) -> None:
        message.stop()
        if not self._is_too_soon(pointer=message.pointer):
            message.tick.toggle()
            self.post_message(self.Redrawn())

    def _redraw(self) -> None:
        self.show(self.view)
        self.post_message(self.Redrawn())

    def show(self, view: View) -> None:
        """Draw; a way that is no longer offered is not the one that is shown."""
        if not WAYS[self._way].address(view.support):
            self._way = "telephone"
        super().show(view)
        self._mark_way()

    def _turn_to(self, *, calling: bool) -> None:
        self._calling = calling
        self.set_class(calling, "calling")
        self.query_one("#prepare").display = not calling
        self.query_one("#calling").display = calling
        for button in self._actions[:2]:
            button.set_class((button.id == "turn") is not calling, "primary")
        self._mark_way()

    def _mark_way(self) -> None:
        """Mark the button of the code that is shown; with one way there is nothing to choose."""
        for name in WAYS:
            self.query_one(f"#way-{name}").set_class(name == self._way, "chosen")
        self.query_one("#ways").display = bool(_addresses(self.view))

    def _other_page(self, _view: View, t: Translator) -> str:
        return t("hotline.page.prepare" if self._calling else "hotline.page.calling")

    def _way_label(self, name: str, _view: View, t: Translator) -> str:
        """Name a way; a dot marks the one whose code is shown."""
        return ("● " if name == self._way else "") + t(WAYS[name].name)

    def _scan(self, _view: View, t: Translator) -> str:
        return t(WAYS[self._way].scan)

    def _address(self, view: View, _t: Translator) -> str:
        return WAYS[self._way].address(view.support)


def _offers(way: _Way) -> Callable[[View], bool]:
    return lambda view: bool(way.address(view.support))


def _addresses(view: View) -> list[str]:
    return [address for address in (view.support.email, view.support.fanpage) if address]


def _other_ways(view: View, t: Translator) -> Content:
    """Email and fanpage, as far as they are configured."""
    return Content(t("hotline.otherwise", addresses=t("list.or").join(_addresses(view))))


def _say(view: View, t: Translator) -> str:
    return t("hotline.say.mailbox" if view.lost_mailbox else "hotline.say")


def _paper(view: View, t: Translator) -> str:
    return t(PRINTING[view.printer]) if view.printer in PRINTING else ""
