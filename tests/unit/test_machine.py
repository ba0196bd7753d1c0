"""Opening hours, staff's wish and the disk: what keeps a machine from serving."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from kiosk import problems
from kiosk.assembly import Settings
from kiosk.config import ConfigError
from kiosk.hours import OpeningHours, Span
from kiosk.machine import TAKEN_OUT, Condition, Machine

WEEK = OpeningHours(
    [[Span.parse("13:00-17:00"), Span.parse("07:30-11:30")]] * 5 + [[Span.parse("08:00-24:00")], []]
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone()


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-25T07:29:59", "2026-11-25T07:30:00"),
        ("2026-11-25T07:30:00", None),
        ("2026-11-25T11:29:59", None),
        ("2026-11-25T11:30:00", "2026-11-25T13:00:00"),
        ("2026-11-25T17:00:00", "2026-11-26T07:30:00"),
        ("2026-11-28T23:59:59", None),
        ("2026-11-29T12:00:00", "2026-11-30T07:30:00"),
    ],
)
def test_hours(now: str, opens: str | None) -> None:
    assert WEEK.next_opening(at(now)) == (at(opens) if opens else None)
    assert WEEK.is_open(at(now)) is (opens is None)


def test_without_hours_it_is_always_open() -> None:
    assert OpeningHours([[]] * 7).is_open(at("2026-11-29T03:00:00"))


@pytest.mark.parametrize("text", ["11:30-07:30", "07:30", "07:30-07:30", "25:00-26:00", "a-b"])
def test_spans_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Span.parse(text)


def test_a_closed_counter_says_when_it_opens() -> None:
    machine = Machine(hours=WEEK, now=lambda: at("2026-11-28T07:00:00"))
    assert machine.look() == Condition(problems.KIOSK_CLOSED, {"time": "08:00", "date": "28/11"})


@pytest.mark.parametrize("wish", ["take_out", "put_back"])
def test_what_staff_have_set_is_on_the_disk(tmp_path: Path, wish: str) -> None:
    """The system calls, as the kernel sees them: the folder is synced before the answer."""
    state = tmp_path / "state"
    state.mkdir()
    if wish == "put_back":
        (state / TAKEN_OUT).touch()
    program = (
        "import os; from pathlib import Path; from kiosk.machine import Machine\n"
        f"Machine(Path({str(state)!r})).{wish}(); os.write(1, b'answered')"
    )
    trace = tmp_path / "trace"
    watch = ["strace", "-f", "-y", "-e", "trace=openat,unlink,fsync,write", "-o", str(trace)]
    subprocess.run(
        [*watch, sys.executable, "-c", program],
        check=True,
        capture_output=True,
    )
    calls = trace.read_text()
    changed = calls.index(f"{state}/{TAKEN_OUT}")
    synced = calls.index(f"<{state}>) = 0", changed)
    assert "fsync(" in calls[changed:synced]
    assert "answered" in calls[synced:]


def test_what_staff_have_set_stays_over_a_restart(tmp_path: Path) -> None:
    Machine(tmp_path).take_out()
    assert Machine(tmp_path).look().problem is problems.KIOSK_TAKEN_OUT
    Machine(tmp_path).put_back()
    Machine(tmp_path).put_back()
    assert Machine(tmp_path).look().problem is None


def test_a_disk_with_too_little_room(tmp_path: Path) -> None:
    free = Machine(tmp_path).free
    assert free
    assert Machine(tmp_path, least_free=free * 2).look().problem is problems.KIOSK_DISK
    assert Machine(tmp_path / "missing").look().problem is problems.KIOSK_DISK
    assert Machine(tmp_path).look().problem is None


def test_hours_in_the_configuration_are_checked(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "config"
    for name in ("tokens.toml", "webmail.toml"):
        (tmp_path / name).write_bytes((shipped / name).read_bytes())
    path = tmp_path / "kiosk.toml"
    start = '[kiosk]\nid = "k1"\n[service]\nurl = "https://bhxh.example"\n[hours]\n'
    path.write_text(start + 'monday = ["07:30-11:30", "13:00-17:00"]\n')
    assert not Settings.load(path).hours.always
    path.write_text(start + 'monday = ["11:30-07:30"]\n')
    with pytest.raises(ConfigError) as caught:
        Settings.load(path)
    assert caught.value.where == "hours.monday"
    assert caught.value.found == "['11:30-07:30']"
