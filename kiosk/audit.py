"""The audit journal: what the kiosk did, line by line, and nothing of whom it was for.

JSON lines, only ever appended, each synced to the disk before the kiosk goes on. Every line
carries the hash of the line before, so that one that was taken out or changed is seen. A line
that a power cut has torn is cut off at the next start, and that is a line of its own. A file
with any other damage is not repaired: it is set aside as it is, and a new one says so.

What a line may hold is `Record` and no more: no PIN, username, address or name has a field.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from kiosk.disk import sync_folder

NAME = "audit.jsonl"
"""The file that is written to; older ones are `audit-<number of the first line>.jsonl`, those
that were set aside `damaged-<number>.jsonl`."""

# `Record.what`. Whoever reads old files knows these words, so they do not change.

STARTED = "started"
STOPPED = "stopped"
"""The kiosk has ended in an orderly way."""
CRASHED = "crashed"
VISIT_BEGUN = "visit begun"
VISIT_ENDED = "visit ended"
EFFECT_BEGUN = "effect begun"
EFFECT_DONE = "effect done"
MAIL_FOLLOWED = "mail followed"
"""What the service has told of a mail after the order."""
OUT_OF_SERVICE = "out of service"
IN_SERVICE = "in service"
"""It can serve again."""
WRITABLE_AGAIN = "writable again"
"""The line before it could not be written."""

HEALED = "healed"
"""A line that says how many bytes of a torn line were cut off before it."""

SET_ASIDE = "set aside"
"""The first line of a file: the one before was damaged, and this is what it is called now."""

# `Record.outcome`, beside the names of events and the codes of problems.

SENT = "sent"
CANCELLED = "cancelled"
"""The customer stopped."""
TIMED_OUT = "timed out"
"""Nobody answered whether more time was needed."""
INTERRUPTED = "interrupted"
"""The kiosk ended in the middle of the visit."""
BROKEN_OFF = "broken off"
"""The effect has not come to its end, and nobody knows what came of it."""

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
    """What happened: one of this module's words, or what staff did."""
    visit: str = ""
    """Random name of the visit, made for this journal only."""
    effect: str = ""
    """The effect that began or is done (`kiosk.flow.Effect`)."""
    outcome: str = ""
    """What came of it: the event's name, a problem's code, or one of this module's words."""
    reference: str = ""
    """The service's number for the reset."""
    tax_code: str = ""
    """Masked."""
    detail: str = ""
    """Version of the program, place of a fault, name of a file: the kiosk's own words."""
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
            files: how many are kept with the one that is written to; the oldest one goes. As
                many are kept of those that were set aside.
        """
        self.directory = directory
        self._path = directory / NAME
        self._max_bytes = max_bytes
        self._files = files
        self._lock = threading.Lock()
        self._descriptor = -1
        self._size = 0
        self._told: int | None = None
        """Length of the file without a line that is said not to be written and may be there."""
        self._first = 0
        """Number of the file's first line; 0 if it has none."""
        self._seq = 0
        self._prev = NO_LINE
        self._cut = 0
        """Bytes that were cut off, and no line says so yet."""
        self._damaged = ""
        """Name of a file that was set aside, and no line says so yet."""

    def open(self) -> int:
        """Go to the end of the journal and cut off what is torn; set a damaged file aside.

        Returns:
            The number of bytes that were cut off. A line says so as well, or that a file was
            set aside.

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
        torn = self._go_to_end()
        if self._damaged:
            self._append(SET_ASIDE, {"detail": self._damaged})
            self._damaged = ""
        if self._cut:
            self._append(HEALED, {"count": self._cut})
            self._cut = 0
        return torn

    def _go_to_end(self) -> int:
        """What `open` does, but for the lines that tell of it: those are due until they are
        written."""
        self._close()
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor, data = self._begin()
            end = end_of_lines(data[: self._told])
            if any(breaks(lines_of(data[:end]), None)):
                self._set_aside(data[:end])
                data, end = b"", 0
            torn = len(data) - end
            if torn:
                os.ftruncate(self._descriptor, end)
                self._cut += torn
            self._told = None
            self._size = end
            self._follow(data[:end])
            sync_folder(self.directory)
        except OSError as error:
            self._close()
            raise AuditError(self._path, error.strerror or type(error).__name__) from None
        return torn

    def _begin(self) -> tuple[int, bytes]:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600), self._path.read_bytes()

    def _follow(self, data: bytes) -> None:
        """Go on after the lines of the file, or after those of the file before it."""
        self._first = next((line.record.seq for line in lines_of(data) if line.record), 0)
        older = (file.read_bytes() for file in reversed(journal_files(self.directory)[:-1]))
        last = next(filter(None, map(_last, chain([data], older))), None)
        # What this process has written counts on, whatever has become of the files.
        if last is not None and last.record is not None and last.record.seq >= self._seq:
            self._seq, self._prev = last.record.seq, last.digest

    def _set_aside(self, data: bytes) -> None:
        """Keep the damaged file under a name of its own, and begin another."""
        last = _last(data)
        if last is not None and last.record is not None:
            self._seq = max(self._seq, last.record.seq)
        # Also behind those that have gone, so that the oldest one is always the first.
        newest = max((_number(file) for file in damaged_files(self.directory)), default=0)
        kept = _reserved(self.directory, "damaged", max(self._seq, newest) + 1)
        self._path.rename(kept)
        # From now on it has to be told, whatever fails.
        self._damaged = kept.name
        for old in damaged_files(self.directory)[: -self._files]:
            old.unlink()
        self._close()
        self._descriptor, _ = self._begin()

    def _append(self, what: str, facts: dict[str, Any]) -> None:
        if self._size >= self._max_bytes:
            self._rotate()
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = Record(seq=self._seq + 1, time=now, what=what, prev=self._prev, **facts)
        line = msgspec.json.encode(record)
        data = line + b"\n"
        try:
            if os.write(self._descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._forget(error)
        self._size += len(data)
        self._seq += 1
        self._first = self._first or self._seq
        self._prev = _digest(line)

    def _forget(self, error: OSError) -> None:
        """Take back what of the line may be in the file. Where that fails as well, the next
        `_open` does it."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._told = self._size
        self._close()
        raise AuditError(self._path, error.strerror or type(error).__name__) from None

    def _rotate(self) -> None:
        """Begin a new file, and drop the oldest."""
        try:
            self._path.rename(_reserved(self.directory, "audit", self._first))
            for old in journal_files(self.directory)[: -(self._files - 1) or None]:
                old.unlink()
        except OSError as error:
            self._forget(error)
        self._go_to_end()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)


