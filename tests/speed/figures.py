"""A figure of the benchmark: what the kiosk took, what its peer took, and what is allowed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class PeerMissing(Exception):
    """What the kiosk is measured against is not on this machine; the text says what."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What one side was measured at, in turn with the other."""

    values: tuple[float, ...]

    def __init__(self, values: Sequence[float]) -> None:
        object.__setattr__(self, "values", tuple(values))

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """First and third quartile; least and greatest where there are fewer than four."""
        if len(self.values) < 4:
            return min(self.values), max(self.values)
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third

    @property
    def p99(self) -> float:
        """What 99 of 100 do not exceed."""
        if len(self.values) < 2:
            return self.values[0]
        return statistics.quantiles(self.values, n=100, method="inclusive")[98]


class Kind(Enum):
    """How a figure is judged."""

    RATIO = "×"
    """Ours divided by the peer's."""
    MORE = "+"
    """Ours less the peer's, in the figure's unit."""
    TOGETHER = "="
    """Ours itself, in the figure's unit."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure may be at most."""

    kind: Kind
    most: float
    also_at_most: float | None = None
    """A second limit, on the absolute value."""

    def as_text(self, unit: str) -> str:
        """For the table."""
        text = {
            Kind.RATIO: f"≤ {self.most:g}×",
            Kind.MORE: f"≤ +{self.most:g} {unit}",
            Kind.TOGETHER: f"≤ {self.most:g} {unit}",
        }[self.kind]
        return text if self.also_at_most is None else f"{text}, ≤ {self.also_at_most:g} {unit}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    unit: str
    ours: float
    ours_spread: tuple[float, float]
    peer_name: str = ""
    peer: float | None = None
    peer_spread: tuple[float, float] | None = None
    goal: Goal | None = None
    """None: reported only."""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's; None without a peer, or with one at nought."""
        return self.ours / self.peer if self.peer else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        if self.goal.kind is Kind.RATIO:
            judged = self.ratio
            if judged is None:
                # Nothing may be had for nothing only.
                judged = 0.0 if self.ours == 0 else float("inf")
        elif self.goal.kind is Kind.MORE:
            judged = self.ours - (self.peer or 0.0)
        else:
            judged = self.ours
        if judged > self.goal.most:
            return False
        return self.goal.also_at_most is None or self.ours <= self.goal.also_at_most

    def as_json(self) -> dict[str, Any]:
        """For `--json` and for the committed table."""
        return {
            **asdict(self),
            "ratio": self.ratio,
            "goal": self.goal.as_text(self.unit) if self.goal else "",
            "met": self.met,
        }


def compared(
    name: str,
    unit: str,
    ours: Samples,
    peer: Samples,
    peer_name: str,
    goal: Goal | None,
    *,
    note: str = "",
    p99: bool = False,
) -> Figure:
    """A figure of the medians of two sides, or of their `p99`."""
    return Figure(
        name=name,
        unit=unit,
        ours=ours.p99 if p99 else ours.median,
        ours_spread=ours.spread,
        peer_name=peer_name,
        peer=peer.p99 if p99 else peer.median,
        peer_spread=peer.spread,
        goal=goal,
        note=note,
    )


def counted(samples: Samples, what: str) -> str:
    """A note on how many samples there are; what they are, in the plural."""
    return f"median of {len(samples.values)} {what}"


def reported(name: str, unit: str, ours: Samples, *, note: str = "") -> Figure:
    """A figure that nothing is compared with, of the median."""
    return Figure(name=name, unit=unit, ours=ours.median, ours_spread=ours.spread, note=note)
