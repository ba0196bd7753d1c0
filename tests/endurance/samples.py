"""What is looked at between two visits, and what it says about thousands of them."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kiosk.next_screen import AHEAD_AFTER
from tests.endurance.hall import Hall
from tests.endurance.hurried_kiosk import Alive
from tests.endurance.processes import (
    descriptors,
    helpers_of,
    resident,
    threads,
    wait_until,
)
from tests.speed.processes import family

WARM = 500
"""Visits after which the memory has to stay."""

MOST_GROWTH = 2 * 2**20
"""Bytes by which it may grow from then on."""

COUNTS = ("descriptors", "threads", "processes", "screens", "widgets", "tasks", "timers")
"""What may not grow at all."""

EXECUTOR = 4 + (os.cpu_count() or 1)
"""Threads that asyncio starts for work that blocks, one by one as it finds the others busy."""

_SCREENS = 2
"""The welcome screen and the one that comes next."""

_MAKING = 3 * AHEAD_AFTER
"""Seconds in which the latter is made."""

_READY = 10.0
"""Seconds in which the helper for the next customer stands ready."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The kiosk on its welcome screen, with a helper ready."""

    visits: int
    """How many are over."""
    memory: int
    """Resident bytes of the process that draws."""
    helper: int
    """Resident bytes of the helper that stands ready."""
    descriptors: int
    threads: int
    processes: int
    screens: int
    widgets: int
    tasks: int
    timers: int


def take_sample(hall: Hall, visits: int) -> Sample:
    """Look at the kiosk once nothing of the last visit goes on."""
    helpers: list[int] = []

    def ready() -> bool:
        helpers[:] = helpers_of(hall.pid)
        return len(helpers) == 1 == len(family(hall.pid)) - 1

    wait_until(ready, "one helper that stands ready, and no other process", _READY)
    # Before it is asked what is alive, for which it collects garbage.
    memory = resident(hall.pid)
    alive = _at_rest(hall)
    return Sample(
        visits=visits,
        memory=memory,
        helper=resident(helpers[0]),
        descriptors=descriptors(hall.pid),
        threads=threads(hall.pid),
        processes=len(family(hall.pid)) - 1,
        screens=alive.screens,
        widgets=alive.widgets,
        tasks=alive.tasks,
        timers=alive.timers,
    )


def _at_rest(hall: Hall) -> Alive:
    """What is alive once the timers of the last screens have run out, because as long as one is
    set, its screen is there; and once the screen is made that comes after the welcome screen."""
    deadline = time.monotonic() + _READY
    before, alive = None, hall.alive()
    while alive.screens != before or alive.screens > _SCREENS:
        if time.monotonic() > deadline:
            break
        time.sleep(_MAKING)
        before, alive = alive.screens, hall.alive()
    return alive


@dataclass
class Result:
    """What came of a soak."""

    seed: int
    visits: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    """What nobody had provoked."""
    presses_again: int = 0
    """Presses that were taken only the second time."""
    mails: int = 0
    """Orders that were carried out, those included whose mail no mailbox took."""
    mails_expected: int = 0
    mailed_twice: int = 0
    written: int = 0
    """Bytes that were written to the terminal."""
    samples: list[Sample] = field(default_factory=list)

    @property
    def growth(self) -> int | None:
        """Bytes from the first tenth of the visits after `WARM` to their last tenth, by medians;
        None if there were too few."""
        judged = [one.memory for one in self.samples if one.visits >= WARM]
        share = len(judged) // 10
        if not share:
            return None
        return round(statistics.median(judged[-share:]) - statistics.median(judged[:share]))

    @property
    def grown(self) -> list[str]:
        """What there was more of in the second half of the visits than in the first, by more than
        one in the median. A connection that is open at one sample and not at another is no leak,
        nor is the screen of a timer that was stopped, which asyncio keeps until its time is over.
        """
        first, second = _halves(self.samples)
        found = []
        for name in COUNTS if first else ():
            before, after = (statistics.median(_values(half, name)) for half in (first, second))
            if after - before > (EXECUTOR if name == "threads" else 1):
                found.append(f"{name}: {before:g} in the first half, {after:g} in the second")
        return found

    @property
    def faults(self) -> list[str]:
        """All that is not as it must be."""
        found = [*self.failures, *self.grown]
        if self.mails != self.mails_expected or self.mailed_twice:
            found.append(
                f"{self.mails_expected} mails were confirmed, {self.mails} sent, "
                f"{self.mailed_twice} twice"
            )
        if self.growth is not None and self.growth > MOST_GROWTH:
            found.append(f"memory has grown by {self.growth / 2**20:.2f} MB")
        return found

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {**msgspec.to_builtins(self), "growth": self.growth, "faults": self.faults}

    def as_text(self) -> str:
        """For a person, in lines."""
        per_visit = self.seconds / max(1, self.visits)
        lines = [
            f"{self.visits:,} visits in {self.seconds / 60:.1f} min ({per_visit:.2f} s each), "
            f"seed {self.seed}: {len(self.failures)} failures that nobody provoked, "
            f"{self.mails:,} mails, {self.mailed_twice} of them twice, "
            f"{self.written / max(1, self.visits) / 1000:.0f} kB drawn for each",
            ", ".join(f"{count:,} × {kind}" for kind, count in self.kinds.most_common()),
        ]
        first, last = self.samples[0], self.samples[-1]
        peak = max(one.memory for one in self.samples)
        growth = "" if self.growth is None else f", {self.growth / 2**20:+.2f} MB after {WARM}"
        lines.append(
            f"memory {first.memory / 2**20:.1f} MB at first, {last.memory / 2**20:.1f} MB at last, "
            f"{peak / 2**20:.1f} MB at most{growth}; helper {last.helper / 2**20:.1f} MB"
        )
        lines.append(", ".join(f"{_range(self.samples, name)} {name}" for name in COUNTS))
        return "\n".join([*lines, *self.faults])


def _halves(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Without the first sample, at which nothing had happened yet."""
    middle = 1 + (len(samples) - 1) // 2
    return samples[1:middle], samples[middle:]


def _values(samples: Sequence[Sample], name: str) -> list[int]:
    return [getattr(one, name) for one in samples]


def _range(samples: Sequence[Sample], name: str) -> str:
    least, most = min(_values(samples, name)), max(_values(samples, name))
    return str(most) if least == most else f"{least} to {most}"
