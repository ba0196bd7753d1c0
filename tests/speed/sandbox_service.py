"""The sandbox service in a process of its own, so that measuring does not slow it down.

python -m tests.speed.sandbox_service DIRECTORY. Prints its URL, and ends with its input.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.sandbox.server.run import SandboxServer
from kiosk.sandbox.server.service import Limits


@contextmanager
def sandbox_service(directory: Path) -> Iterator[str]:
    """Run the service; gives its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.speed.sandbox_service", str(directory)],
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


def main() -> None:
    """Serve. A whole year's customers come within minutes."""
    limits = Limits(per_username=10**6, per_certificate=10**6, per_kiosk=10**6, resend_wait=0)
    with SandboxServer(Path(sys.argv[1]), limits=limits) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
