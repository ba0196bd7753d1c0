"""`kiosk run` on a module that misbehaves; SIGUSR1 puts the token in and takes it out.

Run by `tests.faults.visitor`: python -m tests.faults.faulty_kiosk run --config FILE --log FILE

Module and deadlines come from the configuration, as in production. Two edges are replaced:
the readers, by an embedded one that a signal steers, and the helper's environment, which
takes over what SoftHSM and the misbehaving module read from it. With `CRASH_KEY` in the
environment, the PIN field crashes at that key.
"""

from __future__ import annotations

import os
import signal

from kiosk import cli
from kiosk.hardware import readers, token_client
from kiosk.sandbox.embedded import EmbeddedReader
from kiosk.widgets.pin_entry import PinEntry

HELPERS_READ = ("SOFTHSM2_CONF", "MISBEHAVING_MODULE", "MISBEHAVING_DIR")

CRASH_KEY = "KIOSK_TEST_CRASH_KEY"


def replace_readers() -> None:
    """Let the kiosk watch an embedded reader instead of PC/SC."""
    reader = EmbeddedReader()

    def insert_or_remove(*_: object) -> None:
        if reader.inserted():
            reader.remove()
        else:
            reader.insert("token")

    signal.signal(signal.SIGUSR1, insert_or_remove)
    readers.PcscWatcher = lambda: reader  # type: ignore[assignment, misc]


def let_helpers_read(names: tuple[str, ...]) -> None:
    """Give helpers these variables, too."""
    token_client.ENVIRONMENT += names  # type: ignore[assignment]


def crash_at(key: str) -> None:
    """Let the PIN field fail at this key, with the PIN in the exception and in a local."""
    usual = PinEntry.type_character

    def type_character(entry: PinEntry, character: str) -> None:
        if character == key:
            typed = bytes(entry._buffer.view()).decode()
            raise ValueError(typed)
        usual(entry, character)

    PinEntry.type_character = type_character  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    replace_readers()
    let_helpers_read(HELPERS_READ)
    if key := os.environ.get(CRASH_KEY):
        crash_at(key)
    cli.main()
