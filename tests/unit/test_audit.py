"""The audit journal: what is written stays, in order, and what was torn or changed is seen."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.audit import NAME, NO_LINE, AuditError, Journal, Record, mask_tax_code
from kiosk.audit_verify import Fault, newest, verify


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    journal.open()
    yield journal
    journal.close()


def fill(journal: Journal, lines: int) -> None:
    for number in range(lines):
        journal.append("effect begun", visit="abc", effect="sign", count=number + 1)


def test_lines_are_numbered_and_follow_from_each_other(tmp_path: Path, journal: Journal) -> None:
    fill(journal, 3)
    lines = [json.loads(line) for line in (tmp_path / NAME).read_text().splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert set(lines[1]) == {"seq", "time", "what", "visit", "effect", "count", "prev"}
    found = verify(tmp_path)
    assert (found.records, found.first, found.last, found.in_order) == (3, 1, 3, True)
    assert [record.count for record in newest(tmp_path, 2)] == [2, 3]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "audit")
    journal.append("started")
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "audit" / NAME).stat().st_mode & 0o777 == 0o600


def test_a_line_is_on_the_disk_before_append_returns(tmp_path: Path) -> None:
    """The system calls, as the kernel sees them: written, synced, and only then the answer."""
    program = (
        "import os, sys; from pathlib import Path; from kiosk.audit import Journal\n"
        f"journal = Journal(Path({str(tmp_path)!r})); journal.open()\n"
        "journal.append('started'); os.write(1, b'answered')"
    )
    trace = tmp_path / "trace"
    subprocess.run(
        [
            "strace",
            "-f",
            "-e",
            "trace=write,fdatasync",
            "-o",
            str(trace),
            sys.executable,
            "-c",
            program,
        ],
        check=True,
        capture_output=True,
    )
    calls = [line.split(maxsplit=1)[1] for line in trace.read_text().splitlines()]
    order = [
        next(n for n, call in enumerate(calls) if call.startswith(start))
        for start in ('write(3, "{\\"seq\\":1', "fdatasync(3)", 'write(1, "answered"')
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("torn", [b'{"seq":4,"time":"20', b"\0" * 4096, b"\0" * 10 + b"\n", b"{"])
def test_a_torn_last_line_is_cut_off_and_reported(
    tmp_path: Path, journal: Journal, torn: bytes
) -> None:
    fill(journal, 3)
    journal.close()
    with (tmp_path / NAME).open("ab") as file:
        file.write(torn)
    assert verify(tmp_path).torn == len(torn)
    again = Journal(tmp_path)
    assert again.open() == len(torn)
    again.append("started")
    found = verify(tmp_path)
    assert found.in_order
    assert found.torn == 0
    assert found.last == 5
    assert [record.count for record in found.healed] == [len(torn)]


def test_a_file_that_was_set_aside_on_a_full_disk_is_told_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / NAME).write_bytes(b"something else\n")
    journal = Journal(tmp_path)
    begin = Journal._begin

    def full(self: Journal) -> tuple[int, bytes]:
        if not (tmp_path / NAME).exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return begin(self)

    monkeypatch.setattr(Journal, "_begin", full)
    with pytest.raises(AuditError):
        journal.append("started")
    monkeypatch.setattr(Journal, "_begin", begin)
    journal.append("started")
    (kept,) = tmp_path.glob("damaged-*")
    assert [(record.what, record.detail) for record in newest(tmp_path, 10)] == [
        ("set aside", kept.name),
        ("started", ""),
    ]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda lines: [lines[0], b"something else\n", *lines[2:]], id="foreign line"),
        pytest.param(lambda lines: [*lines, b"something else\n"], id="foreign last line"),
        pytest.param(lambda lines: [lines[0], b"\0" * 60 + b"\n", *lines[2:]], id="zeros between"),
        pytest.param(lambda lines: [lines[0], *lines[2:]], id="line taken out"),
        pytest.param(lambda lines: [*lines[:2], b"\xff\n", *lines[2:], b"{"], id="torn as well"),
    ],
)
def test_a_damaged_file_is_kept_as_it_is_and_told(
    tmp_path: Path, journal: Journal, damage: Callable[[list[bytes]], list[bytes]]
) -> None:
    fill(journal, 4)
    journal.close()
    path = tmp_path / NAME
    content = b"".join(damage(path.read_bytes().splitlines(keepends=True)))
    path.write_bytes(content)
    again = Journal(tmp_path)
    assert again.open() == 0
    again.append("started")
    again.close()
    kept = tmp_path / "damaged-0000000005.jsonl"
    assert kept.read_bytes() == content
    new = newest(tmp_path, 10)
    assert [(record.what, record.seq, record.detail) for record in new] == [
        ("set aside", 5, kept.name),
        ("started", 6, ""),
    ]
    faults = verify(tmp_path).faults
    assert faults[0] == Fault(NAME, 1, f"{kept.name} was damaged and is set aside")
    assert {fault.file for fault in faults[1:]} == {kept.name}
    # It is not set aside again at the next start, and an older one is never written over.
    assert Journal(tmp_path).open() == 0
    assert newest(tmp_path, 10) == new
    path.write_bytes(b"nothing of ours\n")
    Journal(tmp_path).open()
    assert kept.read_bytes() == content
    assert len(list(tmp_path.glob("damaged-*"))) == 2


def test_what_was_set_aside_is_told_although_its_line_is_lost(tmp_path: Path) -> None:
    (tmp_path / "damaged-0000000001.jsonl").write_bytes(b"something else\n")
    Journal(tmp_path).append("started")
    assert [fault.text for fault in verify(tmp_path).faults] == [
        "set aside, and no line says so",
        "no record",
    ]


def test_what_was_set_aside_does_not_fill_the_disk(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / NAME).write_bytes(b"nothing of ours %d\n" % number)
        Journal(tmp_path, files=2).open()
    kept = sorted(tmp_path.glob("damaged-*"))
    assert [file.read_bytes()[-2:-1] for file in kept] == [b"3", b"4"]


def test_a_new_file_never_takes_the_name_of_an_older_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=4096)
    fill(journal, 5)
    older = tmp_path / "audit-0000000001.jsonl"
    older.write_bytes(b"of another kiosk\n")
    # Made for a rotation that the power cut; it holds nothing, and its name may be used.
    (tmp_path / "audit-0000000002.jsonl").touch()
    fill(journal, 60)
    assert older.read_bytes() == b"of another kiosk\n"
    assert (tmp_path / "audit-0000000002.jsonl").stat().st_size >= 4096
    assert newest(tmp_path, 1)[0].seq == 65


@pytest.mark.parametrize("truncation", ["works", "fails as well"])
def test_what_is_said_not_to_be_written_does_not_stay(tmp_path: Path, truncation: str) -> None:
    """The disk refuses the third sync, and perhaps to shorten the file again."""
    folder = tmp_path / "audit"
    program = f"""
