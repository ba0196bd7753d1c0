"""The audit journal: what the kiosk did, line by line, and nothing of whom it was for.

JSON lines, only ever appended, each synced to the disk before the kiosk goes on. Every line
carries the hash of the line before, so that one that was taken out or changed is seen. A line
that a power cut has torn is cut off at the next start, and that is a line of its own.

What a line may hold is `Record` and no more: no PIN, username, address or name has a field.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

NAME = "audit.jsonl"
"""The file that is written to; older ones are `audit-<number of the first line>.jsonl`."""

NO_LINE = ""
"""What stands for the hash of the line before the first one."""


class AuditError(Exception):
    """The journal cannot be written or read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. Fields that say nothing are left out; those that a newer version of the kiosk
    has written are passed over."""

    seq: int
    """Number of the line, one more than that of the line before."""
    time: str
    """UTC, ISO 8601, by the kiosk's clock."""
    what: str
    """What happened: `visit begun`, `effect begun`, `effect done`, `visit ended`, …"""
    visit: str = ""
    """Random name of the visit, made for this journal only."""
    effect: str = ""
    """The effect that began or is done (`kiosk.flow.Effect`)."""
    outcome: str = ""
    """What came of it: the event's name, or a problem's code."""
    reference: str = ""
    """The service's number for the reset."""
    tax_code: str = ""
    """Masked."""
    detail: str = ""
    """Version of the program, place of a fault: the kiosk's own words."""
    count: int = 0
    """Bytes that were cut off; number of the try."""
    prev: str = NO_LINE
    """SHA-256 of the line before, its first 32 hexadecimal digits."""


def mask_tax_code(tax_code: str) -> str:
    """Leave the first and the last two characters, which tell staff whether they speak of the
    same visit, and nobody whose it was."""
    if len(tax_code) <= 4:
        return "*" * len(tax_code)
    return tax_code[:2] + "*" * (len(tax_code) - 4) + tax_code[-2:]


