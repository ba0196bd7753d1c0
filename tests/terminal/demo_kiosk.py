"""The demonstration in the laboratory's terminal: what it shows, and how a visit goes on."""

from __future__ import annotations

import asyncio
import functools
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyte
from msgspec.structs import replace

from kiosk.flow import Event, State
from kiosk.i18n import LANGUAGES
from kiosk.sandbox.scenario import PIN
from kiosk.screens.confirm import ConfirmScreen
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words
from kiosk.widgets.presses import DOUBLE_TAP
from tests.screens.gallery import DEMO, VIEWS, GalleryApp
from tests.terminal.console import QUESTIONS
from tests.terminal.laboratory import FONT_SIZE, Laboratory, LaboratoryError, wait_for

COLUMNS, LINES = 120, 34
USERNAME = "hoasen"
"""An account of the first token of the demonstration."""


LOOK = DOUBLE_TAP + 0.05
"""Seconds. As long as a person looks at least before a press; a quicker one is taken for a double
tap."""

READ = ConfirmScreen.SETTLE + LOOK
"""Seconds that it takes to read what must be read before a button acts."""


@dataclass(frozen=True, slots=True)
class Step:
    """A moment of a visit, and what is pressed then."""

    state: State
    """Whose screen is shown."""
    keys: tuple[str, ...] = ()
    typed: str = ""
    """A text that is typed before the keys are pressed."""
    look: float = LOOK
    """Seconds for which a person looks at the screen before that."""
    picture: str = ""
    """Name of the picture that the documentation has of it."""


START_TO_SENT = (
    Step(State.WELCOME, ("Return",), picture="welcome"),
    Step(State.CONSENT, ("Tab", "Return"), picture="consent"),
    Step(State.CHOOSE_CASE, ("Return",), picture="choose-case"),
    Step(State.INSERT_TOKEN, ("F5",)),
    Step(State.USERNAME, ("Return",), USERNAME, picture="username"),
    Step(State.PIN, ("Return",), PIN, picture="pin"),
    Step(State.CONFIRM, ("Return",), look=READ, picture="confirm"),
    Step(State.SENT, picture="sent"),
)
"""The good path, by keys alone."""