from pathlib import Path
from kiosk.audit import AuditError, Journal
journal = Journal(Path({str(folder)!r}))
journal.append("started")
journal.append("effect begun", effect="send")
try:
    journal.append("effect done", effect="send")
except AuditError as error:
    print(error.reason)
journal.append("stopped")
"""
    faults = ["-e", "inject=fdatasync:error=EIO:when=3"]
    if truncation != "works":
        faults += ["-e", "inject=ftruncate:error=EIO:when=1"]
    done = subprocess.run(
        ["strace", "-f", "-o", str(tmp_path / "trace"), *faults, sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "Input/output error\n"
    written = [record.what for record in newest(folder, 10)]
    healed = [] if truncation == "works" else ["healed"]
    assert written == ["started", "effect begun", *healed, "stopped"]
    assert verify(folder).in_order


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (b'{"seq":4,"time":"20', ("healed", 19, "")),
        (b"something else\n", ("set aside", 0, "damaged-0000000004.jsonl")),
    ],
)
def test_a_repair_is_told_although_the_disk_refuses_the_line_at_first(
    tmp_path: Path, found: bytes, told: tuple[str, int, str]
) -> None:
    folder = tmp_path / "audit"
    journal = Journal(folder)
    fill(journal, 3)
    journal.close()
    with (folder / NAME).open("ab") as file:
        file.write(found)
    program = f"""
from pathlib import Path
from kiosk.audit import AuditError, Journal
journal = Journal(Path({str(folder)!r}))
try:
    journal.append("started")
except AuditError as error:
    print(error.reason)
