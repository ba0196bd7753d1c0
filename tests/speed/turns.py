"""Measures two or more sides in turn, A B A B, so that a busy machine hits all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from tests.speed.figures import Figure, Samples
from tests.speed.lab import Surroundings


class Progress(Protocol):
    """Hears how far the run is."""

    def step(self, what: str) -> None:
        """One more sample was taken."""


@dataclass
class Turns:
    """How often is measured, and who hears of it."""

    quick: bool
    progress: Progress
    what: str = ""
    """What is measured now, for the progress bar."""
    taken: int = field(default=0)
    surroundings: Surroundings = field(default_factory=Surroundings)
    """What all measures of a run share."""

    def rounds(self, many: int, few: int) -> int:
        """How many rounds: `many`, or `few` in a quick run."""
        return few if self.quick else many

    def alternate(
        self, rounds: int, *sides: Callable[[], float], unmeasured: int = 0
    ) -> tuple[Samples, ...]:
        """Call each side once a round, in turn, and keep what they return.

        Args:
            rounds: how often.
            sides: each measures once and returns the value.
            unmeasured: rounds before, whose values are dropped (caches are cold then).
        """
        values: list[list[float]] = [[] for _ in sides]
        for number in range(unmeasured + rounds):
            for kept, side in zip(values, sides, strict=True):
                value = side()
                if number >= unmeasured:
                    kept.append(value)
                self.taken += 1
                self.progress.step(self.what)
        return tuple(Samples(kept) for kept in values)


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is measured; it may give several figures of the same samples."""

    key: str
    """For `--only`."""
    title: str
    run: Callable[[Turns], Iterable[Figure]]
    """Raises `PeerMissing` where the other side cannot be had; never invents a value."""
    needs: tuple[Callable[[], object], ...] = ()
    """Each raises `PeerMissing` where something is not installed, before anything is measured."""
