"""The username."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.app import ComposeResult
from textual.containers import Center
from textual.content import Content
from textual.widget import Widget

from kiosk.flow import Back, Cancelled, ForgotUsername, LookupAsked, UsernameEntered
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words
from kiosk.widgets.hint import Hint
from kiosk.widgets.key_grid import KeyGrid
from kiosk.widgets.keyboards import username_pages
from kiosk.widgets.presses import PRESSES
from kiosk.widgets.username_input import UsernameInput

KEYBOARD_WIDTHS = ((120, 110), (100, 88), (0, 66))


class UsernameScreen(JourneyScreen):
    """`State.USERNAME`."""

    STEP = 4
    AS_LIST = True

    def body(self) -> ComposeResult:
        """Show whose token it is, and take the username."""
        yield Words("username.title", "title")
        yield Words(_holder, "holder", when=lambda v: v.holder is not None)
        yield Words("username.text", "text")
        yield UsernameInput(self.view.username)
        yield Hint()
        with Center():
            yield KeyGrid(
                username_pages(self.view.keyboard),
                self._type,
                {"clear": self._clear, "backspace": self._backspace, "enter": self._enter},
                widths=KEYBOARD_WIDTHS,
                shows_presses=True,
            )

    def actions(self) -> Iterable[ActionButton]:
        """Go on, the way without a username, back, out."""
        yield ActionButton("button.continue", widget_id="continue", primary=True)
        yield ActionButton("username.forgotten", ForgotUsername, when=lambda v: not v.can_look_up)
        yield ActionButton("username.look_up", LookupAsked, when=lambda v: v.can_look_up)
        yield ActionButton("button.back", Back, escape=True)
        yield ActionButton("button.cancel", Cancelled)

    def first_focus(self) -> Widget:
        """The field."""
        return self._input

    @property
    def _input(self) -> UsernameInput:
        return self.query_one(UsernameInput)

    def press(self, button: ActionButton) -> None:
        """Do what a button says."""
        if button.id == "continue":
            self._submit()
        else:
            super().press(button)

    @on(UsernameInput.Submitted)
    def _entered(self) -> None:
        self._submit()

    def _submit(self) -> None:
        username = self._input.username
        if username:
            # What was pressed beside the field is no part of the PIN that comes.
            PRESSES.missed = False
            self.raise_event(UsernameEntered(username))
        else:
            self.query_one(Hint).say("username.hint.empty")
            self.set_focus(self._input)

    @on(UsernameInput.Changed)
    def _changed(self) -> None:
        self.query_one(Hint).say("")

    @on(UsernameInput.PasteRefused)
    def _paste_refused(self) -> None:
        self.query_one(Hint).say("hint.paste")

    def _type(self, character: str) -> None:
        if not self._has_just_appeared():
            self._input.insert_text_at_cursor(character)

    def _backspace(self) -> None:
        self._input.action_delete_left()

    def _clear(self) -> None:
        self._input.clear()
        self.set_focus(self._input)

    def _enter(self) -> None:
        if not self._is_too_soon():
            self._submit()


def _holder(view: View, t: Translator) -> Content:
    """Organisation and tax code of the token."""
    holder = view.holder
    if holder is None:
        return Content("")
    parts: list[tuple[str, str] | str] = [t("username.token"), " ", (holder.organisation, "bold")]
    if holder.tax_code:
        parts += ["  ·  ", t("label.tax_code"), " ", (holder.tax_code, "bold")]
    return Content.assemble(*parts)
