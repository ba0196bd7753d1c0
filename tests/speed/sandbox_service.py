"""The sandbox service in a process of its own, so that measuring does not slow it down.

python -m tests.speed.sandbox_service DIRECTORY ARRIVALS. Prints its URL, and ends with its input.
It writes down in the file ARRIVALS when the proof of a reset has begun to come.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from kiosk.sandbox.server import web
from kiosk.sandbox.server.connections import Connection
from kiosk.sandbox.server.run import SandboxServer
from kiosk.sandbox.server.service import Limits

PROOF = b"POST /v1/password-resets HTTP"
"""How the request begins that brings a proof."""


@contextmanager
def sandbox_service(directory: Path, arrivals: Path) -> Iterator[str]:
    """Run the service; gives its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.speed.sandbox_service", str(directory), str(arrivals)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            url = process.stdout.readline().strip() if process.stdout else ""
            if not url:
                raise RuntimeError("the sandbox service does not start")
            yield url
        finally:
            if process.stdin:
                process.stdin.close()


class Arrivals:
    """When proofs have begun to reach the service."""

    def __init__(self, path: Path) -> None:
        """Read what the service writes to this file."""
        self._path = path

    def since(self, moment: float) -> list[float]:
        """Those after this moment. Seconds of CLOCK_MONOTONIC, as all of them."""
        text = self._path.read_text(encoding="ascii")
        whole = text[: text.rfind("\n") + 1].split()
        return [at for at in map(float, whole) if at >= moment]


class WatchedConnection(Connection):
    """A client's connection whose proofs' first bytes are written down."""

    arrivals: ClassVar[int]
    """Descriptor of the file."""

    def data_received(self, data: bytes) -> None:
        """See `Connection`."""
        if data.startswith(PROOF):
            os.write(self.arrivals, f"{time.monotonic():.7f}\n".encode("ascii"))
        super().data_received(data)


def main() -> None:
    """Serve. A whole year's customers come within minutes."""
    directory, arrivals = map(Path, sys.argv[1:])
    WatchedConnection.arrivals = os.open(arrivals, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    web.Connection = WatchedConnection  # type: ignore[attr-defined]
    limits = Limits(per_username=10**6, per_certificate=10**6, per_kiosk=10**6, resend_wait=0)
    with SandboxServer(directory, limits=limits) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
