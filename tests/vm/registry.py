"""The checks, in the order in which they are done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.vm.bench import Bench

Do = Callable[[Bench], str]
"""Does the check and returns what was found, for the report; raises `CheckFailed`."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    name: str
    what: str
    """What has to hold, for the report."""
    do: Do
    from_welcome: bool
    """Whether the machine has to be at the welcome screen before."""


CHECKS: dict[str, Check] = {}


def check(name: str, what: str, *, from_welcome: bool = True) -> Callable[[Do], Do]:
    """Add a function to the checks."""

    def add(do: Do) -> Do:
        CHECKS[name] = Check(name, what, do, from_welcome)
        return do

    return add
