"""`kiosk run` for hands that are quicker than a person's: nothing else is replaced.

Run by `tests.speed.room`: python -m tests.speed.quick_kiosk run --config FILE --log FILE

A press counts however soon it follows another one, and no screen waits until somebody can have
read it.
"""

from __future__ import annotations

from kiosk import cli
from kiosk.widgets.presses import PRESSES

NEVER = 0.0


def be_quick() -> None:
    """Take every press."""
    from kiosk.screens.confirm import ConfirmScreen

    PRESSES.double_tap = PRESSES.longest_delay = NEVER
    ConfirmScreen.SETTLE = NEVER


if __name__ == "__main__":
    be_quick()
    cli.main()
