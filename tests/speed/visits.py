"""Whole visits at the terminal, one after the other, as fast as kiosk and card go."""

from __future__ import annotations

import time

from kiosk.sandbox.scenario import PIN
from tests.speed.lab import Lab
from tests.speed.processes import cpu_seconds, family
from tests.speed.reader import TOKEN
from tests.speed.terminal import PATIENCE, NothingDrawn, Terminal
from tests.stack import journey

ENTER, TAB, SHIFT_TAB = "\r", "\t", "\x1b[Z"

USERNAME = "hoasen"

BETWEEN_KEYS = 0.004
"""Seconds. Textual takes what one read of its brings for one key press."""

REST = 0.5
"""Seconds over which is looked whether the kiosk has come to rest."""

BUSY_SHARE = 0.05
"""Of a core: below, it has."""


def type_text(terminal: Terminal, text: str) -> None:
    """Type, each character in a read of its own."""
    for character in text:
        terminal.press(character)
        time.sleep(BETWEEN_KEYS)


def to_username(lab: Lab, terminal: Terminal) -> None:
    """From the welcome screen, which is there, to the username screen, which is whole then."""
    terminal.forget()
    terminal.press(ENTER)
    terminal.wait_for("Tôi đồng ý")
    terminal.press(TAB)
    terminal.forget()
    terminal.press(ENTER)
    terminal.wait_for("Tôi nhớ tên đăng nhập")
    terminal.forget()
    terminal.press(ENTER)
    terminal.wait_for(journey.INSERT)
    terminal.forget()
    lab.card.insert(TOKEN)
    terminal.wait_for(journey.USERNAME)


def to_pin(terminal: Terminal) -> None:
    """From the username screen to the PIN screen."""
    terminal.forget()
    type_text(terminal, USERNAME)
    terminal.press(ENTER)
    terminal.wait_for(journey.PIN_ASKED)


def to_sent(terminal: Terminal) -> None:
    """From the PIN screen to the last one."""
    terminal.forget()
    type_text(terminal, PIN)
    terminal.press(ENTER)
    terminal.wait_for(journey.CONFIRM)
    terminal.forget()
    terminal.press(ENTER)
    terminal.wait_for(journey.SENT)


def leave(lab: Lab, terminal: Terminal) -> None:
    """From a screen whose Enter ends the visit to the next customer's welcome screen."""
    terminal.forget()
    terminal.press(ENTER)
    terminal.wait_for(journey.REMOVE)
    terminal.forget()
    lab.card.remove()
    terminal.wait_for(journey.WELCOME)


def visit(lab: Lab, terminal: Terminal) -> None:
    """One visit that ends well."""
    to_username(lab, terminal)
    to_pin(terminal)
    to_sent(terminal)
    leave(lab, terminal)


def at_rest(terminal: Terminal) -> list[int]:
    """Wait until the kiosk has a helper ready and nothing is left to do; return its processes."""
    deadline = time.perf_counter() + PATIENCE
    before = -1.0
    while time.perf_counter() < deadline:
        processes = family(terminal.pid)
        now = cpu_seconds(processes)
        if len(processes) > 1 and now - before < BUSY_SHARE * REST:
            return processes
        before = now
        terminal.count(REST)
    raise NothingDrawn("the kiosk does not come to rest, or has no helper ready")
