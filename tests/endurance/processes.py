"""What the system says of the kiosk's processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.speed.processes import family, memory

_HELPER = b"kiosk.hardware.token_helper"


def helpers_of(pid: int) -> list[int]:
    """The token helpers of the kiosk with this number that live."""
    return [child for child in family(pid)[1:] if _HELPER in _command(child)]


def _command(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def resident(pid: int) -> int:
    """Bytes of the process's memory that are in the machine's."""
    return memory([pid]).rss


def descriptors(pid: int) -> int:
    """How many descriptors the process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def threads(pid: int) -> int:
    """How many threads the process has."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


def wait_until(condition: Callable[[], bool], what: str, seconds: float) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: it does not; says what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come in {seconds:g} s")
        time.sleep(0.01)