class Journal:
    """Appends to the journal in a folder. Any thread may."""

    def __init__(self, directory: Path, *, max_bytes: int = 1 << 20, files: int = 24) -> None:
        """Make a journal; nothing is read or written before `open`.

        Args:
            directory: is made if it is missing.
            max_bytes: size at which a new file is begun.
            files: how many are kept with the one that is written to; the oldest one goes.
        """
        self.directory = directory
        self._path = directory / NAME
        self._max_bytes = max_bytes
        self._files = files
        self._lock = threading.Lock()
        self._descriptor = -1
        self._size = 0
        self._seq = 0
        self._prev = NO_LINE

    def open(self) -> int:
        """Go to the end of the journal and cut off what is torn.

        Returns:
            The number of bytes that were cut off; a line says so as well.

        Raises:
            AuditError: the folder or the file cannot be used.
        """
        with self._lock:
            return self._open()

    def append(self, what: str, **facts: Any) -> None:
        """Write one line, and return when it is on the disk.

        Args:
            what: see `Record.what`.
            facts: other fields of `Record`.

        Raises:
            AuditError: it could not be written. Nothing of it stays, and the next one may.
        """
        with self._lock:
            if self._descriptor < 0:
                self._open()
            self._append(what, facts)

    def close(self) -> None:
        """Write no more."""
        with self._lock:
            self._close()

    def _open(self) -> int:
        self._close()
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(
                self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            data = self._path.read_bytes()
            end, last = _last_line(data)
            if last is None and (older := _files(self.directory)[:-1]):
                _, last = _last_line(older[-1].read_bytes())
            torn = len(data) - end
            if torn:
                os.ftruncate(self._descriptor, end)
            self._size = end
            self._seq = last.record.seq if last else 0
            self._prev = last.digest if last else NO_LINE
            _sync_folder(self.directory)
        except OSError as error:
            self._close()
            raise AuditError(self._path, error.strerror or type(error).__name__) from None
        if torn:
            self._append("healed", {"count": torn})
        return torn

    def _append(self, what: str, facts: dict[str, Any]) -> None:
        if self._size >= self._max_bytes:
            self._rotate()
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = Record(seq=self._seq + 1, time=now, what=what, prev=self._prev, **facts)
        line = msgspec.json.encode(record)
        data = line + b"\n"
        try:
            written = os.write(self._descriptor, data)
            if written != len(data):
                os.ftruncate(self._descriptor, self._size)
                raise AuditError(self._path, "no space left")
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._forget(error)
        self._size += len(data)
        self._seq += 1
        self._prev = _digest(line)

    def _forget(self, error: OSError) -> None:
        """Nobody knows what of the line is on the disk: look again before the next one."""
        self._close()
        raise AuditError(self._path, error.strerror or type(error).__name__) from None

    def _rotate(self) -> None:
        """Begin a new file, and drop the oldest."""
        try:
            first = _first_seq(self._path.read_bytes())
            self._path.rename(self.directory / f"audit-{first:010d}.jsonl")
            for old in _files(self.directory)[: -(self._files - 1) or None]:
                old.unlink()
        except OSError as error:
            self._forget(error)
        seq, prev = self._seq, self._prev
        self._open()
        self._seq, self._prev = seq, prev

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is not as it was written."""

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
    healed: list[Record] = []
    first = last = count = torn = 0
    prev: str | None = None
    try:
        files = _files(directory)
        contents = [file.read_bytes() for file in files]
    except OSError as error:
        raise AuditError(directory, error.strerror or type(error).__name__) from None
    for file, data in zip(files, contents, strict=True):
        end, _ = _last_line(data)
        torn = len(data) - end
        if torn and file.name != NAME:
            faults.append(Fault(file.name, data[:end].count(b"\n") + 1, "torn"))
        for number, line in enumerate(data[:end].splitlines(), start=1):
            record = _read(line)
            if record is None:
                faults.append(Fault(file.name, number, "no record"))
                prev = None
                continue
            count += 1
            if prev is not None and (record.seq != last + 1 or record.prev != prev):
                text = f"does not follow: line {record.seq} after line {last}"
                faults.append(Fault(file.name, number, text))
            first = first or record.seq
            last, prev = record.seq, _digest(line)
            if record.what == "healed":
                healed.append(record)
    return Verification(count, first, last, tuple(healed), torn, tuple(faults))


def newest(directory: Path, lines: int) -> list[Record]:
    """Return the last lines, the oldest of them first; what cannot be read is left out.

    Raises:
        AuditError: the folder or a file cannot be read.
    """
    found: list[Record] = []
    try:
        for file in reversed(_files(directory)):
            records = [_read(line) for line in file.read_bytes().splitlines()]
            found = [record for record in records if record is not None] + found
            if len(found) >= lines:
                break
    except OSError as error:
        raise AuditError(directory, error.strerror or type(error).__name__) from None
    return found[-lines:]


@dataclass(frozen=True, slots=True)
class _Line:
    record: Record
    digest: str


def _files(directory: Path) -> list[Path]:
    """The journal's files, the oldest first."""
    older = sorted(directory.glob("audit-*.jsonl"))
    current = directory / NAME
    return [*older, current] if current.exists() else older


def _read(line: bytes) -> Record | None:
    try:
        return msgspec.json.decode(line, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _backwards(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that have an end, the last one first, each with where it ends."""
    end = data.rfind(b"\n")
    while end >= 0:
        start = data.rfind(b"\n", 0, end) + 1
        yield end + 1, data[start:end]
        end = start - 1


def _last_line(data: bytes) -> tuple[int, _Line | None]:
    """Where the last whole line ends, and that line. After a power cut there may be half a
    line behind it, or a block of zeros."""
    for end, line in _backwards(data):
        record = _read(line)
        if record is not None:
            return end, _Line(record, _digest(line))
    return 0, None


def _first_seq(data: bytes) -> int:
    record = _read(data.split(b"\n", 1)[0])
    return record.seq if record else 0


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32]


def _sync_folder(directory: Path) -> None:
    """A new name in a folder is on the disk only when the folder is."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
