"""How soon the next screen is there."""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Callable

from tests.speed import bare_screens, visits
from tests.speed.figures import Figure, Goal, Kind, compared
from tests.speed.keys import F2, PAUSES
from tests.speed.room import room
from tests.speed.terminal import Terminal
from tests.speed.turns import Measure, Turns
from tests.stack.journey import WELCOME

GOAL = Goal(Kind.RATIO, 1.3)

BARE_SCREENS = [sys.executable, "-m", "tests.speed.bare_screens"]

ESCAPE = "\x1b"

CONSENT, CASES = "Tôi đồng ý", "Tôi nhớ tên đăng nhập"
"""On the notice about data, and on the screen after it."""


def measure(turns: Turns) -> list[Figure]:
    """From the press to the last byte of the new screen: from the notice about data to the next
    screen with `1`, and back with Esc."""
    times = turns.rounds(200, 20)
    turns.what = "screen switch"
    with (
        room() as where,
        where.start(visits.QUICK) as kiosk,
        Terminal([*BARE_SCREENS, "page"]) as page,
        Terminal([*BARE_SCREENS, "label"]) as label,
    ):
        kiosk.wait_for(WELCOME)
        kiosk.forget()
        kiosk.press(visits.ENTER)
        kiosk.wait_for(CONSENT)
        sides = [_switcher(kiosk, ("1", CASES), (ESCAPE, CONSENT))]
        for bare in (page, label):
            bare.wait_for(bare_screens.TITLES[0])
            sides.append(_switcher(bare, *((F2, bare_screens.TITLES[n]) for n in (1, 0))))
        ours, paged, labelled = turns.alternate(times, *sides, unmeasured=4)
    name, note = "screen switch, p99", f"p99 of {times} switches"
    return [
        compared(
            name,
            "ms",
            ours,
            paged,
            "bare Textual screen with as many words and buttons",
            GOAL,
            p99=True,
            note=note,
        ),
        compared(
            f"{name}, against one label",
            "ms",
            ours,
            labelled,
            "bare Textual screen with one label",
            None,
            p99=True,
            note=note,
        ),
    ]


def _switcher(terminal: Terminal, *ways: tuple[str, str]) -> Callable[[], float]:
    """Presses one key after the other, each of which brings a screen with these words. Returns
    milliseconds."""
    turns = itertools.cycle(ways)

    def switch() -> float:
        key, words = next(turns)
        time.sleep(random.uniform(*PAUSES))  # noqa: S311 - Nothing secret hangs on it.
        terminal.forget()
        pressed = terminal.press(key)
        return (terminal.wait_for(words) - pressed) * 1000

    return switch


MEASURES = (Measure("switch", "screen switch", measure),)
