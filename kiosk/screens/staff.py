"""Staff mode: the menu at the left, the page at the right."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget

from kiosk.flow import StaffLeft, StaffTopic, StaffTopicAsked
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.staff.page import MOST_ACTIONS, Action
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words
from kiosk.widgets.qr import QrCode
from kiosk.widgets.staff_sheet import StaffSheet, spoken

MENU = {
    StaffTopic.HEALTH: "staff.menu.health",
    StaffTopic.VISITS: "staff.menu.visits",
    StaffTopic.CODES: "staff.menu.codes",
    StaffTopic.TOKEN: "staff.menu.token",
    StaffTopic.QR: "staff.menu.qr",
    StaffTopic.SERVICE: "staff.menu.service",
    StaffTopic.SWITCH: "staff.menu.switch",
    StaffTopic.RESTART: "staff.menu.restart",
    StaffTopic.EXPORT: "staff.menu.export",
}
"""What each page is called in the menu."""

CODE_LETTERS = "KTCPS"
"""A problem's code begins with one of these; two digits follow."""


class StaffScreen(JourneyScreen):
    """`State.STAFF`. Digits open pages, a letter and two digits a problem's code, Esc closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(topic.value), f"digit({topic.value})", show=False) for topic in StaffTopic),
        Binding("0", "digit(0)", show=False),
        Binding("pagedown", "turn(1)", show=False),
        Binding("pageup", "turn(-1)", show=False),
    ]

    FOR_STAFF = True

    CODE_TIME: ClassVar[float] = 3.0
    """Seconds after which a digit is no longer part of a code, but opens a page."""

    _code = ""
    """What was typed of a problem's code."""

    _code_at = 0.0
    """When its last character came (`time.monotonic`)."""

    def body(self) -> ComposeResult:
        """Put the menu beside the page."""
        self.set_class(self.view.demo is not None, "-demo")
        with Horizontal(id="desk"):
            with Vertical(id="menu"):
                for topic, key in MENU.items():
                    yield _MenuItem(topic, key)
                yield ActionButton(_leave_label, StaffLeft, "menu-item leave", escape=True)
            with Vertical(id="sheet"):
                yield Words(_title, "sheet-title")
                yield StaffSheet()
                yield QrCode(lambda view: view.staff_mode.page.qr if view.staff_mode.page else "")
                with Horizontal(id="sheet-actions"):
                    for number in range(MOST_ACTIONS):
                        yield _PageAction(number)
                    yield ActionButton("staff.page.before", widget_id="before")
                    yield ActionButton("staff.page.after", widget_id="after")
                    yield Words(self._where, "sheet-leaf")

    def first_focus(self) -> Widget:
        """The page that is open, in the menu."""
        return self._item(self._topic)

    @property
    def _staff_can_be_called(self) -> bool:
        return False

    @property
    def _topic(self) -> StaffTopic:
        page = self.view.staff_mode.page
        return page.topic if page is not None else StaffTopic.HEALTH

    def _item(self, topic: StaffTopic) -> _MenuItem:
        return next(item for item in self.query(_MenuItem) if item.topic is topic)

    def _leaving(self) -> ActionButton | None:
        return self.query_one(".leave", ActionButton)

    def _legend(self, _view: View, t: Translator) -> Content:
        spans: list[tuple[str, str] | str] = []
        for key, meaning in (
            ("1-9", "staff.legend.page"),
            ("Tab", "legend.tab"),
            ("Enter", "legend.enter"),
            ("K01", "staff.legend.code"),
            ("Esc", "staff.leave"),
        ):
            spans += ["   " if spans else "", (f" {key} ", "reverse"), f" {t(meaning)}"]
        return Content.assemble(*spans)

    def show(self, view: View) -> None:
        """Draw the view; the focus stays where it still makes sense."""
        before = self.view.staff_mode.page
        super().show(view)
        page = view.staff_mode.page
        if page is None or not self.is_mounted:
            return
        another = before is None or (before.topic, before.part) != (page.topic, page.part)
        if another and (page.topic is not StaffTopic.CODES or page.part[:1] != self._code[:1]):
            self._code = ""
        if another or (before is not None and page.actions and not before.actions):
            # Enter does what the page is for; a question's first answer is "no".
            actions = [one for one in self.query(_PageAction) if one.display]
            if any(row.opens is not None for row in page.rows) and another:
                self.set_focus(self.query_one(StaffSheet))
            elif actions:
                self.set_focus(actions[0])
            else:
                self.set_focus(self._item(page.topic))
        if self.focused is None or not self.focused.display:
            self.set_focus(self._item(page.topic))

    # Leaves

    def on_staff_sheet_turned(self) -> None:
        """Offer the leaves that there are."""
        sheet = self.query_one(StaffSheet)
        self.query_one("#before").display = sheet.leaf > 0
        self.query_one("#after").display = sheet.leaf < sheet.leaves - 1
        leaf = self.query_one(".sheet-leaf", Words)
        leaf.draw(self.view, self.t)

    def _where(self, _view: View, t: Translator) -> str:
        sheet = self.query_one(StaffSheet)
        if sheet.leaves < 2:
            return ""
        return t("staff.page.where", leaf=sheet.leaf + 1, leaves=sheet.leaves)

    def action_turn(self, by: int) -> None:
        """Page keys."""
        self.query_one(StaffSheet).turn(by)

    # What staff do

    @on(StaffSheet.Picked)
    def _picked(self, message: StaffSheet.Picked) -> None:
        if not self._is_too_soon(pointer=message.pointer):
            self.raise_event(message.event)

    def press(self, button: ActionButton) -> None:
        """Do what a button says."""
        if isinstance(button, _MenuItem):
            self.raise_event(StaffTopicAsked(button.topic))
        elif isinstance(button, _PageAction):
            if (action := button.action_of(self.view)) is not None:
                self.raise_event(action.event)
        elif button.id in ("before", "after"):
            self.action_turn(1 if button.id == "after" else -1)
        else:
            super().press(button)

    def action_digit(self, digit: int) -> None:
        """Open a page, close with 0; or go on with a problem's code."""
        if self._code and time.monotonic() - self._code_at < self.CODE_TIME:
            self._type_code(str(digit))
            return
        self._code = ""
        if digit:
            self.set_focus(self._item(StaffTopic(digit)))
            self.raise_event(StaffTopicAsked(StaffTopic(digit)))
        else:
            self.raise_event(StaffLeft())

    def on_key(self, event: events.Key) -> None:
        """Begin a problem's code with its letter."""
        letter = (event.character or "").upper()
        if letter and letter in CODE_LETTERS:
            event.stop()
            self._code = ""
            self._type_code(letter)
        elif not letter.isdigit():
            self._code = ""

    def _type_code(self, character: str) -> None:
        self._code += character
        self._code_at = time.monotonic()
        if len(self._code) in (1, 3):
            # The letter alone shows its group, so that it is seen that something happens.
            code = self._code
            self.raise_event(StaffTopicAsked(StaffTopic.CODES, code))
            self._code = code if len(code) == 1 else ""