class Line(msgspec.Struct, frozen=True, dict=True):
    """A line of the journal as it stands in the file, without its end."""

    text: bytes
    record: Record | None
    """None: it is none of ours."""

    @cached_property
    def digest(self) -> str:
        """What `Record.prev` of the next line has to be."""
        return _digest(self.text)


def journal_files(directory: Path) -> list[Path]:
    """The journal's files, the oldest first."""
    older = sorted(directory.glob("audit-*.jsonl"))
    current = directory / NAME
    return [*older, current] if current.exists() else older


def damaged_files(directory: Path) -> list[Path]:
    """The files that were set aside, the oldest first."""
    return sorted(directory.glob("damaged-*.jsonl"))


def _number(file: Path) -> int:
    digits = file.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def _reserved(directory: Path, kind: str, number: int) -> Path:
    """Make an empty file, for another to take its name: the first one that is free."""
    while True:
        path = directory / f"{kind}-{number:010d}.jsonl"
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            # An empty one was made before a power cut and never used.
            if path.stat().st_size:
                number += 1
                continue
        return path


def read_record(line: bytes) -> Record | None:
    """What a line says; None if it is none of ours."""
    try:
        return msgspec.json.decode(line, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def end_of_lines(data: bytes) -> int:
    """Where the last whole line ends. After a power cut there may be half a line behind it, and
    blocks that were never written and read as zeros, also within the last line."""
    end = data.rfind(b"\n") + 1
    start = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
    return start if b"\0" in data[start:end] else end


def lines_of(data: bytes) -> Iterator[Line]:
    """The lines that have an end, one by one: all of them at once take many times the file."""
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        text = data[start:end]
        yield Line(text, read_record(text))
        start = end + 1


def lines_from_the_end(data: bytes) -> Iterator[Line]:
    """What `lines_of` returns, the last of them first."""
    end = data.rfind(b"\n")
    while end >= 0:
        start = data.rfind(b"\n", 0, end) + 1
        text = data[start:end]
        yield Line(text, read_record(text))
        end = start - 1


def _last(data: bytes) -> Line | None:
    return next((line for line in lines_from_the_end(data) if line.record is not None), None)


def breaks(lines: Iterable[Line], before: Line | None) -> Iterator[tuple[int, str]]:
    """The lines that are none, or do not follow from the one before; counted from 1."""
    for number, line in enumerate(lines, start=1):
        record = line.record
        last = before.record if before is not None else None
        if record is None:
            yield number, "no record"
        elif number == 1 and record.what == SET_ASIDE:
            # What it would have to follow from is in the damaged file.
            pass
        elif (
            before is not None
            and last is not None
            and (record.seq != last.seq + 1 or record.prev != before.digest)
        ):
            yield number, f"does not follow: line {record.seq} after line {last.seq}"
        before = line


def _digest(line: bytes) -> str:
    # OpenSSL's library comes with it, and the first frame shall not wait for that.
    import hashlib  # noqa: PLC0415

    return hashlib.sha256(line).hexdigest()[:32]
