"""`kiosk run` for hands that are quicker than a person's: nothing else is replaced.

Run by `tests.speed.lab`: python -m tests.speed.quick_kiosk run --config FILE --log FILE

A press counts however soon it follows another one, and no screen waits until somebody can have
read it. And it has the packages that a kiosk is installed with, no others.
"""

from __future__ import annotations

import sys

from kiosk import __main__ as command
from kiosk.widgets.presses import PRESSES

NEVER = 0.0

ONLY_FOR_TESTS = ("click", "trio")
"""What httpcore loads where it finds it; a kiosk at a counter has neither."""


def be_quick() -> None:
    """Take every press."""
    from kiosk.screens.confirm import ConfirmScreen

    PRESSES.double_tap = PRESSES.longest_delay = NEVER
    ConfirmScreen.SETTLE = NEVER


def be_plain() -> None:
    """Have what only tests need be missing."""
    for name in ONLY_FOR_TESTS:
        sys.modules[name] = None  # type: ignore[assignment]


if __name__ == "__main__":
    be_plain()
    be_quick()
    command.main()
