"""Whether a card has been in its reader without a break, as PC/SC tells it.

PC/SC counts what happens to each reader. While the count stays the same, the card in this reader
was not changed, whatever a module remembers of it: OpenSC answers for the serial number from
memory. Asking costs the card no command, and it is never connected to.

A USB token brings its reader along, and the count of a reader that is plugged in begins at nought
(pcsc-lite, readerfactory.c): two tokens of one make that were changed for each other between two
questions would look like one. The kiosk's own watch sees the reader go; and the other token does
not have the certificate that a login looks for, nor the session that signs.

Runs in the helper process only.
"""

from __future__ import annotations

import msgspec

from kiosk.hardware.readers import (
    MUTE,
    PRESENT,
    Pcsc,
    PcscReader,
    PcscUnavailable,
    SystemPcsc,
)


class Stay(msgspec.Struct, frozen=True):
    """One stay of a card in a reader: equal as long as it lasts."""

    context: int
    """Number of the connection to PC/SC that told it: one that has restarted counts anew."""
    events: int
    """PC/SC's count of what has happened to the reader."""


class Stays:
    """Asks PC/SC, over a connection that is kept."""

    def __init__(self, pcsc: Pcsc | None = None) -> None:
        self._pcsc: Pcsc = pcsc or SystemPcsc()
        self._context = 0
        self._established = False

    def prepare(self) -> None:
        """Connect to PC/SC, if it is there, so that the first question does not wait for that."""
        if self._established:
            return
        try:
            self._pcsc.establish()
        except (PcscUnavailable, ImportError):
            return
        self._context += 1
        self._established = True

    def of(self, reader: str) -> Stay | None:
        """The stay of the card in this reader; None if there is none, or PC/SC does not tell."""
        self.prepare()
        if not self._established:
            return None
        try:
            found = self._pcsc.changes((PcscReader(reader, 0),), 0)
        except PcscUnavailable:
            self._pcsc.release()
            self._established = False
            return None
        for one in found:
            if one.name == reader and one.event_state & PRESENT and not one.event_state & MUTE:
                return Stay(self._context, one.event_state >> 16)
        return None
