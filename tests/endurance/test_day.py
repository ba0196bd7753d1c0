"""A day and a night of idling: noon of a Friday to noon of a Saturday, on a clock that jumps.

The kiosk is the one of `kiosk run --unattended`, with its own audit journal, log and supervision.
Replaced are terminal, readers, driver and service; and systemd, which ends it at the hour of the
shipped timer and starts it again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest

from kiosk.audit import (
    IN_SERVICE,
    OUT_OF_SERVICE,
    STARTED,
    STOPPED,
    VISIT_BEGUN,
    VISIT_ENDED,
    Journal,
    journal_files,
)
from kiosk.audit_verify import newest, verify
from kiosk.config import TimeSection
from kiosk.problems import (
    KIOSK_CLOSED,
    KIOSK_NOT_KNOWN,
    KIOSK_SERVICE_UNTRUSTED,
    SERVICE_UNREACHABLE,
)
from kiosk.readiness import MACHINE_INTERVAL, RETRY_INTERVAL
from kiosk.supervision import CrashCounter
from kiosk.system_log import LONGEST
from tests.endurance.day import Day
from tests.endurance.day_certificates import DayCertificates, Ends
from tests.endurance.day_clock import DayClock
from tests.endurance.day_surroundings import DayService, Listener, restart_hour

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config"
VIETNAM = timezone(timedelta(hours=7))

START = datetime(2027, 3, 5, 12, tzinfo=VIETNAM)
END = START + timedelta(days=1)
FRIDAY, SATURDAY, MONDAY = (START.replace(hour=0) + timedelta(days=ahead) for ahead in (0, 1, 3))
HOURS = {"friday": ("07:30-11:30", "13:00-17:00"), "saturday": ("07:30-11:30",)}

DESERTED = FRIDAY.replace(hour=16, minute=59)
VISIT = timedelta(seconds=TimeSection().idle + TimeSection().question + TimeSection().goodbye)
"""How long a visit lasts in which nobody does anything."""
ENDS = Ends(
    customers_ca=FRIDAY.replace(hour=20, minute=15),
    service=SATURDAY.replace(hour=9, minute=7),
    client=SATURDAY.replace(hour=10, minute=7),
    renewed=timedelta(minutes=25),
)

ALTERNATE = 600.0
"""Seconds. The shipped 120 would be more of the same, and cost five times as much."""
HEALTH = 30.0
JOURNAL_BYTES = 4096
JOURNAL_FILES = 3
LONGEST_RECORD = 400
"""Bytes that no line of an idle kiosk's audit journal reaches."""
SOON = 1.0
"""Seconds, virtual ones, that a frame may take."""

