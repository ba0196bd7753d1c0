"""Everything that is measured, in the order of the table."""

from __future__ import annotations

from tests.speed import card, idle, keys, memory, service, slow_card, start, switch
from tests.speed.turns import Measure

MEASURES: tuple[Measure, ...] = (
    *start.MEASURES,
    *memory.MEASURES,
    *idle.MEASURES,
    *card.MEASURES,
    *slow_card.MEASURES,
    *keys.MEASURES,
    *switch.MEASURES,
    *service.MEASURES,
)
