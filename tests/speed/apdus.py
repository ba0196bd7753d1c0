"""The virtual card with a record of its commands, and with the pace of a real token.

A process like `kiosk.sandbox.card`: python -m tests.speed.apdus …
Beside its control socket are its record, `apdus`, and its `Pace`, which it looks at whenever it
is powered.
"""

from __future__ import annotations

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

RECORD, PACE = "apdus", "pace"
"""Names of the files beside the control socket."""

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


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a card takes. Milliseconds."""

    command: int = 0
    """For each command."""
    signature: int = 0
    """For a signature besides."""

    def seconds(self, apdu: bytes) -> float:
        """For this command."""
        signs = Apdu(0, 0, apdu[:4].hex(), 0, "").signs
        return (self.command + (self.signature if signs else 0)) / 1000

    def write(self, folder: Path) -> None:
        """Have the card with its control socket there take that long from its next power-up on."""
        new = folder / f"{PACE}.new"
        new.write_text(f"{self.command} {self.signature}\n", encoding="ascii")
        new.replace(folder / PACE)

    @classmethod
    def read(cls, folder: Path) -> Pace:
        """What was written there.

        Raises:
            OSError, ValueError: nothing was, or no pace.
        """
        command, signature = (folder / PACE).read_text(encoding="ascii").split()
        return cls(int(command), int(signature))


@contextmanager
def recorded_card(directory: Path, folder: Path, port: int) -> Iterator[tuple[CardProcess, Record]]:
    """A card's process that writes down what it is asked, and answers at once.

    Args:
        directory: the sandbox's PKI.
        folder: for the control socket, the record and the pace.
        port: of the virtual reader.
    """
    record = folder / RECORD
    record.touch()
    Pace().write(folder)
    process = CardProcess(directory, folder / "control", port=port, program="tests.speed.apdus")
    with process:
        yield process, Record(record)


class RecordedApplet(PivApplet):
    """A PIV application that takes its time and writes down what it was asked."""

    folder: ClassVar[Path]
    """Where record and pace are."""
    _record: ClassVar[int] = -1
    """Descriptor of the record's file; negative until it is opened."""
    _pace = Pace()

    def transmit(self, apdu: bytes) -> bytes:
        """See `PivApplet`."""
        came = time.monotonic()
        answer = super().transmit(apdu)
        # Nothing else is asked of the card meanwhile, so its process may be held up.
        time.sleep(max(0.0, came + self._pace.seconds(apdu) - time.monotonic()))
        header = apdu[:4].hex()
        self._write(Apdu(came, time.monotonic(), header, len(apdu) - 4, answer[-2:].hex()))
        return answer

    def reset(self) -> None:
        """See `PivApplet`."""
        super().reset()
        self._pace = Pace.read(self.folder)
        now = time.monotonic()
        self._write(Apdu(now, now, POWER, 0, "0000"))

    def _write(self, apdu: Apdu) -> None:
        if self._record < 0:
            RecordedApplet._record = os.open(self.folder / RECORD, os.O_WRONLY | os.O_APPEND)
        os.write(self._record, apdu.as_line().encode("ascii"))


def serve(
    directory: Path, control_socket: Path, port: int, token: str | None, parent: int | None
) -> None:
    """Run the card; see `kiosk.sandbox.card_server.run`."""
    RecordedApplet.folder = control_socket.parent
    run(directory, control_socket, port, token, parent, make=RecordedApplet)


if __name__ == "__main__":
    sys.exit(main(serve=serve))
