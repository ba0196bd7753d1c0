"""The virtual card with a record of its commands, and with the pace of a real token.

A process like `kiosk.sandbox.card`: python -m tests.speed.apdus …
The environment says where the record goes, and how slow the card is.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kiosk.sandbox.card import CardProcess, Instruction, main
from kiosk.sandbox.card_server import run
from kiosk.sandbox.piv import PivApplet

RECORD = "KIOSK_SPEED_APDUS"
"""Names the file that the record is written to."""
COMMAND_TIME = "KIOSK_SPEED_COMMAND_MS"
"""Milliseconds that the card takes for a command; none if it is not set."""
SIGNATURE_TIME = "KIOSK_SPEED_SIGNATURE_MS"
"""Milliseconds that it takes for a signature besides."""

POWER = "power"
"""Stands for a command's header where the card was powered or reset."""


@dataclass(frozen=True, slots=True)
class Apdu:
    """One command that the card answered. Of its data, only the length is known: it may be a PIN.

    Times are seconds of CLOCK_MONOTONIC, which is the same in all processes.
    """

    came: float
    """When the card had the whole command."""
    answered: float
    """When the answer was ready to be sent."""
    header: str
    """CLA INS P1 P2 in hexadecimal, or `POWER`."""
    length: int
    """Bytes of the command after its header."""
    status: str
    """SW1 SW2 in hexadecimal."""

    @property
    def seconds(self) -> float:
        """How long the card took."""
        return self.answered - self.came

    @property
    def signs(self) -> bool:
        """Whether it is the last command that a signature takes: what comes before it, of a
        chain, has bit 5 of CLA set."""
        return self.header.startswith(f"00{Instruction.GENERAL_AUTHENTICATE:02x}")

    def as_line(self) -> str:
        """For the record."""
        return f"{self.came:.7f} {self.answered:.7f} {self.header} {self.length} {self.status}\n"

    @classmethod
    def of_line(cls, line: str) -> Apdu:
        """From the record.

        Raises:
            ValueError: it is no line of a record.
        """
        came, answered, header, length, status = line.split()
        return cls(float(came), float(answered), header, int(length), status)


def apdus_of(text: str) -> list[Apdu]:
    """The commands of a record; its last line may not be whole yet."""
    found = map(Apdu.of_line, text[: text.rfind("\n") + 1].splitlines())
    return [one for one in found if one.header != POWER]


def card_time(apdus: Iterable[Apdu]) -> float:
    """Seconds that the card itself took for these commands."""
    return sum(one.seconds for one in apdus)


class Record:
    """The record of a card's process, as others read it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def mark(self) -> int:
        """Where the record ends now."""
        return self._path.stat().st_size

    def since(self, mark: int) -> list[Apdu]:
        """The commands that were answered since then."""
        with self._path.open(encoding="ascii") as file:
            file.seek(mark)
            return apdus_of(file.read())


@contextmanager
def recorded_card(
    directory: Path, folder: Path, port: int, *, command_ms: int = 0, signature_ms: int = 0
) -> Iterator[tuple[CardProcess, Record]]:
    """A card's process that writes down what it is asked, and takes that long for it.

    Args:
        directory: the sandbox's PKI.
        folder: for the control socket and the record.
        port: of the virtual reader.
        command_ms: milliseconds for each command.
        signature_ms: and for a signature besides.
    """
    record = folder / "apdus"
    record.touch()
    settings = {
        RECORD: str(record),
        COMMAND_TIME: str(command_ms),
        SIGNATURE_TIME: str(signature_ms),
    }
    process = CardProcess(directory, folder / "control", port=port, program="tests.speed.apdus")
    os.environ.update(settings)
    try:
        process.start()
    finally:
        for name in settings:
            del os.environ[name]
    try:
        yield process, Record(record)
    finally:
        process.stop()


class RecordedApplet(PivApplet):
    """A PIV application that takes its time and writes down what it was asked."""

    _record: ClassVar[int] = -1
    """Descriptor of the record's file; negative until it is opened."""

    def transmit(self, apdu: bytes) -> bytes:
        """See `PivApplet`."""
        came = time.monotonic()
        answer = super().transmit(apdu)
        header = apdu[:4].hex()
        took = float(os.environ.get(COMMAND_TIME, "0"))
        if Apdu(0, 0, header, 0, "").signs:
            took += float(os.environ.get(SIGNATURE_TIME, "0"))
        # Nothing else is asked of the card meanwhile, so its process may be held up.
        time.sleep(max(0.0, came + took / 1000 - time.monotonic()))
        self._write(Apdu(came, time.monotonic(), header, len(apdu) - 4, answer[-2:].hex()))
        return answer

    def reset(self) -> None:
        """See `PivApplet`."""
        super().reset()
        now = time.monotonic()
        self._write(Apdu(now, now, POWER, 0, "0000"))

    def _write(self, apdu: Apdu) -> None:
        if self._record < 0:
            RecordedApplet._record = os.open(os.environ[RECORD], os.O_WRONLY | os.O_APPEND)
        os.write(self._record, apdu.as_line().encode("ascii"))


if __name__ == "__main__":
    sys.exit(main(serve=functools.partial(run, make=RecordedApplet)))
