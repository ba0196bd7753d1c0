"""Time at the counter, on a clock of its own: what extends it, how long it is, what it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from kiosk.config import TimeSection
from kiosk.flow import Event, GoodbyeOver, IdleElapsed, Overlay, StaffLeft, State, TimeUp
from kiosk.idle import IdleClock
from tests.walks.virtual_time import VirtualTimeLoop

TIMES = TimeSection(idle=50.0, idle_result=110.0, question=20, goodbye=7.0)


class Counter:
    """An idle clock, and what it has raised when."""

    def __init__(self) -> None:
        self.loop = VirtualTimeLoop()
        self.raised: list[tuple[float, type[Event]]] = []
        self.ticks: list[tuple[float, int]] = []
        self.clock = IdleClock(
            TIMES,
            lambda event: self.raised.append((self.loop.time(), type(event))),
            lambda: self.ticks.append((self.loop.time(), self.clock.countdown)),
            staff_close=90.0,
        )

    def do(self, *what: Callable[[], None], then: float = 0.0) -> None:
        """Do it on the loop, and let so many seconds pass."""

        async def act() -> None:
            for one in what:
                one()
            await asyncio.sleep(then)

        self.loop.run_until_complete(act())

    def at(self, state: State, overlay: Overlay = Overlay.NONE) -> Callable[[], None]:
        return lambda: self.clock.moved(state, overlay)


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.mark.parametrize(
    ("state", "seconds", "event"),
    [
        (State.CONSENT, TIMES.idle, IdleElapsed),
        (State.PIN, TIMES.idle, IdleElapsed),
        (State.SENT, TIMES.idle_result, IdleElapsed),
        (State.HOTLINE, TIMES.idle_result, IdleElapsed),
        (State.GOODBYE, TIMES.goodbye, GoodbyeOver),
        (State.STAFF, 90.0, StaffLeft),
    ],
)
def test_each_place_has_its_configured_time(
    counter: Counter, state: State, seconds: float, event: type[Event]
) -> None:
    counter.do(counter.at(state), then=seconds - 0.5)
    assert counter.raised == []
    counter.do(then=1.0)
    assert counter.raised == [(seconds, event)]


def test_a_touch_extends_as_often_as_one_likes(counter: Counter) -> None:
    counter.do(counter.at(State.USERNAME))
    for _ in range(25):
        counter.do(then=TIMES.idle - 1)
        counter.do(counter.clock.restart)
    assert counter.raised == []
    touched = counter.loop.time()
    counter.do(then=TIMES.idle + 1)
    assert counter.raised == [(touched + TIMES.idle, IdleElapsed)]


def test_the_question_counts_down_once_a_second(counter: Counter) -> None:
    counter.do(counter.at(State.PIN, Overlay.TIME_OUT))
    assert counter.clock.countdown == TIMES.question
    counter.do(then=TIMES.question + 5)
    assert counter.ticks == [
        (float(second), TIMES.question - second) for second in range(1, TIMES.question)
    ]
    assert counter.raised == [(float(TIMES.question), TimeUp)]


def test_the_answer_begins_the_time_anew(counter: Counter) -> None:
    for _ in range(12):
        counter.raised.clear()
        began = counter.loop.time()
        counter.do(counter.at(State.PIN), then=TIMES.idle + 0.5)
        assert counter.raised == [(began + TIMES.idle, IdleElapsed)]
        counter.do(counter.at(State.PIN, Overlay.TIME_OUT), then=TIMES.question - 1)
        assert len(counter.raised) == 1, "there is time left to answer"


@pytest.mark.parametrize("state", [State.VERIFYING, State.SENDING, State.REMOVE_TOKEN])
def test_nothing_times_out_while_the_machine_works_or_a_token_is_in(
    counter: Counter, state: State
) -> None:
    counter.do(counter.at(State.PIN), counter.at(state), then=1000.0)
    assert counter.raised == []
