"""Staff at the machine: who comes in, what they see, and what a customer notices of it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest
from argon2 import PasswordHasher

from kiosk import flow, idle, machine, problems
from kiosk.audit import Journal
from kiosk.audit_verify import newest
from kiosk.config import StaffSection
from kiosk.flow import Overlay, StaffTopic, State
from kiosk.machine import Machine
from kiosk.sandbox.embedded import Hang, Operation
from kiosk.sandbox.server.run import SandboxServer
from kiosk.service.errors import AnswerLost
from kiosk.service.messages import Delivery
from kiosk.staff import mode
from kiosk.staff.mode import Rows, StaffRoom
from kiosk.staff.page import Row, Say, Status
from kiosk.staff.pin_hash import PinHash
from kiosk.staff.stick import Stick
from kiosk.staff.switch import CONFIRM
from kiosk.staff.tries import FIRST_WAIT, FREE, LONGEST_WAIT, Tries
from kiosk.staff.visits import visits_page
from tests.visits.kiosk import Kiosk

PIN = "246810"
HASH = PinHash.parse(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PIN.encode()))


class StaffKiosk(Kiosk):
    """A kiosk with staff mode, and the hands of its staff."""

    def __init__(self, directory: Path, url: str, state: Path, **section: float) -> None:
        self.state = state
        self.exported = asyncio.Event()
        self.broken_off = False
        self.stick = Stick(state / "no-device")
        self.checked: asyncio.Event | None = None
        """While it is there and not set, the staff PIN is still being looked at."""
        self.hash = HASH
        self.left = 0
        self.uptime = 1000.0
        self.journal_folder = state / "audit"
        super().__init__(
            directory,
            url,
            staff=StaffRoom(
                verify=self._verify,
                tries=Tries(state / "tries.json", uptime=lambda: self.uptime),
                visits=lambda: visits_page(self.journal_folder),
                export=self._export,
                qr_url="https://outlook.com",
                given_back=lambda: self.stick.given_back(),
            ),
            staff_section=StaffSection(**section),
            machine=Machine(state),
            journal=Journal(self.journal_folder),
        )

        def leave() -> None:
            self.left += 1

        self.controller.leave = leave

    async def _verify(self, pin: memoryview) -> bool:
        right = await asyncio.to_thread(self.hash.matches, pin)
        if self.checked is not None:
            await self.checked.wait()
        return right

    async def _export(self) -> Rows:
        try:
            async with self.stick.mounted() if self.stick.is_there else nullcontext():
                await self.exported.wait()
        except asyncio.CancelledError:
            self.broken_off = True
            raise
        return (Row(Say("staff.export.in_folder"), Status.OK, ("x.zip",)),)

    def enter(self, pin: str) -> None:
        for digit in pin:
            self.view.pin.append(digit)
        self.view.pin.seal()
        self.do(flow.StaffPinEntered())

    async def admitted(self) -> None:
        self.do(flow.StaffAsked())
        self.enter(PIN)
        await self.reaches(State.STAFF)

    async def refused(self) -> None:
        self.enter("111111")
        await self.until(lambda: self.view.staff_mode.refused, "the refusal")

    @property
    def sees_a_token(self) -> bool:
        """Whether word of the token has reached the controller."""
        return bool(self.controller._tokens.readers.cards)

    @property
    def rows(self) -> dict[str, Row]:
        page = self.view.staff_mode.page
        assert page is not None
        return {row.text.key: row for row in page.rows if isinstance(row.text, Say)}

    def open(self, topic: StaffTopic, part: str = "") -> None:
        self.do(flow.StaffTopicAsked(topic, part))

    async def does(self, topic: StaffTopic) -> dict[str, Row]:
        """Run the topic's job to its end."""
        self.open(topic)
        self.do(flow.StaffJobAsked(topic))
        how = f"staff.{topic.name.lower()}.how"
        await self.until(lambda: not {how, "staff.running"} & set(self.rows), "its end", 20)
        return self.rows

    def whats(self) -> list[str]:
        return [record.what for record in newest(self.journal_folder, 100)]


@pytest.fixture
async def desk(directory: Path, server: SandboxServer, tmp_path: Path) -> AsyncIterator[StaffKiosk]:
    kiosk = StaffKiosk(directory, server.url, tmp_path)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    await asyncio.sleep(0)
    yield kiosk
    await kiosk.controller.stop()
    assert not kiosk.crashes


# Coming in


