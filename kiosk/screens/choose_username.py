"""Which of the usernames that the service has found."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from kiosk.flow import Cancelled, UsernameChosen
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words


class ChooseUsernameScreen(JourneyScreen):
    """`State.CHOOSE_USERNAME`. The usernames are shown exactly as they will be signed."""

    STEP = 4
    AS_LIST = True

    def body(self) -> ComposeResult:
        """Offer the usernames of the token's tax code."""
        yield Words("username_choice.title", "title")
        yield Words("username_choice.text", "text")
        with VerticalScroll(id="choices", can_focus=False):
            for number, username in enumerate(self.view.usernames, 1):
                yield ActionButton(_plain(username), _choice(username), "choice", number=number)

    def actions(self) -> Iterable[ActionButton]:
        """Out."""
        yield ActionButton("button.cancel", Cancelled, escape=True)

    def first_focus(self) -> Widget:
        """The first username."""
        return self.query(".choice").first()


def _choice(username: str) -> Callable[[], UsernameChosen]:
    return lambda: UsernameChosen(username)


def _plain(username: str) -> Callable[[View, Translator], Content]:
    return lambda _view, _t: Content(username)
