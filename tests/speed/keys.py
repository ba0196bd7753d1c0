"""How soon a key press is seen."""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Callable

from kiosk.sandbox.card import Instruction
from kiosk.sandbox.scenario import PIN
from tests.speed import bare_input, bare_words, visits
from tests.speed.figures import Figure, Goal, Kind, compared
from tests.speed.lab import QUICK, Lab
from tests.speed.needs import require_pcscd
from tests.speed.terminal import Terminal
from tests.speed.turns import Measure, Turns
from tests.stack.journey import WELCOME

GOAL = Goal(Kind.RATIO, 1.3)
PEER = "bare Textual Input"
FOCUS_PEER = "bare Textual Input, Tab to another one"
WORDS_PEER = "bare Textual app, ten labels changed"

BARE_INPUT = [sys.executable, "-m", "tests.speed.bare_input"]
BARE_WORDS = [sys.executable, "-m", "tests.speed.bare_words"]

LETTERS = "qvwxyz"
"""None of them ends an escape sequence."""

BUSY = ("Verifying", "Đang xác minh")
"""On the busy screen after the PIN, in the second language and in the first."""

BACKSPACE, F2, TAB = "\x7f", "\x1bOQ", "\t"

FOCUSED = "┏"
"""Corner of the frame that only the button with the focus has."""

PAUSES = (0.03, 0.07)
"""Seconds between two presses, drawn at random, so that they do not keep step with the frames
that Textual draws 60 times a second."""


def measure(turns: Turns) -> list[Figure]:
    """From the press to the last byte of what it changes: letters typed into the username field;
    and, while the helper hangs, the key that moves the focus and the one for the language.

    The kiosk waits for its helper on its busy screens only: while a username or a PIN is typed,
    nothing is asked of it, and a helper that is stopped then makes no difference. So it hangs
    where it is waited for, and what has keys there is measured: the buttons of the screen's head.
    """
    presses = turns.rounds(200, 4)
    unmeasured = turns.rounds(2, 1)
    where = turns.surroundings.lab()
    with where.start(QUICK) as kiosk:
        kiosk.wait_for(WELCOME)
        visits.to_username(where, kiosk)
        with Terminal(BARE_INPUT) as bare:
            bare.wait_for(bare_input.TEXT)
            turns.what = "key press, idle"
            idle = turns.alternate(presses, _typist(kiosk), _typist(bare), unmeasured=unmeasured)
        _hang(where, kiosk)
        with Terminal([*BARE_INPUT, "two"]) as bare:
            bare.wait_for(bare_input.OTHER)
            turns.what = "key press, helper hangs"
            sides = (
                _presser(kiosk, TAB, FOCUSED),
                _presser(bare, TAB, bare_input.OTHER, bare_input.TEXT),
            )
            hung = turns.alternate(presses, *sides, unmeasured=unmeasured)
        with Terminal(BARE_WORDS) as bare:
            bare.wait_for(bare_words.FIRST)
            turns.what = "language key, helper hangs"
            second_then_first = (bare_words.SECOND, bare_words.FIRST)
            sides = (_presser(kiosk, F2, *BUSY), _presser(bare, F2, *second_then_first))
            language = turns.alternate(presses, *sides, unmeasured=unmeasured)
        where.card.hang(False)
    name, note = "key press → changed cells, p99", f"p99 of {presses} presses"
    busy = f"{note}; the kiosk waits for a login to a card that does not answer"
    # So few presses of a quick run have no p99 to speak of.
    goal = None if turns.quick else GOAL
    return [
        compared(what, "ms", ours, peer, beside, goal, p99=True, note=said)
        for what, (ours, peer), beside, said in (
            (f"{name}, idle", idle, PEER, f"{note}; a letter of the username"),
            (f"{name}, helper hangs", hung, FOCUS_PEER, f"{busy}; Tab moves the focus"),
            ("language key → all words changed, p99, helper hangs", language, WORDS_PEER, busy),
        )
    ]


def _typist(terminal: Terminal) -> Callable[[], float]:
    """Types letters one by one and takes each back again. Returns milliseconds for the letter."""
    letters = itertools.cycle(LETTERS)

    def press() -> float:
        letter = next(letters)
        taken = timed(terminal, letter, letter)
        timed(terminal, BACKSPACE)
        return taken

    return press


def _presser(terminal: Terminal, key: str, *words: str) -> Callable[[], float]:
    """Presses this key, after which each of these words comes in turn."""
    expected = itertools.cycle(words)
    return lambda: timed(terminal, key, next(expected))


def timed(terminal: Terminal, key: str, *words: str) -> float:
    """Press the key; milliseconds to the last byte of what is drawn with these words."""
    time.sleep(random.uniform(*PAUSES))  # noqa: S311 - Nothing secret hangs on it.
    terminal.forget()
    pressed = terminal.press(key)
    return (terminal.wait_for(*words) - pressed) * 1000


def _hang(where: Lab, kiosk: Terminal) -> None:
    """From the username screen to the busy screen, with a helper that waits for a card that
    hangs."""
    visits.to_pin(kiosk)
    where.card.hang(True, Instruction.VERIFY)
    kiosk.forget()
    visits.type_text(kiosk, PIN)
    kiosk.press(visits.ENTER)
    kiosk.wait_for(BUSY[1])


MEASURES = (Measure("keys", "key press → changed cells", measure, (require_pcscd,)),)
