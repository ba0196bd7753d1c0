"""What the random walks did, for the last lines of a test run."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

from kiosk.flow import State

SEED = int(os.environ.get("KIOSK_WALK_SEED", "20261125"))
"""The walks are the same in each run; another seed walks elsewhere."""


@dataclass
class Figures:
    """Counts of one kind of walks."""

    where: str
    seed: int = SEED
    walks: int = 0
    steps: int = 0
    mails: int = 0
    states: Counter[State] = field(default_factory=Counter)
    """In how many steps the journey was seen at each state."""
    not_pressed: set[str] = field(default_factory=set)
    """Events of screens that the walks do not know how to make."""

    def lines(self) -> list[str]:
        """What to say of them; nothing if none was walked."""
        if not self.walks:
            return []
        lines = [
            f"random walks: {self.walks} {self.where} (seed {self.seed}), {self.steps:,} steps, "
            f"{len(self.states)} of {len(State)} states, {self.mails:,} mails"
        ]
        if unseen := sorted(state.value for state in set(State) - set(self.states)):
            lines.append(f"  never at: {', '.join(unseen)}")
        if self.not_pressed:
            lines.append(f"  never pressed: {', '.join(sorted(self.not_pressed))}")
        return lines


FAKE_PORTS = Figures("on the fake ports")
