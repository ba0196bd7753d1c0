"""The audit journal of whole visits: nothing is done before it is written down, and every visit
says how it ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kiosk import controller, delivery, flow, problems, readiness, recorder
from kiosk.audit import Journal, Record
from kiosk.audit_verify import newest
from kiosk.effects import Tools
from kiosk.flow import Effect, Event, State
from kiosk.machine import Machine
from kiosk.recorder import PATIENCE, Recorder
from kiosk.sandbox.scenario import PIN
from kiosk.sandbox.server.run import SandboxServer
from kiosk.sandbox.server.store import Store
from kiosk.session import Trace, Visit
from kiosk.staff.page import Say, Status
from kiosk.staff.visits import visits_page
from tests.visits.kiosk import Kiosk

RECORDED = controller.recorded()

NOT_RECORDED = {
    Effect.AWAIT_TOKEN: "looks at what the readers have said",
    Effect.AWAIT_REMOVAL: "looks at what the readers have said",
    Effect.DROP_TOKEN: "forgets",
    Effect.ERASE_VISIT: "forgets; the visit's end is a line of its own",
    Effect.FIND_MAILBOX: "asks the DNS for a mail provider",
    Effect.FOLLOW_MAIL: "asks for a state and changes nothing; what it hears is a line of its own",
    Effect.CALL_STAFF: "help is called also if nothing can be written",
    Effect.CANCEL_STAFF_CALL: "help is called also if nothing can be written",
    Effect.PRINT_SLIP: "a slip is printed also if nothing can be written",
    Effect.CHECK_STAFF_PIN: "staff mode has lines of its own",
    Effect.SHOW_STAFF_PAGE: "staff mode has lines of its own",
    Effect.RUN_STAFF_JOB: "staff mode has lines of its own",
    Effect.CLOSE_STAFF_MODE: "staff mode has lines of its own",
}
"""Effects that neither ask the token for anything nor change anything at the service."""


class JournalOnBadDisk(Journal):
    """A journal on a disk that answers only while it turns, and that can go bad."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.turns = threading.Event()
        self.turns.set()
        self.bad = False

    def append(self, what: str, **facts: Any) -> None:
        self.turns.wait()
        if self.bad and self.directory.is_dir():
            # The journal's folder has become a file.
            self.directory.rename(self.directory.with_name("before"))
            self.directory.touch()
            self.close()
        super().append(what, **facts)


class Audited(Kiosk):
    """A kiosk with a journal."""

    def __init__(self, directory: Path, url: str, folder: Path) -> None:
        self.folder = folder
        self.journal = JournalOnBadDisk(folder / "audit")
        super().__init__(directory, url, machine=Machine(folder), journal=self.journal)

    @property
    def records(self) -> list[Record]:
        return newest(self.folder / "audit", 1000)

    async def written(self, what: str) -> Record:
        await self.until(lambda: what in [record.what for record in self.records], what)
        return next(record for record in reversed(self.records) if record.what == what)

    async def done(self, effect: Effect, outcome: str) -> None:
        line = ("effect done", effect.value, outcome)
        await self.until(
            lambda: line in [(r.what, r.effect, r.outcome) for r in self.records], f"{line}"
        )

    async def comes_to(self, effect: Effect) -> Callable[[], None]:
        """Go to the step before the effect; what is returned takes that step."""
        match effect:
            case Effect.READ_TOKEN:
                await self.to_insert()
                return lambda: self.reader.insert("hoa-sen")
            case Effect.PREPARE_LOGIN:
                await self.to_username()
                return lambda: self.do(flow.UsernameEntered("hoasen"))
            case Effect.PROVE:
                await self.to_pin()
                self.type_pin(PIN)
                return lambda: self.do(flow.PinConfirmed())
            case Effect.SIGN:
                await self.until(lambda: self.view.can_look_up, "the service's offer")
                await self.to_username()
                self.do(flow.LookupAsked())
                await self.reaches(State.PIN)
                self.type_pin(PIN)
                self.do(flow.PinConfirmed())
                await self.reaches(State.CHOOSE_USERNAME)
                return lambda: self.do(flow.UsernameChosen("hoasen.kho"))
            case Effect.SEND:
                await self.to_confirm()
                return lambda: self.do(flow.SendConfirmed())
            case Effect.RESEND:
                await self.to_confirm()
                self.do(flow.SendConfirmed())
                await self.reaches(State.SENT)
                self.do(flow.NoEmailYet())
                return lambda: self.do(flow.ResendAsked())
        raise AssertionError(f"no way leads to {effect}")


