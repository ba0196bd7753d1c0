"""Calling staff by two ways at once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.audit import EFFECT_BEGUN, EFFECT_DONE
from kiosk.pin import PinBuffer
from kiosk.recorder import Recorder
from kiosk.service.errors import AnswerLost, ServiceUnreachable
from kiosk.session import Trace, Visit
from kiosk.staff_bell import StaffBell
from kiosk.view import StaffCall
from tests.unit.service_lab import until


class Counter:
    """Takes calls when it is told to, or fails with what it was given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.answers = asyncio.Event()
        self.heard: list[tuple[str, str]] = []

    async def _take(self, what: str, call_id: str) -> None:
        self.heard.append((what, call_id))
        await self.answers.wait()
        if self.error is not None:
            raise self.error

    async def call_staff(self, call_id: str) -> None:
        await self._take("call", call_id)

    async def cancel_staff_call(self, call_id: str) -> None:
        await self._take("cancel", call_id)


class Notes(Recorder):
    """Keeps the lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []

    def note(self, what: str, trace: Trace | None = None, **facts: Any) -> None:
        self.lines.append((what, facts.get("outcome", "")))


class Room:
    """A bell, who hears it, and a customer."""

    def __init__(self, service: Counter, webhook: Counter | None) -> None:
        self.notes = Notes()
        self.visit = Visit(PinBuffer())
        tools = SimpleNamespace(service=service, webhook=webhook)

        async def equipped() -> Any:
            return tools

        self.bell = StaffBell(equipped, self.notes, lambda: None)

    def ring(self) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self.bell.ring(self.visit))

    def cancel(self) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self.bell.cancel(self.visit))

    async def becomes(self, staff: StaffCall) -> None:
        await until(lambda: self.visit.staff is staff)


async def test_both_hear_the_call_and_its_cancellation_by_the_same_name() -> None:
    service, webhook = Counter(), Counter()
    room = Room(service, webhook)
    for counter in (service, webhook):
        counter.answers.set()
    name = room.visit.call_id
    await room.ring()
    await room.cancel()
    assert service.heard == webhook.heard == [("call", name), ("cancel", name)]
    assert room.notes.lines == [(EFFECT_BEGUN, ""), (EFFECT_DONE, "told")] * 2
    assert room.visit.call_id != name


@pytest.mark.parametrize("silent", ["service", "webhook"])
async def test_one_that_hangs_does_not_delay_the_other(silent: str) -> None:
    service, webhook = Counter(), Counter()
    room = Room(service, webhook)
    ringing = room.ring()
    (webhook if silent == "service" else service).answers.set()
    await room.becomes(StaffCall.TOLD)
    assert room.notes.lines[-1] == (EFFECT_DONE, "told")
    assert not ringing.done()
    # Who has answered hears at once that it is over; the other in its order.
    hung = service if silent == "service" else webhook
    cancelling = room.cancel()
    await until(lambda: len(service.heard) + len(webhook.heard) == 3)
    assert [what for what, _ in hung.heard] == ["call"]
    hung.answers.set()
    await asyncio.gather(ringing, cancelling)
    assert [what for what, _ in hung.heard] == ["call", "cancel"]
    assert room.notes.lines.count((EFFECT_DONE, "told")) == 2


@pytest.mark.parametrize("failing", ["service", "webhook"])
async def test_one_of_two_is_enough(failing: str, caplog: pytest.LogCaptureFixture) -> None:
    errors = {failing: AnswerLost("…")}
    counters = [Counter(errors.get(name)) for name in ("service", "webhook")]
    for counter in counters:
        counter.answers.set()
    room = Room(*counters)
    await room.ring()
    assert room.visit.staff is StaffCall.TOLD
    assert room.notes.lines[-1] == (EFFECT_DONE, "told")
    assert f"not told by way of the {failing}: AnswerLost" in caplog.text


async def test_failed_only_when_both_have() -> None:
    service, webhook = Counter(ServiceUnreachable()), Counter(AnswerLost())
    room = Room(service, webhook)
    ringing = room.ring()
    webhook.answers.set()
    await until(lambda: len(service.heard) == 1)
    await asyncio.sleep(0)
    assert room.visit.staff is StaffCall.CALLING
    service.answers.set()
    await ringing
    assert room.visit.staff is StaffCall.FAILED
    # Of both, the service's failure stands in the journal.
    assert room.notes.lines[-1] == (EFFECT_DONE, "ServiceUnreachable")


async def test_without_a_webhook_the_service_alone_tells() -> None:
    service = Counter(ServiceUnreachable())
    service.answers.set()
    room = Room(service, None)
    await room.ring()
    assert room.visit.staff is StaffCall.FAILED


async def test_an_answer_to_a_call_that_was_cancelled_says_nothing() -> None:
    service, webhook = Counter(), Counter()
    room = Room(service, webhook)
    ringing = room.ring()
    await until(lambda: len(webhook.heard) == 1)
    cancelling = room.cancel()
    service.answers.set()
    webhook.answers.set()
    await asyncio.gather(ringing, cancelling)
    assert room.visit.staff is StaffCall.NONE


async def test_ending_ends_both_ways() -> None:
    service, webhook = Counter(), Counter()
    room = Room(service, webhook)
    ringing = room.ring()
    await until(lambda: len(webhook.heard) + len(service.heard) == 2)
    ringing.cancel()
    await asyncio.wait([ringing])
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