async def test_without_a_hash_it_does_not_open(kiosk: Kiosk) -> None:
    kiosk.do(flow.StaffAsked())
    assert kiosk.view.state is State.WELCOME


async def test_the_right_pin_opens_the_page_of_the_kiosks_state(desk: StaffKiosk) -> None:
    await desk.admitted()
    assert len(desk.view.pin) == 0
    assert not any(desk.view.pin._bytes)
    page = desk.view.staff_mode.page
    assert page is not None
    assert page.topic is StaffTopic.HEALTH
    desk.do(flow.StaffLeft())
    assert desk.view.state is State.WELCOME
    assert desk.view.staff_mode.page is None
    await desk.until(lambda: "staff left" in desk.whats(), "the journal")
    assert [what for what in desk.whats() if "staff" in what] == ["staff admitted", "staff left"]


async def test_it_opens_only_where_nobody_is_served(desk: StaffKiosk) -> None:
    desk.do(flow.Started(), flow.StaffAsked())
    assert desk.view.state is State.CONSENT
    desk.do(flow.Declined(), flow.StaffAsked())
    await desk.reaches(State.WELCOME)


async def test_a_wrong_pin_keeps_the_door_shut(desk: StaffKiosk) -> None:
    desk.do(flow.StaffAsked())
    await desk.refused()
    assert desk.view.state is State.STAFF_LOGIN
    assert not any(desk.view.pin._bytes)
    desk.enter(PIN)
    await desk.reaches(State.STAFF)
    records = newest(desk.journal_folder, 10)
    assert [r.count for r in records if r.what == "staff refused"] == [1]


async def test_after_some_wrong_pins_not_even_the_right_one_is_looked_at(desk: StaffKiosk) -> None:
    desk.do(flow.StaffAsked())
    for _ in range(FREE):
        await desk.refused()
    assert desk.view.staff_mode.wait == FIRST_WAIT
    desk.enter(PIN)
    assert desk.view.state is State.STAFF_LOGIN
    assert not desk.view.staff_mode.checking
    assert not any(desk.view.pin._bytes)
    # Leaving and coming back changes nothing, and neither does a restart.
    desk.do(flow.StaffLeft(), flow.StaffAsked())
    assert desk.view.staff_mode.wait == FIRST_WAIT
    assert Tries(desk.state / "tries.json", uptime=lambda: desk.uptime).wait == FIRST_WAIT
    desk.uptime += FIRST_WAIT
    desk.enter(PIN)
    await desk.reaches(State.STAFF)
    assert Tries(desk.state / "tries.json").wrong == 0


async def test_a_pin_that_cannot_be_checked_is_not_a_wrong_one_and_opens_nothing(
    desk: StaffKiosk,
) -> None:
    """Argon2 itself says so, as it does where memory is short."""
    desk.hash = msgspec.structs.replace(HASH, memory=1)
    desk.do(flow.StaffAsked())
    for _ in range(FREE):
        desk.enter(PIN)
        await desk.until(lambda: desk.view.staff_mode.unchecked, "word of it")
        assert desk.view.state is State.STAFF_LOGIN
        assert not desk.view.staff_mode.refused
        assert desk.view.staff_mode.wait == 0
        assert not any(desk.view.pin._bytes)
        desk.do(flow.StaffLeft(), flow.StaffAsked())
        assert not desk.view.staff_mode.unchecked
    assert Tries(desk.state / "tries.json").wrong == 0
    # It heals by itself, and a wrong PIN counts as ever.
    desk.hash = HASH
    await desk.refused()
    assert Tries(desk.state / "tries.json").wrong == 1
    desk.enter(PIN)
    await desk.reaches(State.STAFF)
    assert desk.whats().count("staff not checked") == FREE


async def test_a_try_counts_before_it_is_looked_at(desk: StaffKiosk) -> None:
    """Who pulls the plug, or leaves, while the PIN is being looked at has tried."""
    desk.do(flow.StaffAsked())
    desk.enter("111111")
    await desk.until(lambda: (desk.state / "tries.json").exists(), "the count")
    desk.do(flow.StaffLeft())
    assert desk.view.state is State.WELCOME
    assert Tries(desk.state / "tries.json").wrong == 1