@pytest.fixture
async def audited(directory: Path, server: SandboxServer, tmp_path: Path) -> AsyncIterator[Audited]:
    kiosk = Audited(directory, server.url, tmp_path)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    yield kiosk
    kiosk.journal.turns.set()
    await kiosk.controller.stop()
    assert not kiosk.crashes


def test_every_effect_is_recorded_or_has_a_reason_not_to_be() -> None:
    assert set(RECORDED) | set(NOT_RECORDED) == set(Effect)
    assert not set(RECORDED) & set(NOT_RECORDED)


@pytest.mark.parametrize("effect", RECORDED)
async def test_an_effect_is_written_down_before_it_is_begun(
    audited: Audited, monkeypatch: pytest.MonkeyPatch, effect: Effect
) -> None:
    seen: list[tuple[str, str]] = []

    async def carry_out(_visit: Visit, _tools: Tools) -> Event:
        last = audited.records[-1]
        seen.append((last.what, last.effect))
        return flow.Failed(problems.SERVICE_FAILED.code)

    begin = await audited.comes_to(effect)
    monkeypatch.setattr(controller, "recorded", lambda: {**RECORDED, effect: carry_out})
    begin()
    await audited.until(lambda: bool(seen), "the effect")
    assert seen == [("effect begun", effect.value)]
    await audited.done(effect, problems.SERVICE_FAILED.code)


@pytest.mark.parametrize("disk", ["refuses", "hangs"])
@pytest.mark.parametrize("effect", RECORDED)
async def test_what_cannot_be_written_down_is_not_done(
    audited: Audited, monkeypatch: pytest.MonkeyPatch, effect: Effect, disk: str
) -> None:
    begun: list[Effect] = []

    async def carry_out(_visit: Visit, _tools: Tools) -> Event:
        begun.append(effect)
        return flow.Failed(problems.SERVICE_FAILED.code)

    begin = await audited.comes_to(effect)
    monkeypatch.setattr(controller, "recorded", lambda: {**RECORDED, effect: carry_out})
    monkeypatch.setattr(recorder, "WRITE_DEADLINE", 0.3)
    if disk == "refuses":
        audited.journal.bad = True
    else:
        audited.journal.turns.clear()
    begin()
    told = State.RESEND_FAILED if effect is Effect.RESEND else State.PROBLEM
    await audited.reaches(told, problems.KIOSK_DISK)
    if disk == "hangs":
        # What the journal gets to hear late changes nothing.
        audited.journal.turns.set()
        await audited.done(effect, problems.KIOSK_DISK.code)
    assert not begun


async def test_a_disk_that_hangs_takes_it_out_of_service_until_it_turns(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "WRITE_DEADLINE", 0.1)
    monkeypatch.setattr(readiness, "MACHINE_INTERVAL", 0.1)
    await audited.to_username()
    audited.journal.turns.clear()
    audited.do(flow.UsernameEntered("hoasen"))
    await audited.reaches(State.PROBLEM, problems.KIOSK_DISK)
    audited.do(flow.Finished())
    audited.reader.remove()
    await audited.reaches(State.OUT_OF_SERVICE, problems.KIOSK_DISK)
    audited.journal.turns.set()
    await audited.reaches(State.WELCOME)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        ([flow.Cancelled()], "cancelled"),
        ([flow.IdleElapsed(), flow.TimeUp()], "timed out"),
        (["stop"], "interrupted"),
        (["crash"], "interrupted"),
    ],
)
async def test_a_visit_says_how_it_ended(
    audited: Audited, end: list[Event | str], outcome: str
) -> None:
    await audited.to_pin()
    for event in end:
        if event == "stop":
            await audited.controller.stop()
        elif isinstance(event, Event):
            audited.do(event)
        else:
            audited.controller.crashed("here")
    ended = await audited.written("visit ended")
    assert (ended.outcome, ended.visit) == (outcome, audited.records[1].visit)
    assert ended.tax_code
    assert [record.what for record in audited.records].count("visit ended") == 1


async def test_a_problem_stays_the_outcome_until_the_visit_goes_on(audited: Audited) -> None:
    await audited.to_pin()
    audited.type_pin("999999")
    audited.do(flow.PinConfirmed())
    await audited.reaches(State.PIN_WRONG)
    audited.do(flow.Stopped())
    assert (await audited.written("visit ended")).outcome == problems.PIN_WRONG.code


async def test_a_problem_that_was_overcome_is_not_the_outcome(audited: Audited) -> None:
    await audited.to_pin()
    audited.type_pin("999999")
    audited.do(flow.PinConfirmed())
    await audited.reaches(State.PIN_WRONG)
    audited.do(flow.Retried())
    await audited.reaches(State.PIN)
    audited.do(flow.Cancelled())
    assert (await audited.written("visit ended")).outcome == "cancelled"


