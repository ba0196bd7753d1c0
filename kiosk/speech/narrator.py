"""Decides what is said, and when it is broken off."""

from __future__ import annotations

import functools
import logging
import re
from collections import Counter
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from textual.widget import Widget

from kiosk.narration import Narration
from kiosk.screens.base import JourneyScreen
from kiosk.screens.staff import StaffScreen
from kiosk.screens.staff_login import StaffLoginScreen
from kiosk.screens.time_out import TimeOutScreen
from kiosk.screens.welcome import WelcomeScreen
from kiosk.speech.reading import described, invitation, lines
from kiosk.speech.speaker import Speaker
from kiosk.speech.text import spelled, spoken
from kiosk.supervision import where
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.pin_entry import PinEntry
from kiosk.widgets.username_input import UsernameInput

log = logging.getLogger(__name__)

P = ParamSpec("P")

SILENT = (StaffScreen, StaffLoginScreen)
"""Staff read for themselves."""

COUNTED = (30, 20, 10)
"""Seconds left at which the time-out question says so."""


def _harmless(
    act: Callable[Concatenate[Narrator, P], None],
) -> Callable[Concatenate[Narrator, P], None]:
    """Have a fault of speech end in silence, not in the end of a kiosk that serves everybody."""

    @functools.wraps(act)
    def guarded(narrator: Narrator, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            act(narrator, *args, **kwargs)
        except Exception as error:
            log.error("speech: fault at %s", where(error))
            narrator.interrupted()

    return guarded


class Narrator(Narration):
    """Reads each new screen, what changes on it, and what has the focus."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._screen: JourneyScreen | None = None
        self._language = ""
        self._lines: tuple[str, ...] = ()
        self._focus: Widget | None = None
        self._typed = ""
        self._counted = 0

    @_harmless
    def showed(self, screen: JourneyScreen, countdown: int) -> None:
        """Read a new screen or another language as a whole, else what is new on it."""
        if isinstance(screen, SILENT):
            self._leave()
        elif screen is not self._screen or screen.t.language != self._language:
            if isinstance(screen, WelcomeScreen):
                self._speaker.renew()
            if screen is not self._screen:
                self._typed = ""
                for field in screen.query(UsernameInput):
                    self._typed = field.value
            self._screen, self._counted = screen, countdown
            self._read()
        elif isinstance(screen, TimeOutScreen):
            self._count(screen, countdown)
        else:
            self._read_news(screen)

    def interrupted(self) -> None:
        """Fall silent."""
        self._speaker.stop()

    @_harmless
    def asked(self) -> None:
        """Fall silent, or read the screen again."""
        if self._speaker.speaking:
            self._speaker.stop()
        else:
            self._read()

    @_harmless
    def focused(self, widget: Widget) -> None:
        """Say what it is, unless the screen was just read with it."""
        screen = self._screen
        if screen is None or screen not in widget.ancestors or widget is self._focus:
            return
        cleared = _has_cleared(self._focus, widget, screen)
        self._focus = widget
        first = screen.t("speech.pin.cleared") if cleared else ""
        self._say(first, described(widget, screen), self._holding(widget))

    @_harmless
    def username_changed(self, value: str) -> None:
        """Say what was typed or taken away."""
        screen, before = self._screen, self._typed
        if screen is None or not screen.query(UsernameInput) or value == before:
            return
        self._typed = value
        start = _in_common(before, value)
        longer = len(value) - len(before)
        if longer > 0:
            self._say(spelled(value[start : start + longer], screen.t))
        elif longer < 0:
            gone = spelled(before[start : start - longer], screen.t)
            self._say(screen.t("speech.erased", letters=gone))

    @_harmless
    def pin_changed(self, *, erased: bool) -> None:
        """Say the same for every character."""
        if self._screen is not None:
            self._say(self._screen.t("speech.pin.erased" if erased else "speech.pin.typed"))

    @_harmless
    def hinted(self, text: str) -> None:
        """Say it."""
        if self._screen is not None:
            self._say(spoken(text, self._screen.t))

    async def stop(self) -> None:
        """End the program."""
        self._leave()
        await self._speaker.close()

    def _leave(self) -> None:
        """Forget the screen and what was typed on it."""
        self._speaker.stop()
        self._screen, self._focus, self._lines, self._typed = None, None, (), ""

    def _read(self) -> None:
        """Read the whole screen, with what Enter does last."""
        screen = self._screen
        if screen is None:
            return
        self._language, self._lines = screen.t.language, lines(screen)
        self._focus = screen.focused
        how = [screen.t("speech.intro")] if isinstance(screen, WelcomeScreen) else []
        holding = self._holding(screen.focused)
        # A number that is drawn large as well as small is heard once.
        self._say(*dict.fromkeys(self._lines), *how, *invitation(screen), holding)

    def _read_news(self, screen: JourneyScreen) -> None:
        """Read what was not there before. A line in which only numbers change, as seconds that
        are counted down, is not new."""
        known = Counter(map(_without_numbers, self._lines))
        self._lines = lines(screen)
        news = []
        for line in self._lines:
            form = _without_numbers(line)
            if known[form]:
                known[form] -= 1
            else:
                news.append(line)
        self._say(*news)

    def _count(self, screen: JourneyScreen, countdown: int) -> None:
        if countdown in COUNTED and countdown != self._counted:
            self._counted = countdown
            left = screen.t("speech.countdown", seconds=countdown)
            self._say(left, described(screen.focused, screen) if screen.focused else "")

    def _holding(self, widget: Widget | None) -> str:
        """What stands in the username's field."""
        if self._screen is None or not isinstance(widget, UsernameInput) or not self._typed:
            return ""
        return self._screen.t("speech.username.holds", letters=spelled(self._typed, self._screen.t))

    def _say(self, *texts: str) -> None:
        if self._screen is not None:
            self._speaker.say("\n".join(filter(None, texts)), self._screen.t.language)


def _in_common(one: str, other: str) -> int:
    """How many characters both begin with."""
    same = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        same += 1
    return same


def _has_cleared(before: Widget | None, after: Widget, screen: JourneyScreen) -> bool:
    """Whether the button that empties the PIN's field has led into it. An arrow key may lead there
    as well, but then the field is empty only if nothing was typed."""
    from_button = isinstance(before, ActionButton) and before.id == "clear"
    return from_button and isinstance(after, PinEntry) and not len(screen.view.pin)


def _without_numbers(line: str) -> str:
    return re.sub(r"\d+", "0", line)
