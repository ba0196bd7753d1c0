"""How soon the next screen is there."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.speed import bare_screens, visits
from tests.speed.figures import Figure, Goal, Kind, compared
from tests.speed.keys import F2, timed
from tests.speed.lab import QUICK
from tests.speed.needs import require_pcscd
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
    screen with `1`. The way back, with Esc, is not measured: of that key Textual finds out only
    after a pause that it does not begin the sequence of another one."""
    times = turns.rounds(150, 4)
    turns.what = "screen switch"
    with (
        turns.surroundings.lab().start(QUICK) as kiosk,
        Terminal([*BARE_SCREENS, "page"]) as page,
        Terminal([*BARE_SCREENS, "label"]) as label,
    ):
        kiosk.wait_for(WELCOME)
        kiosk.forget()
        kiosk.press(visits.ENTER)
        kiosk.wait_for(CONSENT)
        sides = [_switcher(kiosk, ("1", CASES), (ESCAPE, CONSENT))]
        there, back = bare_screens.TITLES[::-1]
        for bare in (page, label):
            bare.wait_for(back)
            sides.append(_switcher(bare, (F2, there), (F2, back)))
        ours, paged, labelled = turns.alternate(times, *sides, unmeasured=turns.rounds(2, 1))
    name, note = "screen switch, p99", f"p99 of {times} switches"
    goal = None if turns.quick else GOAL
    return [
        compared(
            name,
            "ms",
            ours,
            paged,
            "bare Textual screen with as many words and buttons",
            goal,
            p99=True,
            note=note,
        ),
        compared(
            f"{name}, against one label",
            "ms",
            ours,
            labelled,
            "bare Textual screen with one label",
            goal,
            p99=True,
            note=note,
        ),
    ]


def _switcher(
    terminal: Terminal, there: tuple[str, str], back: tuple[str, str]
) -> Callable[[], float]:
    """Goes there and back: with a key each, which brings a screen with these words. Returns
    milliseconds for the way there."""

    def switch() -> float:
        taken = timed(terminal, *there)
        timed(terminal, *back)
        return taken

    return switch


MEASURES = (Measure("switch", "screen switch", measure, (require_pcscd,)),)