async def test_a_pin_that_is_still_looked_at_admits_nobody_later(desk: StaffKiosk) -> None:
    desk.checked = asyncio.Event()
    desk.do(flow.StaffAsked())
    desk.enter(PIN)
    await desk.until(lambda: (desk.state / "tries.json").exists(), "the count")
    # Long enough for the hash, which is wiped with the PIN on leaving.
    await asyncio.sleep(0.2)
    desk.do(flow.StaffLeft(), flow.StaffAsked())
    desk.checked.set()
    await asyncio.sleep(0.2)
    assert desk.view.state is State.STAFF_LOGIN
    assert not desk.view.staff_mode.checking


async def test_a_call_for_staff_on_the_welcome_screen_gives_way(desk: StaffKiosk) -> None:
    desk.do(flow.StaffCalled())
    assert desk.view.overlay is Overlay.STAFF_CALL
    desk.do(flow.StaffAsked())
    assert (desk.view.state, desk.view.overlay) == (State.STAFF_LOGIN, Overlay.NONE)


# While staff are there


async def test_no_customers_event_acts_there(desk: StaffKiosk) -> None:
    await desk.admitted()
    desk.do(flow.Started(), flow.StaffCalled(), flow.IdleElapsed(), flow.TokenInserted())
    desk.reader.insert("hoa-sen")
    await desk.until(lambda: desk.sees_a_token, "the token")
    assert (desk.view.state, desk.view.overlay) == (State.STAFF, Overlay.NONE)
    assert desk.view.holder is None
    desk.do(flow.StaffLeft())
    await desk.reaches(State.CONSENT)


async def test_a_service_that_goes_is_seen_on_the_page_and_on_leaving(
    desk: StaffKiosk, server: SandboxServer
) -> None:
    await desk.admitted()
    await desk.until(
        lambda: desk.rows["staff.health.service"].status is Status.OK, "a service that is known"
    )
    server.stop()
    await desk.until(
        lambda: desk.rows["staff.health.service"].status is Status.FAILED, "the failure", 20
    )
    assert desk.view.state is State.STAFF
    desk.do(flow.StaffLeft())
    await desk.reaches(State.OUT_OF_SERVICE, problems.SERVICE_UNREACHABLE)
    # From there it opens as well.
    await desk.admitted()
    assert desk.rows["staff.health.not_serving"].status is Status.FAILED


async def test_it_closes_by_itself(
    directory: Path, server: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "LOGIN_CLOSE", 0.2)
    desk = StaffKiosk(directory, server.url, tmp_path, auto_close=0.6)
    desk.controller.start()
    desk.controller.equip(desk.tools)
    desk.do(flow.StaffAsked())
    desk.view.pin.append("2")
    await desk.reaches(State.WELCOME)
    assert not any(desk.view.pin._bytes)
    await desk.admitted()
    # A job that runs is cancelled.
    desk.open(StaffTopic.EXPORT)
    desk.do(flow.StaffJobAsked(StaffTopic.EXPORT))
    await desk.reaches(State.WELCOME)
    await desk.until(lambda: desk.broken_off, "the end of the job")
    await desk.controller.stop()
    assert not desk.crashes


@pytest.mark.parametrize(("wrong", "stays"), [(FREE, True), (FREE + 3, False)])
async def test_the_pin_is_asked_for_until_a_wait_is_over_unless_that_is_long(
    desk: StaffKiosk, monkeypatch: pytest.MonkeyPatch, wrong: int, *, stays: bool
) -> None:
    monkeypatch.setattr(idle, "LOGIN_CLOSE", 0.5)
    desk.do(flow.StaffAsked())
    for _ in range(wrong):
        desk.uptime += LONGEST_WAIT
        desk.do(flow.StaffLeft(), flow.StaffAsked())
        await desk.refused()
    assert desk.view.staff_mode.wait == FIRST_WAIT * 2 ** (wrong - FREE)
    if stays:
        # Well beyond its usual time, and nobody touches it.
        await asyncio.sleep(1.0)
        assert desk.view.state is State.STAFF_LOGIN
        desk.uptime += FIRST_WAIT
        desk.controller.touched()
    await desk.reaches(State.WELCOME)


# What staff do