class _MenuItem(ActionButton):
    """One line of the menu."""

    def __init__(self, topic: StaffTopic, key: str) -> None:
        super().__init__(_menu_label(topic, key), classes="menu-item")
        self.topic = topic

    def draw(self, view: View, t: Translator) -> None:
        """Mark the page that is open."""
        super().draw(view, t)
        page = view.staff_mode.page
        self.set_class(page is not None and page.topic is self.topic, "current")


class _PageAction(ActionButton):
    """A button of the page that is open."""

    def __init__(self, number: int) -> None:
        super().__init__(
            self._label, when=lambda view: self.action_of(view) is not None, primary=number == 0
        )
        self._number = number

    def action_of(self, view: View) -> Action | None:
        """What it stands for on this page."""
        page = view.staff_mode.page
        if page is None or self._number >= len(page.actions):
            return None
        return page.actions[self._number]

    def _label(self, view: View, t: Translator) -> str:
        action = self.action_of(view)
        return spoken(action.label, view, t) if action else ""


def _menu_label(topic: StaffTopic, key: str) -> Callable[[View, Translator], Content]:
    def label(_view: View, t: Translator) -> Content:
        return Content(f"{topic.value}  {t(key)}")

    return label


def _leave_label(_view: View, t: Translator) -> str:
    return f"0  {t('staff.leave')}"


def _title(view: View, t: Translator) -> str:
    page = view.staff_mode.page
    return spoken(page.title, view, t) if page is not None else ""
