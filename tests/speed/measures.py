"""Everything that is measured, in the order of the table."""

from __future__ import annotations

from tests.speed import idle, journey, keys, memory, start, switch
from tests.speed.turns import Measure

MEASURES: tuple[Measure, ...] = (
    *start.MEASURES,
    *memory.MEASURES,
    *idle.MEASURES,
    *journey.MEASURES,
    *keys.MEASURES,
    *switch.MEASURES,
)
