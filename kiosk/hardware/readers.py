"""Watches PC/SC: which readers there are and which cards are in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Card:
    """A card (or the card inside a USB token) in a reader."""

    reader: str
    atr: bytes
    """Answer to reset (ISO/IEC 7816-3). Empty when the card is mute."""
    insertions: int
    """PC/SC's event counter of the reader: a changed value under the same reader means
    that the card was out in between, even if nobody saw it leave."""
    mute: bool = False
    """The card gave no answer to reset."""


@dataclass(frozen=True, slots=True)
class ReaderState:
    """All readers at one moment. State, not events: two quick changes may be seen as one."""

    available: bool
    """Whether PC/SC answers at all."""
    readers: tuple[str, ...] = ()
    cards: tuple[Card, ...] = ()


class ReaderWatcher(Protocol):
    """Reports the state of the readers whenever it changes."""

    def start(self, report: Callable[[ReaderState], None]) -> None:
        """Begin to watch. `report` is called at once and at every change, from any thread."""

    def stop(self) -> None:
        """Stop; returns within a second. No report comes afterwards."""
