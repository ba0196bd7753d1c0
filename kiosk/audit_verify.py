"""Reading the audit journal back: its last lines, and whether it is still as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kiosk.audit import (
    HEALED,
    NAME,
    SET_ASIDE,
    AuditError,
    Line,
    Record,
    breaks,
    damaged_files,
    end_of_lines,
    journal_files,
    lines_from_the_end,
    lines_of,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is not as it was written, or that says so of a file."""

    file: str
    line: int
    """Counted from 1."""
    text: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of reading the whole journal."""

    records: int
    first: int
    """Number of the first line that is left; 0 if there is none."""
    last: int
    healed: tuple[Record, ...]
    """Lines that say that a torn one was cut off."""
    torn: int
    """Bytes at the end that are no line yet. The kiosk's next start cuts them off."""
    faults: tuple[Fault, ...]

    @property
    def in_order(self) -> bool:
        """Whether nothing is missing or changed between the first and the last line."""
        return not self.faults


def verify(directory: Path) -> Verification:
    """Read the whole journal and check that each line follows from the one before.

    Raises:
        AuditError: the folder or a file cannot be read.
    """
    faults: list[Fault] = []
    records: list[Record] = []
    before: Line | None = None
    torn = 0
    try:
        contents = [(file.name, file.read_bytes()) for file in journal_files(directory)]
        damaged = [(file.name, file.read_bytes()) for file in damaged_files(directory)]
    except OSError as error:
        raise AuditError(directory, error.strerror or type(error).__name__) from None
    for name, data in contents:
        end = end_of_lines(data)
        lines = list(lines_of(data[:end]))
        torn = len(data) - end
        faults += [Fault(name, number, text) for number, text in breaks(lines, before)]
        faults += [
            Fault(name, number, f"{line.record.detail} was damaged and is set aside")
            for number, line in enumerate(lines, start=1)
            if line.record is not None and line.record.what == SET_ASIDE
        ]
        if torn and name != NAME:
            faults.append(Fault(name, len(lines) + 1, "torn"))
        records += [line.record for line in lines if line.record is not None]
        before = lines[-1] if lines else before
    told = {record.detail for record in records if record.what == SET_ASIDE}
    for name, data in damaged:
        if name not in told:
            faults.append(Fault(name, 1, "set aside, and no line says so"))
        read = lines_of(data[: end_of_lines(data)])
        faults += [Fault(name, number, text) for number, text in breaks(read, None)]
    return Verification(
        records=len(records),
        first=records[0].seq if records else 0,
        last=records[-1].seq if records else 0,
        healed=tuple(record for record in records if record.what == HEALED),
        torn=torn,
        faults=tuple(faults),
    )


def newest(directory: Path, lines: int) -> list[Record]:
    """Return the last lines, the oldest of them first; what cannot be read is left out.

    Raises:
        AuditError: the folder or a file cannot be read.
    """
    return list(islice(newest_first(directory), lines))[::-1]


def newest_first(directory: Path) -> Iterator[Record]:
    """The lines from the end on, one by one: all of them at once take many times the files. What
    cannot be read is left out.

    Raises:
        AuditError: the folder or a file cannot be read.
    """
    try:
        for file in reversed(journal_files(directory)):
            for line in lines_from_the_end(file.read_bytes()):
                if line.record is not None:
                    yield line.record
    except OSError as error:
        raise AuditError(directory, error.strerror or type(error).__name__) from None