journal.append("writable again")
journal.append("stopped")
"""
    faults = ["-e", "inject=fdatasync:error=ENOSPC:when=1"]
    done = subprocess.run(
        ["strace", "-f", "-o", str(tmp_path / "trace"), *faults, sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "No space left on device\n"
    written = [(record.what, record.count, record.detail) for record in newest(folder, 3)]
    assert written == [told, ("writable again", 0, ""), ("stopped", 0, "")]


def test_what_was_changed_or_taken_out_is_found(tmp_path: Path, journal: Journal) -> None:
    fill(journal, 4)
    path = tmp_path / NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b'"count":2', b'"count":9') + lines[2] + lines[3])
    assert [(fault.line, fault.file) for fault in verify(tmp_path).faults] == [(3, NAME)]
    path.write_bytes(lines[0] + lines[2] + lines[3])
    assert [fault.text for fault in verify(tmp_path).faults] == [
        "does not follow: line 3 after line 1"
    ]
    path.write_bytes(lines[0] + b"something else\n" + lines[2] + lines[3])
    assert [(fault.line, fault.text) for fault in verify(tmp_path).faults] == [(2, "no record")]


def test_old_files_go_and_the_chain_stays_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=4096, files=3)
    fill(journal, 200)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert len(names) == 3
    assert names[-1] == NAME
    found = verify(tmp_path)
    assert found.in_order
    assert found.last == 200
    assert found.first > 1
    assert names[0] == f"audit-{found.first:010d}.jsonl"


def test_it_goes_on_after_a_power_cut_in_the_middle_of_a_rotation(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=4096, files=3)
    fill(journal, 20)
    journal.close()
    (tmp_path / NAME).rename(tmp_path / "audit-0000000001.jsonl")
    Journal(tmp_path).append("started")
    found = verify(tmp_path)
    assert (found.in_order, found.first, found.last) == (True, 1, 21)


def test_lines_of_a_newer_version_are_kept(tmp_path: Path) -> None:
    line = b'{"seq":7,"time":"2027-01-01T00:00:00.000Z","what":"started","new":"field"}\n'
    (tmp_path / NAME).write_bytes(line)
    journal = Journal(tmp_path)
    assert journal.open() == 0
    journal.append("started")
    assert (tmp_path / NAME).read_bytes().startswith(line)
    assert verify(tmp_path).last == 8


def test_a_full_disk_says_so_and_loses_nothing(tmp_path: Path) -> None:
    """A real one, of 64 KiB, in a mount namespace of its own."""
    program = f"""
from pathlib import Path
from kiosk.audit import AuditError, Journal
from kiosk.audit_verify import verify
folder = Path({str(tmp_path)!r})
journal = Journal(folder, max_bytes=1 << 20)
written = 0
try:
    while True:
        journal.append("effect begun", detail="x" * 200)
        written += 1
except AuditError as error:
    print(error.reason)
(folder / "ballast").unlink()
journal.append("writable again")
found = verify(folder)
print(found.in_order, found.torn, found.last == written + 1)
"""
    script = f"mount -t tmpfs -o size=64k none {tmp_path} && "
    script += f"head -c 20000 /dev/zero >{tmp_path}/ballast && exec {sys.executable} -"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        input=program,
        capture_output=True,
        text=True,
        check=False,
    )
    reason, rest = done.stdout.splitlines()
    assert reason in ("No space left on device", "no space left")
    assert rest == "True 0 True"


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuditError) as caught:
        Journal(tmp_path / "file" / "audit").append("started")
    assert str(caught.value) == f"{tmp_path}/file/audit/{NAME}: Not a directory"


@pytest.mark.parametrize(
    ("whole", "masked"),
    [
        ("0100000003", "01******03"),
        ("0100000003-001", "01**********01"),
        ("123", "***"),
        ("", ""),
    ],
)
def test_a_tax_code_is_masked(whole: str, masked: str) -> None:
    assert mask_tax_code(whole) == masked


def test_reading_a_full_file_takes_little_more_memory_than_the_file(tmp_path: Path) -> None:
    """All its lines at once would be many times as much, and leave gaps that stay."""
    lines, before = [], NO_LINE
    for number in range(1, 8001):
        line = msgspec.json.encode(
            Record(seq=number, time="2026-11-27T08:00:00.000Z", what="effect begun", prev=before)
        )
        lines.append(line + b"\n")
        before = hashlib.sha256(line).hexdigest()[:32]
    size = sum(map(len, lines))
    (tmp_path / NAME).write_bytes(b"".join(lines))
    del lines
    tracemalloc.start()
    try:
        # The next line begins a new file.
        journal = Journal(tmp_path, max_bytes=size)
        journal.open()
        journal.append("started")
        journal.close()
        (record,) = newest(tmp_path, 1)
        last = [record.seq for record in newest(tmp_path, 3)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (record.seq, last) == (8001, [7999, 8000, 8001])
    assert len(list(tmp_path.iterdir())) == 2
    assert peak < 2.5 * size


def test_a_last_line_without_its_end_is_none(tmp_path: Path) -> None:
    """The next start cuts it off."""
    line = Record(seq=1, time="2026-11-27T08:00:00.000Z", what="effect begun", prev=NO_LINE)
    whole = msgspec.json.encode(line)
    (tmp_path / NAME).write_bytes(whole + b"\n" + whole)
    assert len(newest(tmp_path, 2)) == 1
