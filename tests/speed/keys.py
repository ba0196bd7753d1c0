"""How soon a key press is seen."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator

from kiosk.sandbox.card import Instruction
from kiosk.sandbox.scenario import PIN
from tests.speed import bare_input, bare_words, visits
from tests.speed.figures import Figure, Goal, Kind, Samples, compared
from tests.speed.needs import require_pcscd
from tests.speed.processes import family
from tests.speed.room import Room, room
from tests.speed.terminal import Terminal
from tests.speed.turns import Measure, Turns
from tests.stack.journey import WELCOME

GOAL = Goal(Kind.RATIO, 1.3)
PEER = "bare Textual Input"

BARE_INPUT = [sys.executable, "-m", "tests.speed.bare_input"]
BARE_WORDS = [sys.executable, "-m", "tests.speed.bare_words"]

LETTERS = "qvwxyz"
"""None of them ends an escape sequence."""

BUSY = ("Verifying", "Đang xác minh")
"""On the busy screen after the PIN, in the second language and in the first."""

BACKSPACE, F2 = "\x7f", "\x1bOQ"

PAUSES = (0.03, 0.07)
"""Seconds between two presses, drawn at random, so that they do not keep step with the frames
that Textual draws 60 times a second."""


def measure(turns: Turns) -> list[Figure]:
    """From the press to the last byte of what it changes: letters typed into the username field,
    and the language key while the helper hangs."""
    presses = turns.rounds(200, 12)
    with room() as where, where.start(visits.QUICK) as kiosk, Terminal(BARE_INPUT) as bare:
        kiosk.wait_for(WELCOME)
        bare.wait_for(bare_input.TEXT)
        visits.to_username(where, kiosk)
        ours, peer = _typist(kiosk), _typist(bare)
        turns.what = "key press, idle"
        idle = turns.alternate(presses, ours, peer, unmeasured=2)
        turns.what = "key press, helper stopped"
        with _stopped(kiosk):
            stopped = turns.alternate(presses, ours, peer, unmeasured=2)
        turns.what = "language key, helper hangs"
        hung = _hung(turns, where, kiosk, presses)
    name, note = "key press → changed cells, p99", f"p99 of {presses} presses"
    words = "bare Textual app, ten labels changed"
    # So few presses of a quick run have no p99 to speak of.
    goal = None if turns.quick else GOAL
    return [
        compared(what, "ms", ours, peer, beside, goal, p99=True, note=note)
        for what, (ours, peer), beside in (
            (f"{name}, idle", idle, PEER),
            (f"{name}, helper stopped", stopped, PEER),
            ("language key → all words changed, p99, helper hangs", hung, words),
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


def _linguist(terminal: Terminal, *words: str) -> Callable[[], float]:
    """Presses the language key, after which each of these words comes in turn."""
    expected = itertools.cycle(words)
    return lambda: timed(terminal, F2, next(expected))


def timed(terminal: Terminal, key: str, *words: str) -> float:
    """Press the key; milliseconds to the last byte of what is drawn with these words."""
    time.sleep(random.uniform(*PAUSES))  # noqa: S311 - Nothing secret hangs on it.
    terminal.forget()
    pressed = terminal.press(key)
    return (terminal.wait_for(*words) - pressed) * 1000


@contextlib.contextmanager
def _stopped(kiosk: Terminal) -> Iterator[None]:
    """While this lasts, the helper answers nothing."""
    helpers = family(kiosk.pid)[1:]
    for helper in helpers:
        os.kill(helper, signal.SIGSTOP)
    try:
        yield
    finally:
        for helper in helpers:
            os.kill(helper, signal.SIGCONT)


def _hung(turns: Turns, where: Room, kiosk: Terminal, presses: int) -> tuple[Samples, ...]:
    """The language key on the busy screen, while the helper waits for a card that hangs."""
    visits.to_pin(kiosk)
    where.card.hang(True, Instruction.VERIFY)
    kiosk.forget()
    visits.type_text(kiosk, PIN)
    kiosk.press(visits.ENTER)
    kiosk.wait_for(BUSY[1])
    with Terminal(BARE_WORDS) as bare:
        bare.wait_for(bare_words.FIRST)
        hung = turns.alternate(
            presses,
            _linguist(kiosk, *BUSY),
            _linguist(bare, bare_words.SECOND, bare_words.FIRST),
            unmeasured=2,
        )
    where.card.hang(False)
    return hung


MEASURES = (Measure("keys", "key press → changed cells", measure, (require_pcscd,)),)