CLOSED, OPEN = KIOSK_CLOSED.code, ""


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """A day that has not begun, after one that has filled the audit journal."""
    for name in ("tokens.toml", "webmail.toml"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    path = tmp_path / "kiosk.toml"
    hours = {**HOURS, "monday": HOURS["friday"]}
    path.write_text(
        '[kiosk]\nid = "k1"\nstate_directory = "state"\n'
        f'[service]\nurl = "https://127.0.0.1:9"\nhealth_interval = {HEALTH}\n'
        f"[screen]\nalternate = {ALTERNATE}\n"
        f"[audit]\nmax_bytes = {JOURNAL_BYTES}\nfiles = {JOURNAL_FILES}\nleast_free = 0\n"
        "[hours]\n" + "".join(f"{name} = {list(spans)}\n" for name, spans in hours.items()),
        encoding="utf-8",
    )
    clock = DayClock(START)
    certificates = DayCertificates(tmp_path, START, ENDS)
    service = DayService(clock, START, certificates)
    manager, journal = (Listener(tmp_path / name, clock) for name in ("systemd", "journald"))
    day = Day(path, clock, START, service, certificates, manager, journal, DESERTED, monkeypatch)
    monkeypatch.setenv("TZ", "ICT-7")
    time.tzset()
    clock.install(monkeypatch)
    before = Journal(audit(day), max_bytes=JOURNAL_BYTES, files=JOURNAL_FILES)
    while len(files := journal_files(audit(day))) < JOURNAL_FILES or (
        files[-1].stat().st_size < JOURNAL_BYTES * 3 / 4
    ):
        before.append(STARTED, detail="before the day")
    before.close()
    yield day
    manager.close()
    journal.close()
    monkeypatch.undo()
    time.tzset()


def audit(day: Day) -> Path:
    return day.path.parent / "state" / "audit"


def test_a_day(day: Day) -> None:
    restart = datetime.combine(SATURDAY.date(), restart_hour(), VIETNAM)
    day.live([restart], END)
    assert_restarted_once(day, restart)
    assert_hours_were_kept(day)
    assert_screen_said_so(day)
    assert_only_turns_were_drawn(day)
    assert_ends_of_certificates_were_told(day)
    assert_audit_journal_rotated(day)
    assert_log_was_quiet(day)
    assert_health_was_asked_for_in_turn(day)
    assert_nothing_grew(day)


def assert_restarted_once(day: Day, restart: datetime) -> None:
    first, second = day.runs
    assert [first.code, second.code] == [0, 0]
    assert 0 <= first.ended - day.seconds(restart) < SOON
    assert 0 <= second.ended - day.seconds(END) < SOON
    said = [text for _, text in day.manager.heard]
    assert said.count("READY=1") == said.count("STOPPING=1") == 2
    counter = CrashCounter(day.path.parent / "runtime")
    assert counter.started() == 0, "an end that was asked for is no crash"
    for run in day.runs:
        alive = [when for when, text in day.manager.heard if text == "WATCHDOG=1"]
        alive = [run.began, *(when for when in alive if run.began < when <= run.ended), run.ended]
        pauses = [after - before for before, after in pairwise(alive)]
        assert max(pauses) < day.watchdog / 4 + SOON


def statuses(day: Day) -> list[tuple[float, str]]:
    """When it told which problem keeps it out of service; none: in service."""
    told = [(when, text) for when, text in day.manager.heard if text.startswith("STATUS=")]
    return [(when, text.removeprefix("STATUS=").partition(": ")[2]) for when, text in told]


def expected_statuses(day: Day) -> list[tuple[float, str, float]]:
    """The same as it has to be: what is the case since when, and the delay with which it is told.

    A first frame is drawn before anything is known.
    """
    at_once = MACHINE_INTERVAL + SOON
    lost = HEALTH + RETRY_INTERVAL + SOON
    back = RETRY_INTERVAL + SOON
    found = [
        (day.seconds(FRIDAY.replace(hour=13)), OPEN, at_once),
        (day.seconds(DESERTED + VISIT), CLOSED, at_once),
        (day.seconds(SATURDAY.replace(hour=7, minute=30)), OPEN, at_once),
        (day.seconds(ENDS.service), KIOSK_SERVICE_UNTRUSTED.code, lost),
        (day.seconds(ENDS.service + ENDS.renewed), OPEN, back),
        (day.seconds(ENDS.client), KIOSK_NOT_KNOWN.code, lost),
        (day.seconds(ENDS.client + ENDS.renewed), OPEN, back),
        (day.seconds(SATURDAY.replace(hour=11, minute=30)), CLOSED, at_once),
    ]
    for run in day.runs:
        found += [(run.began, OPEN, SOON), (run.began, CLOSED, at_once)]
    away = START + DayService.AWAY_FIRST
    while away < END:
        if is_open(away):
            found.append((day.seconds(away), SERVICE_UNREACHABLE.code, lost))
            found.append((day.seconds(away + DayService.AWAY), OPEN, back))
        away += DayService.AWAY_EVERY
    return sorted(found, key=lambda one: one[0])


def is_open(moment: datetime) -> bool:
    spans = HOURS[f"{moment:%A}".lower()]
    return any(span[:5] <= f"{moment:%H:%M}" < span[6:] for span in spans)


def assert_hours_were_kept(day: Day) -> None:
    told, expected = statuses(day), expected_statuses(day)
    assert [code for _, code in told] == [code for _, code, _ in expected]
    for (when, code), (since, _, delay) in zip(told, expected, strict=True):
        assert 0 <= when - since <= delay, (day.start + timedelta(seconds=when), code)


def assert_screen_said_so(day: Day) -> None:
    assert len(day.looks) == 48
    for look in day.looks:
        moment = look.moment
        if not is_open(moment):
            assert look.problem == CLOSED, moment
            opening = next(
                opening
                for opening in (
                    FRIDAY.replace(hour=13),
                    SATURDAY.replace(hour=7, minute=30),
                    MONDAY.replace(hour=7, minute=30),
                )
                if opening > moment
            )
            words = ["Quầy đang đóng cửa", f"{opening:%H:%M}", f"{opening:%d/%m}"]
        elif look.problem:
            assert look.certificates[1], "in its hours it serves, unless a certificate has ended"
            words = [f"Mã lỗi {look.problem}"]
        else:
            words = ["Bắt đầu", *HOURS[f"{moment:%A}".lower()]]
        for word in words:
            assert word in look.text, f"{moment}: {word}\n{look.text}"


def assert_only_turns_were_drawn(day: Day) -> None:
    """Each layout stands for its time since the screen came; the visit may draw what it likes."""
    changes = [when for when, _ in statuses(day)]
    visit = day.seconds(DESERTED)
    over = next(when for when in changes if when > visit)
    drawn = [when for when, _ in day.drawn if not visit <= when < over - SOON]
    expected = 0
    for run in day.runs:
        own = [when for when in changes if run.began <= when <= run.ended]
        for since, until in zip(own, [*own[1:], run.ended], strict=True):
            until = min(until, visit) if since < visit else until  # noqa: PLW2901
            assert any(since <= when < since + SOON for when in drawn), "it came"
            # Whether a turn comes that is due at the very end is a race.
            until -= SOON  # noqa: PLW2901
            turns = [when for when in drawn if since + SOON <= when < until]
            frames = sorted({round((when - since) / ALTERNATE) for when in turns})
            assert frames == list(range(1, int((until - since) // ALTERNATE) + 1))
            for when in turns:
                turn = since + ALTERNATE * round((when - since) / ALTERNATE)
                assert abs(when - turn) < SOON, (when, since)
            expected += len(frames)
    assert expected > 100, "nearly all of the day it stood still otherwise"


def assert_ends_of_certificates_were_told(day: Day) -> None:
    for look in day.looks:
        assert look.certificates == day.certificates.expected(look.moment), look.moment
    assert {name for look in day.looks for name in look.certificates[1]} == {
        "trust",
        "tls",
        "client_certificate",
    }


def assert_audit_journal_rotated(day: Day) -> None:
    files = journal_files(audit(day))
    assert len(files) == JOURNAL_FILES
    for file in files:
        assert file.stat().st_size < JOURNAL_BYTES + LONGEST_RECORD
    found = verify(audit(day))
    assert found.in_order
    assert found.first > 1, "the oldest file has gone"
    records = newest(audit(day), found.records)
    begun = next(n for n, record in enumerate(records) if not record.detail.startswith("before"))
    told = [(record.what, record.outcome) for record in records[begun:]]
    codes = [code for _, code in statuses(day)]
    assert [outcome for what, outcome in told if what == OUT_OF_SERVICE] == list(
        filter(None, codes)
    )
    assert Counter(what for what, _ in told if what != OUT_OF_SERVICE) == {
        STARTED: 2,
        STOPPED: 2,
        VISIT_BEGUN: 1,
        VISIT_ENDED: 1,
        # The first frame of each run tells of no change.
        IN_SERVICE: codes.count(OPEN) - len(day.runs),
    }


def assert_log_was_quiet(day: Day) -> None:
    """A line comes with an event, and with nothing else, so that the system's limits hold it."""
    events = [when for when, _ in statuses(day)] + [run.ended for run in day.runs]
    events += [when for when, well in day.service.asked if not well]
    begun, over = day.seconds(DESERTED), day.seconds(DESERTED + VISIT) + SOON
    for when, text in day.journal.heard:
        assert begun <= when < over or any(0 <= when - one < SOON for one in events), text
        assert len(text) < LONGEST / 8
        assert text.startswith(("<14>", "<12>")), text
    assert len(day.journal.heard) < 3 * len(events)
    shipped = (ROOT / "systemd" / "journald.conf.d" / "vnpt-bhxh-kiosk.conf").read_text()
    assert "\nSystemMaxUse=" in shipped


def assert_health_was_asked_for_in_turn(day: Day) -> None:
    """At its interval, and sooner while something is wrong or somebody is about to need it."""
    needed = [when for when, code in statuses(day) if code == OPEN]
    needed += [day.seconds(DESERTED), day.seconds(DESERTED + VISIT)]
    asked = day.service.asked
    for (before, well), (after, _) in pairwise(asked):
        usual = HEALTH if well else RETRY_INTERVAL
        early = any(abs(after - one) < SOON for one in [*needed, *(r.began for r in day.runs)])
        assert after - before < usual + SOON
        assert early or after - before > usual - SOON, (before, after)


def assert_nothing_grew(day: Day) -> None:
    first: dict[tuple[int, str], dict[str, int]] = {}
    for look in day.looks:
        known = first.setdefault((look.run, look.problem), look.load)
        assert look.load == known, look.moment
    assert all(load["timers"] > 0 for load in first.values())
