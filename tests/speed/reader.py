"""A card reader of our own, and when cards are put into it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.sandbox.card import CardControl
from tests.speed.apdus import Pace, Record
from tests.stack.parts import Pcscd

TOKEN = "hoa-sen"
"""An RSA key of 2048 bits, as the CAs give out."""

LOOKS = 0.4
"""Seconds between pcscd's looks at a virtual reader."""

_OUT = 0.9
"""Seconds that a card stays out: until pcscd must have missed it, and the card's process puts
in another one without waiting."""

_PARTS = 4


def phases(seed: int) -> Iterator[float]:
    """Seconds to wait before each insertion, for ever: from nought to pcscd's interval.

    What comes before an insertion keeps step with pcscd's looks, as its last event came with one;
    so without a wait each side of a comparison would meet them at a moment of its own. Of as many
    insertions as there are parts, one falls into each part of the interval, in a random order.
    """
    chance = random.Random(seed)  # noqa: S311 - Nothing secret hangs on it.
    while True:
        parts = list(range(_PARTS))
        chance.shuffle(parts)
        for part in parts:
            yield (part + chance.random()) / _PARTS * LOOKS


@dataclass
class Reader:
    """A pcscd, and a recorded card for its reader."""

    pcscd: Pcscd
    card: CardControl
    record: Record
    folder: Path
    """Of the card's process."""
    _free_at: float = field(default=0.0, init=False)
    """When the next card may be put in."""

    def insert(self, phase: float = 0.0) -> float:
        """Have the card put in when it has been out for long enough, this many seconds later;
        return when that was asked for: its process connects to the reader within a millisecond.
        """
        inserting = threading.Thread(target=self.card.insert, args=(TOKEN,), daemon=True)
        time.sleep(max(0.0, self._free_at - time.monotonic()) + phase)
        at = time.monotonic()
        inserting.start()
        return at

    def remove(self) -> None:
        """Take the card out."""
        self.card.remove()
        self._free_at = time.monotonic() + _OUT

    def reset(self, pace: Pace) -> None:
        """Take the card out, and have it behave, with this pace."""
        self.card.hang(False)
        self.remove()
        pace.write(self.folder)
