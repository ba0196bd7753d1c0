"""What a virtual card does instead of answering: garbage, a bare status word, or nothing."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from kiosk.sandbox.piv import VERIFY, ins_of, presents_pin

_STRANGE_WORDS = (0x0000, 0xFFFF, 0x6000, 0x61FF, 0x6CFF, 0x6F00, 0x6FFF, 0x9999)
"""Status words that ISO/IEC 7816-4 forbids, that promise data, or that say nothing."""
_LONGEST = 256
"""Bytes of an answer's data in a short command."""


@dataclass(slots=True)
class _Order:
    """Something a card was told to do, with every command or with one instruction.

    VERIFY means the one that carries a PIN: a driver sends an empty one, which only asks
    for the tries left, at any time.
    """

    on: bool = False
    ins: int | None = None

    def applies(self, apdu: bytes) -> bool:
        if not self.on or self.ins is None:
            return self.on
        return ins_of(apdu) == self.ins and (self.ins != VERIFY or presents_pin(apdu))


class Misbehaviour:
    """A card's orders. Of several that apply, hanging comes first, then garbage."""

    def __init__(self) -> None:
        self._hanging = _Order()
        self._released = asyncio.Event()
        self._babbling = _Order()
        self._random = random.Random(0)  # noqa: S311
        self._refusing = _Order()
        self._word = 0

    def hang(self, on: bool, ins: int | None = None) -> None:
        """Be silent at these commands; off: answer the one that waits, and all after it."""
        self._hanging = _Order(on, ins)
        # Whoever waits looks again whether it still has to.
        self._released.set()
        self._released = asyncio.Event()

    def babble(self, on: bool, ins: int | None = None, seed: int = 0) -> None:
        """Answer these commands with garbage, the same for the same seed."""
        self._babbling = _Order(on, ins)
        self._random = random.Random(seed)  # noqa: S311

    def refuse(self, word: int, ins: int | None = None) -> None:
        """Answer these commands with this status word alone; 0: no more."""
        self._refusing = _Order(bool(word), ins)
        self._word = word

    async def answer(self, apdu: bytes) -> bytes | None:
        """What is answered instead of doing what was asked; None: nothing is wrong."""
        while self._hanging.applies(apdu):
            await self._released.wait()
        if self._babbling.applies(apdu):
            return _garbage(self._random)
        if self._refusing.applies(apdu):
            return self._word.to_bytes(2, "big")
        return None


def _garbage(source: random.Random) -> bytes:
    """An answer of at least one byte: an empty one would mean that the card is gone."""
    noise = source.randbytes(source.randint(1, _LONGEST))
    word = source.choice(_STRANGE_WORDS).to_bytes(2, "big")
    match source.randrange(5):
        case 0:
            return noise
        case 1:
            return noise[:1]
        case 2:
            return word
        case 3:
            return noise + b"\x90\x00"
        case _:
            # A TLV that promises more than there is.
            return b"\x53\x82\x7f\xff" + noise[:-4] + b"\x90\x00"
