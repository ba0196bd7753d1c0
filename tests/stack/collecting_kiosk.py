"""`kiosk run` that logs each time Python looks for garbage, once all is loaded.

Run by test_garbage: python -m tests.stack.collecting_kiosk run --config FILE --log FILE
"""

from __future__ import annotations

import gc
import logging
import sys

from kiosk import cli, memory

BY_ITSELF = "garbage is collected because so much was made"
ASKED = "garbage is collected because the kiosk wants it"

log = logging.getLogger("kiosk.tests")


def note(phase: str, _info: dict[str, int]) -> None:
    """Say so, unless it is before what has come to stay is set apart."""
    if phase == "stop" and gc.get_freeze_count():
        asked = sys._getframe(1).f_globals.get("__name__") == memory.__name__
        log.info(ASKED if asked else BY_ITSELF)


if __name__ == "__main__":
    gc.callbacks.append(note)
    cli.main()
