"""The sandbox service in a process of its own, so that measuring does not slow it down.

python -m tests.speed.sandbox_service DIRECTORY LOG. Prints its URL, and ends with its input. It
writes down in the file LOG when the proof of a reset has begun to come, and when an order has and
when it was answered.
"""

from __future__ import annotations

import os
import re
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

ORDER = re.compile(rb"POST /v1/password-resets/[^/ ]+/confirmation HTTP")
"""How the request begins that orders the mail."""

PATIENCE = 5.0
"""Seconds until what the client has seen was written down as well."""


@contextmanager
def sandbox_service(directory: Path, log: Path) -> Iterator[str]:
    """Run the service; gives its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.speed.sandbox_service", str(directory), str(log)],
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


class ServiceLog:
    """What the service has written down, in seconds of CLOCK_MONOTONIC."""

    def __init__(self, path: Path) -> None:
        """Read what the service writes to this file."""
        self._path = path

    def proof(self, moment: float) -> float:
        """When the first proof after this moment began to come."""
        return self._first("proof", moment)[0]

    def order(self, moment: float) -> float:
        """How long the service had the first order after this moment, until its answer was
        written."""
        begin, end = self._first("order", moment)
        return end - begin

    def _first(self, what: str, moment: float) -> list[float]:
        """The times of the first line of that kind that begins after this moment.

        Raises:
            RuntimeError: there is none.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            text = self._path.read_text(encoding="ascii")
            for line in text[: text.rfind("\n") + 1].splitlines():
                kind, *times = line.split()
                if kind == what and float(times[0]) >= moment:
                    return [float(one) for one in times]
            if time.monotonic() > deadline:
                raise RuntimeError(f"the service has had no {what}")
            time.sleep(0.01)


class WatchedConnection(Connection):
    """A client's connection whose proofs and orders are written down."""

    log: ClassVar[int]
    """Descriptor of the file."""

    _ordered: float | None = None
    """When the order came that is being answered."""

    def data_received(self, data: bytes) -> None:
        """See `Connection`."""
        if data.startswith(PROOF):
            os.write(self.log, f"proof {time.monotonic():.7f}\n".encode("ascii"))
        elif ORDER.match(data):
            self._ordered = time.monotonic()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """See uvicorn: the answer's last byte was handed over."""
        if self._ordered is not None:
            line = f"order {self._ordered:.7f} {time.monotonic():.7f}\n"
            os.write(self.log, line.encode("ascii"))
            self._ordered = None
        super().on_response_complete()


def main() -> None:
    """Serve. A whole year's customers come within minutes."""
    directory, log = map(Path, sys.argv[1:])
    WatchedConnection.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    web.Connection = WatchedConnection  # type: ignore[attr-defined]
    limits = Limits(per_username=10**6, per_certificate=10**6, per_kiosk=10**6, resend_wait=0)
    with SandboxServer(directory, limits=limits) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
