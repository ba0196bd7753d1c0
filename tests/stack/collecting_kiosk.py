"""`kiosk run` that logs each time Python looks for garbage, once all is loaded.

Run by test_garbage: python -m tests.stack.collecting_kiosk run --config FILE --log FILE
"""

from __future__ import annotations

import gc
import logging

from kiosk import cli

COLLECTION = "garbage is collected"

log = logging.getLogger("kiosk.tests")


def note(phase: str, _info: dict[str, int]) -> None:
    """Say so, unless it is before what has come to stay is set apart."""
    if phase == "stop" and gc.get_freeze_count():
        log.info(COLLECTION)


if __name__ == "__main__":
    gc.callbacks.append(note)
    cli.main()
