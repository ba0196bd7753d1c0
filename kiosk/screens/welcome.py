"""The welcome screen: what this machine does, what is needed for it, and how it begins."""

from __future__ import annotations

import time
from collections.abc import Iterable

from textual import events
from textual.app import ComposeResult
from textual.containers import Center, Horizontal, Vertical

from kiosk.flow import Started
from kiosk.i18n import Translator, translator
from kiosk.screens.alternating import AlternatingScreen
from kiosk.screens.base import LanguageChosen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.checklist import checklist
from kiosk.widgets.drawn import Words
from kiosk.widgets.emblems import ARROW, ENVELOPE, TOKEN
from kiosk.widgets.large import LargePicture, LargeWords
from kiosk.widgets.presses import PRESSES, Verdict

TWO = 2
"""As many languages as the one button in the head can switch between."""

MODIFIERS = ("ctrl+", "alt+", "meta+", "super+", "hyper+")
"""How keys begin that are pressed with a letter and write none."""

NEEDS = (
    "welcome.need.username",
    "welcome.need.mailbox",
    "welcome.need.token",
    "welcome.need.pin",
)
"""What a customer has to bring."""


class WelcomeScreen(AlternatingScreen):
    """`State.WELCOME`. Half of it says what the machine is, the other half how to begin. Any
    key that has no other meaning begins, and so does a touch between head and foot."""

    ACTIONS_BELOW = False

    def body(self) -> ComposeResult:
        """Say what the machine does, what to bring and when it serves."""
        with Horizontal(id="poster"):
            with Vertical(id="hero"):
                # The two halves of the name, which a hyphen joins, stand on two lines.
                yield LargeWords(lambda _view, t: t("brand.name").replace("-", " "))
                with Center():
                    yield Words("welcome.title", "hero-title")
                yield LargePicture(TOKEN, ARROW, ENVELOPE)
                yield Words("welcome.text", "hero-text")
            with Vertical(id="guide"):
                yield Words("welcome.need", "text strong")
                yield from checklist(*NEEDS)
                yield Words(_hours, "text", when=lambda view: bool(view.hours))
                yield from self.action_row()
                yield Words("welcome.how", "how")
        if len(self.view.languages) > TWO:
            with Horizontal(id="languages"):
                yield from map(LanguageButton, self.view.languages)

    def actions(self) -> Iterable[ActionButton]:
        """Start."""
        yield ActionButton("welcome.start", Started, primary=True)

    def press(self, button: ActionButton) -> None:
        """Choose the language that a button names, or start."""
        if isinstance(button, LanguageButton):
            self.post_message(LanguageChosen(button.language))
        else:
            super().press(button)

    def on_key(self, event: events.Key) -> None:
        """Take any letter, digit or sign as the wish to begin.

        Space and Enter press the button that has the focus, which is the one that starts.
        """
        pressed = event.key == "space" and self.focused is not None
        if event.is_printable and not pressed and not event.key.startswith(MODIFIERS):
            event.stop()
            # A digit that is held down would press a button of the next screen.
            event.prevent_default()
            if PRESSES.judge(event.key, event.time) is not Verdict.IGNORE:
                self._begin()

    def action_begin(self) -> None:
        """Enter where nothing has the focus."""
        if not self._is_too_soon(pointer=False):
            self._begin()

    def action_move(self, dx: int, dy: int) -> None:
        """An arrow key: to begin as well, unless it moves among other buttons."""
        if self.focused is None or self.focused in self._actions:
            if PRESSES.judge("arrow", time.monotonic()) is not Verdict.IGNORE:
                self._begin()
        else:
            super().action_move(dx, dy)

    def on_click(self, event: events.Click) -> None:
        """A touch anywhere between head and foot."""
        if self.query_one("#page").region.contains_point(event.screen_offset):
            event.prevent_default()
            if not self._is_too_soon():
                self._begin()

    def _begin(self) -> None:
        self.raise_event(Started())


class LanguageButton(ActionButton):
    """A language by its own name."""

    def __init__(self, language: str) -> None:
        super().__init__(self._own_name, widget_id=f"language-{language}")
        self.language = language
        """What it chooses."""

    def _own_name(self, view: View, _t: Translator) -> str:
        """Marked by a sign where it is the one that is spoken."""
        name = translator(self.language)("language.name")
        return f"● {name}" if view.language == self.language else name


def _hours(view: View, t: Translator) -> str:
    return t("welcome.hours", hours=", ".join(view.hours))
