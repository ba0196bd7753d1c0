"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class CheckFailed(Exception):
    """The machine is not as it should be. The message is for the report."""


def wait_until(
    condition: Callable[[], T | None],
    what: Callable[[], str] | str,
    seconds: float,
    pause: float = 0.3,
) -> T:
    """Ask until the answer is true, and return it.

    Raises:
        CheckFailed: it did not become true in time; says `what` did not come.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise CheckFailed(f"after {seconds:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(pause)
