"""The sandbox service without limits: a year's customers come within minutes.

Run by `tests.speed.room`: python -m tests.speed.serve DIRECTORY
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from kiosk.sandbox.server.run import READY_FILE, SandboxServer
from kiosk.sandbox.server.service import Limits

MANY = 10**6


def main(directory: Path) -> None:
    """Serve until SIGTERM; the file `READY_FILE` then holds the address."""
    # Blocked before any thread starts, so that the signal waits for `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    limits = Limits(per_username=MANY, per_certificate=MANY, per_kiosk=MANY, resend_wait=0)
    with SandboxServer(directory, limits=limits) as server:
        new = directory / f"{READY_FILE}.new"
        new.write_text(server.url, encoding="utf-8")
        new.replace(directory / READY_FILE)
        signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