@pytest.mark.parametrize(
    ("goes_on", "outcome", "told"),
    [
        ("", problems.SERVICE_RESET_EXPIRED.code, "staff.coded"),
        ("and cancels", "cancelled", "staff.visits.cancelled"),
        ("and orders again", "sent", "staff.visits.sent"),
    ],
)
async def test_a_mail_that_was_given_up_before_it_left_is_not_told_as_sent(
    directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    goes_on: str,
    outcome: str,
    told: str,
) -> None:
    """The customer is told that the password is unchanged, and staff the same."""
    monkeypatch.setattr(delivery, "FOLLOW_TICK", 0.01)
    monkeypatch.setattr(delivery, "FOLLOW_INTERVALS", (0.0,))
    monkeypatch.setattr(delivery, "PENDING_PATIENCE", 0.02)
    server = SandboxServer(directory, delivery_delay=3)
    server.start()
    audited = Audited(directory, server.url, tmp_path)
    audited.controller.start()
    audited.controller.equip(audited.tools)
    try:
        await audited.to_confirm()
        audited.do(flow.SendConfirmed())
        await audited.reaches(State.SENT)
        assert audited.view.delivery == "pending"
        with closing(Store(directory)) as store:
            store.set_status("hoasen", "locked")
        await audited.reaches(State.PROBLEM, problems.SERVICE_RESET_EXPIRED)
        with closing(Store(directory)) as store:
            store.set_status("hoasen", "active")
        if goes_on:
            audited.do(flow.Retried())
            await audited.reaches(State.USERNAME)
        if goes_on == "and cancels":
            audited.do(flow.Cancelled())
        elif goes_on == "and orders again":
            audited.do(flow.UsernameEntered("hoasen"))
            await audited.reaches(State.PIN)
            audited.type_pin(PIN)
            audited.do(flow.PinConfirmed())
            await audited.reaches(State.CONFIRM)
            audited.do(flow.SendConfirmed())
            await audited.reaches(State.SENT)
        if goes_on != "and cancels":
            audited.do(flow.Finished())
        assert (await audited.written("visit ended")).outcome == outcome
        (row,) = visits_page(tmp_path / "audit").rows
        assert [text.key for text in row.details if isinstance(text, Say)] == [told]
        assert row.status is not Status.WARNING
    finally:
        await audited.controller.stop()
        server.stop()
    assert not audited.crashes


async def test_service_that_comes_back_behind_staff_mode_is_told_once(tmp_path: Path) -> None:
    writer = Recorder(Journal(tmp_path))
    journey = flow.Journey()
    for event in (flow.ServiceLost("K02"), flow.StaffAsked(), flow.StaffLeft()):
        before = journey.state
        journey.handle(event)
        writer.step(journey, before, event, Trace())
    # It is looked at on leaving, and is still away.
    journey.handle(lost := flow.ServiceLost("K02"))
    writer.step(journey, State.WELCOME, lost, Trace())
    writer.note("until here it was away")
    for event in (flow.StaffAsked(), flow.StaffLeft()):
        before = journey.state
        journey.handle(event)
        writer.step(journey, before, event, Trace())
    writer.serves()
    writer.serves()
    await writer.stop()
    lines = [record.what for record in newest(tmp_path, 10)]
    assert lines == ["out of service", "until here it was away", "in service"]


async def test_a_fault_of_the_recorder_is_a_crash_and_a_disk_is_none(tmp_path: Path) -> None:
    crashes: list[BaseException] = []
    writer = Recorder(Journal(tmp_path / "audit"), crash=crashes.append)
    writer.note("started", no_such_field="x")
    assert await writer.write("stopped")
    await asyncio.sleep(0)
    assert [type(error) for error in crashes] == [TypeError]
    assert not writer.failing
    (tmp_path / "file").touch()
    failing = Recorder(Journal(tmp_path / "file" / "audit"), crash=crashes.append)
    assert not await failing.write("started")
    assert failing.failing
    assert len(crashes) == 1
    await writer.stop()
    await failing.stop()


def test_the_end_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    """A pipe that nobody writes to stands for the file: reading it takes for ever."""
    os.mkfifo(tmp_path / "audit.jsonl")
    program = f"""
import asyncio
from pathlib import Path
from kiosk.audit import Journal
from kiosk.recorder import Recorder
async def main():
    recorder = Recorder(Journal(Path({str(tmp_path)!r})))
    recorder.note("started")
    await recorder.stop()
asyncio.run(main())
"""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)
    assert time.monotonic() - began < PATIENCE + 3