async def test_a_token_is_read_without_pin_and_forgotten(
    desk: StaffKiosk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.admitted()
    rows = await desk.does(StaffTopic.TOKEN)
    assert rows["staff.token.none"].status is Status.WARNING
    caplog.set_level("DEBUG")
    desk.reader.insert("hoa-sen")
    await desk.until(lambda: desk.sees_a_token, "the token")
    rows = await desk.does(StaffTopic.TOKEN)
    assert rows["staff.token.good"].status is Status.OK
    page = desk.view.staff_mode.page
    assert page is not None
    assert any("HOA SEN" in str(row.text) for row in page.rows)
    assert "HOA SEN" not in caplog.text
    assert "0100000001" not in caplog.text
    assert desk.driver.token("hoa-sen").verify_count == 0
    desk.do(flow.StaffLeft())
    assert "HOA SEN" not in repr(desk.controller._staff.__dict__)
    await desk.controller.stop()
    assert "HOA SEN" not in (desk.journal_folder / "audit.jsonl").read_text()


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        ("expired", problems.CERTIFICATE_EXPIRED),
        ("foreign", problems.CERTIFICATE_FOREIGN_CA),
        ("last-try", problems.PIN_LAST_TRY),
    ],
)
async def test_a_token_that_would_not_do_has_its_code(
    desk: StaffKiosk, token: str, problem: problems.Problem
) -> None:
    await desk.admitted()
    desk.reader.insert(token)
    await desk.until(lambda: desk.sees_a_token, "the token")
    rows = await desk.does(StaffTopic.TOKEN)
    opens = [row.opens for row in rows.values() if row.opens is not None]
    assert opens == [flow.StaffTopicAsked(StaffTopic.CODES, problem.code)]


async def test_a_token_that_hangs_holds_nobody_up(desk: StaffKiosk) -> None:
    await desk.admitted()
    desk.reader.insert("hoa-sen")
    await desk.until(lambda: desk.sees_a_token, "the token")
    desk.driver.inject(Operation.FIND, Hang())
    desk.open(StaffTopic.TOKEN)
    desk.do(flow.StaffJobAsked(StaffTopic.TOKEN))
    await desk.until(lambda: "staff.running" in desk.rows, "the job")
    desk.open(StaffTopic.QR)
    page = desk.view.staff_mode.page
    assert page is not None
    assert page.qr == "https://outlook.com"
    await asyncio.sleep(0.05)
    assert desk.view.staff_mode.page == page


async def test_the_service_is_tested(desk: StaffKiosk, server: SandboxServer) -> None:
    await desk.admitted()
    rows = await desk.does(StaffTopic.SERVICE)
    assert rows["staff.service.answer"].status is Status.OK
    assert rows["staff.service.clock_right"].status is Status.OK
    with server.faults.during("clock", seconds=40.0):
        rows = await desk.does(StaffTopic.SERVICE)
        assert rows["staff.service.clock_behind"].status is Status.OK
    with server.faults.during("clock", seconds=-600.0):
        row = (await desk.does(StaffTopic.SERVICE))["staff.service.clock_ahead"]
        assert row.status is Status.FAILED
        assert isinstance(row.text, Say)
        assert row.text.values["time"] == Say("staff.service.minutes", {"count": "10"})
    server.stop()
    rows = await desk.does(StaffTopic.SERVICE)
    assert rows["staff.service.answer"].status is Status.FAILED


async def test_out_of_service_is_asked_first_and_outlives_a_restart(desk: StaffKiosk) -> None:
    await desk.admitted()
    desk.open(StaffTopic.SWITCH)
    desk.do(flow.StaffJobAsked(StaffTopic.SWITCH))
    assert not Machine(desk.state).taken_out
    desk.open(StaffTopic.SWITCH, CONFIRM)
    desk.do(flow.StaffJobAsked(StaffTopic.SWITCH))
    await desk.until(lambda: "staff.switch.is_off" in desk.rows, "the new state")
    assert Machine(desk.state).taken_out
    desk.do(flow.StaffLeft())
    await desk.reaches(State.OUT_OF_SERVICE, problems.KIOSK_TAKEN_OUT)
    await desk.admitted()
    desk.open(StaffTopic.SWITCH, CONFIRM)
    desk.do(flow.StaffJobAsked(StaffTopic.SWITCH), flow.StaffLeft())
    await desk.reaches(State.WELCOME)
    await desk.until(lambda: "in service by staff" in desk.whats(), "the journal")
    assert "out of service by staff" in desk.whats()