@dataclass
class DemoKiosk:
    """`kiosk demo --token embedded` in a terminal."""

    laboratory: Laboratory
    folder: Path
    """For its state and its log; is filled by it."""
    font_size: int = FONT_SIZE
    language: str = LANGUAGES[0]
    """In which its screens are read. Whoever changes it presses F2 as well."""
    _screen: pyte.Screen = field(init=False)
    _stream: pyte.ByteStream = field(init=False)
    _fed: int = 0

    def start(self) -> None:
        """Start it and wait for its first screen.

        Raises:
            LaboratoryError: it does not come.
        """
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0
        self.laboratory.open_terminal(
            [
                *(sys.executable, "-m", "kiosk", "demo", "--token", "embedded"),
                *("--state", self.folder / "state", "--log", self._log),
            ],
            columns=COLUMNS,
            lines=LINES,
            font_size=self.font_size,
        )
        # What it says before its first screen is on the screen that a terminal has at first.
        wait_for(lambda: b"\x1b[?1049h" in self.laboratory.drawn(), "the kiosk's screen", 60)
        self.wait_for(State.WELCOME)

    @property
    def _log(self) -> Path:
        return self.folder / "kiosk.log"

    def wait_for(self, state: State, look: float = LOOK) -> None:
        """Wait for the screen of this state, and look at it as a person does.

        Args:
            state: where the journey shall be, by the kiosk's log.
            look: for how long, in seconds.

        Raises:
            LaboratoryError: it does not come; carries the screen.
        """
        title = title_of(state, self.language)
        try:
            wait_for(lambda: self._state() == state.value, f"the state {state.value!r}")
            wait_for(lambda: any(title in line for line in self.text()), repr(title))
        except LaboratoryError as error:
            screen = "\n".join(line.rstrip() for line in self.text())
            raise LaboratoryError(f"{error}; in {self._state()!r}:\n{screen}") from error
        time.sleep(look)

    def _state(self) -> str:
        """Where the journey is, by the log; the code of a problem may stand behind it."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        moves = [line for line in lines if " -> " in line]
        arrived = moves[-1].rpartition(" -> ")[2].strip() if moves else State.WELCOME.value
        return re.sub(r" [A-Z]\d\d$", "", arrived)

    def text(self) -> list[str]:
        """The lines on the screen."""
        drawn = self.laboratory.drawn()
        # A sequence that has not arrived whole waits for the next time.
        end = len(drawn) if not drawn[-32:].count(b"\x1b") else drawn.rindex(b"\x1b")
        if end > self._fed:
            self._stream.feed(QUESTIONS.sub(b"", drawn[self._fed : end]))
            self._fed = end
        return list(self._screen.display)

    def do(self, step: Step) -> None:
        """Wait for the moment, and press what it says."""
        self.wait_for(step.state, step.look)
        self.type(step.typed)
        self.laboratory.press(*step.keys)

    def choose(self, language: str, theme: str) -> None:
        """On the first screen, choose the second language, and colours of the highest contrast."""
        if language != self.language:
            self.laboratory.press("F2")
            self.language = language
        if theme != "light":
            self.laboratory.press("F3")

    def type(self, text: str) -> None:
        """Type a text, each key when the one before is drawn."""
        for character in text:
            before = len(self.laboratory.drawn())
            self.laboratory.press(character)
            self._wait_for_echo(before, character)

    def click(self, label: str) -> None:
        """Look, and click on the middle of a text, the last one of those on the screen.

        Raises:
            LaboratoryError: it is not on the screen.
        """
        time.sleep(LOOK)
        self._click(re.escape(label), label)

    def click_keys(self, text: str) -> None:
        """Click on the keys of the keyboard on the screen."""
        for character in text:
            before = len(self.laboratory.drawn())
            # A key's sign stands alone in the middle of it.
            self._click(rf"(?<=[ │] ){re.escape(character)}(?= [ │])", f"a key {character}")
            self._wait_for_echo(before, character)

    def _click(self, pattern: str, what: str) -> None:
        lines = self.text()
        for number in reversed(range(len(lines))):
            found = re.search(pattern, lines[number])
            if found:
                self.laboratory.click((found.start() + found.end() - 1) // 2, number)
                return
        raise LaboratoryError(f"{what!r} is not on the screen:\n" + "\n".join(lines))

    def _wait_for_echo(self, before: int, key: str) -> None:
        wait_for(lambda: len(self.laboratory.drawn()) > before, f"the echo of {key}")


def label_of(state: State, button: type[Event] | str) -> str:
    """What the button is called on this state's screen, in the demonstration.

    Args:
        state: whose screen it is.
        button: the event that it stands for, or how Textual finds it.
    """

    def find(app: GalleryApp) -> str:
        by_name = app.screen.query(button) if isinstance(button, str) else ()
        for found in app.screen.query(ActionButton):
            if found.display and (found.event is button or found in by_name):
                return _beginning(found)
        raise LookupError(f"the screen of {state} has no button {button}")

    return _on_screen(state, LANGUAGES[0], find)


@functools.cache
def title_of(state: State, language: str) -> str:
    """How the words of this state's screen begin."""

    def find(app: GalleryApp) -> str:
        words = [each for each in app.screen.query("#body Words").results(Words) if each.display]
        return _beginning(next((each for each in words if each.has_class("title")), words[0]))

    return _on_screen(state, language, find)


def _beginning(words: Words) -> str:
    return str(words.content).strip().splitlines()[0][:30].rstrip()


def _on_screen(state: State, language: str, find: Callable[[GalleryApp], str]) -> str:
    """Look for something on the gallery's screen of a state."""

    async def look() -> str:
        view = next(view for view in VIEWS.values() if view.state is state)
        app = GalleryApp(replace(view, language=language, demo=replace(DEMO, token="")))
        async with app.run_test(size=(COLUMNS, LINES)) as pilot:
            await pilot.pause()
            return find(app)

    return asyncio.run(look())