async def test_a_switch_that_the_disk_did_not_confirm_is_told_as_it_is(
    desk: StaffKiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_folder: Path) -> None:
        raise OSError(errno.EIO, "no disk")

    monkeypatch.setattr(machine, "sync_folder", refused)
    await desk.admitted()
    desk.open(StaffTopic.SWITCH, CONFIRM)
    desk.do(flow.StaffJobAsked(StaffTopic.SWITCH))
    await desk.until(lambda: "staff.switch.is_off" in desk.rows, "the new state")
    assert desk.rows["staff.switch.not_lasting"].status is Status.WARNING
    await desk.until(lambda: "out of service by staff" in desk.whats(), "the journal")
    desk.do(flow.StaffLeft())
    await desk.reaches(State.OUT_OF_SERVICE, problems.KIOSK_TAKEN_OUT)


async def test_restart_is_asked_first_and_written_down(desk: StaffKiosk) -> None:
    await desk.admitted()
    desk.open(StaffTopic.RESTART)
    desk.do(flow.StaffJobAsked(StaffTopic.RESTART))
    assert desk.left == 0
    desk.open(StaffTopic.RESTART, CONFIRM)
    desk.do(flow.StaffJobAsked(StaffTopic.RESTART))
    assert desk.left == 1
    await desk.until(lambda: "restart by staff" in desk.whats(), "the journal")


async def _exports_to_a_stick(desk: StaffKiosk, unmount: str) -> None:
    """Begin an export to a stick whose systemctl is a script."""
    (desk.state / "device").touch()
    mounted = desk.state / "mounted"
    script = f'if [ "$1" = start ]; then touch {mounted}; else {unmount}; rm {mounted}; fi'
    desk.stick = Stick(
        desk.state / "device", mounted, ("/bin/sh", "-c", script, "x"), is_mount=Path.exists
    )
    await desk.admitted()
    desk.open(StaffTopic.EXPORT)
    desk.do(flow.StaffJobAsked(StaffTopic.EXPORT))
    await desk.until(mounted.exists, "the stick")


async def test_a_kiosk_that_ends_while_it_exports_leaves_no_stick_mounted(desk: StaffKiosk) -> None:
    """Unmounting it takes longer than the end waits for anything else."""
    await _exports_to_a_stick(desk, "sleep 1.5")
    await desk.controller.stop()
    assert not desk.stick.is_mounted


async def test_the_end_does_not_wait_for_a_stick_for_ever(
    desk: StaffKiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mode, "LAST_WAIT", 0.1)
    await _exports_to_a_stick(desk, "exec sleep 60")
    async with asyncio.timeout(10):
        await desk.controller.stop()
    assert desk.stick.is_mounted


async def test_an_export_runs_beside_the_screen_once(desk: StaffKiosk) -> None:
    await desk.admitted()
    desk.open(StaffTopic.EXPORT)
    desk.do(flow.StaffJobAsked(StaffTopic.EXPORT), flow.StaffJobAsked(StaffTopic.EXPORT))
    await desk.until(lambda: "staff.running" in desk.rows, "the job")
    desk.exported.set()
    await desk.until(lambda: "staff.export.in_folder" in desk.rows, "its end")


async def test_the_last_visits_are_those_of_the_journal(desk: StaffKiosk) -> None:
    desk.do(flow.Started(), flow.Declined())
    await desk.reaches(State.WELCOME)
    await desk.until(lambda: "visit ended" in desk.whats(), "the journal")
    await desk.admitted()
    desk.open(StaffTopic.VISITS)
    await desk.until(lambda: "staff.running" not in desk.rows, "the visits")
    page = desk.view.staff_mode.page
    assert page is not None
    assert [row.details for row in page.rows] == [(Say("staff.visits.declined"),)]


async def test_a_visit_with_an_unknown_end_is_told_as_one(
    desk: StaffKiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the lines that the kiosk itself writes: the answer to the order is lost."""

    async def lost(*_: str) -> Delivery:
        raise AnswerLost("test")

    await desk.to_confirm()
    for call in ("confirm", "status"):
        monkeypatch.setattr(desk.client, call, lost)
    desk.do(flow.SendConfirmed())
    await desk.reaches(State.RESULT_UNKNOWN)
    reference = desk.view.reference
    desk.reader.remove()
    desk.do(flow.Finished())
    await desk.reaches(State.WELCOME)
    await desk.until(lambda: "visit ended" in desk.whats(), "the journal")
    await desk.admitted()
    desk.open(StaffTopic.VISITS)
    await desk.until(lambda: "staff.running" not in desk.rows, "the visits")
    page = desk.view.staff_mode.page
    assert page is not None
    (row,) = page.rows
    assert reference in str(row.text)
    assert Say("staff.visits.unknown") in row.details
    assert row.advice == Say("staff.visits.unknown_do")
