"""What a held key and a double tap do, told by a clock of the test's own."""

from __future__ import annotations

import pytest

from kiosk.pin import PinBuffer
from kiosk.widgets.presses import (
    POINTER,
    REPEAT_INTERVAL,
    PressFilter,
    Typed,
    TypingFilter,
    Verdict,
)

KEYBOARDS = {
    "cage": (0.6, 1 / 25),
    "Linux console": (0.25, 1 / 11),
    "Linux input": (0.25, 1 / 30),
    "PC, slowest": (1.0, 1 / 10.9),
}
"""Seconds before a held key repeats, and between two repetitions."""


def held(keyboard: str, seconds: float, begin: float = 0.0) -> list[float]:
    """When a key's presses come if it is held for so long."""
    delay, interval = KEYBOARDS[keyboard]
    times, at = [begin], begin + delay
    while at <= begin + seconds:
        times.append(at)
        at += interval
    return times


def acted(presses: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Which of the presses act, and when, if whoever waits looks when it is time to."""
    judge, done = PressFilter(), []
    for number, (key, at) in enumerate(presses):
        verdict = judge.judge(key, at)
        if verdict is Verdict.ACT:
            done.append((key, at))
        later = presses[number + 1][1] if number + 1 < len(presses) else float("inf")
        if verdict is Verdict.WAIT and later > at + REPEAT_INTERVAL and judge.due(at):
            done.append((key, at + REPEAT_INTERVAL))
    return done


@pytest.mark.parametrize("keyboard", KEYBOARDS)
@pytest.mark.parametrize("key", ["enter", "escape", "f2", "1"])
def test_a_held_key_presses_once_however_many_screens_pass(keyboard: str, key: str) -> None:
    presses = [(key, at) for at in held(keyboard, 6.0)]
    assert len(presses) > 40
    assert acted(presses) == [(key, 0.0)]


@pytest.mark.parametrize("keyboard", KEYBOARDS)
def test_after_a_held_key_is_let_go_the_next_press_counts(keyboard: str) -> None:
    presses = [("enter", at) for at in held(keyboard, 3.0)]
    again = presses[-1][1] + 0.5
    assert [at for _, at in acted([*presses, ("enter", again)])] == [0.0, again + REPEAT_INTERVAL]


@pytest.mark.parametrize("key", ["enter", POINTER, "f3"])
def test_a_double_tap_presses_once(key: str) -> None:
    assert acted([(key, 0.0), (key, 0.18)]) == [(key, 0.0)]


def test_a_tap_and_a_key_together_are_one_press() -> None:
    assert acted([(POINTER, 0.0), ("enter", 0.1)]) == [(POINTER, 0.0)]


@pytest.mark.parametrize("pause", [0.35, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("key", ["enter", "escape", "f2", POINTER])
def test_two_presses_that_are_meant_press_twice_and_soon(key: str, pause: float) -> None:
    (_, first), (_, second) = acted([(key, 0.0), (key, pause)])
    assert first == 0.0
    assert pause <= second <= pause + REPEAT_INTERVAL


def test_different_keys_wait_for_nothing() -> None:
    presses = [("enter", 0.0), ("1", 0.4), ("enter", 0.8), ("f2", 1.2)]
    assert acted(presses) == presses


def test_help_and_language_come_at_once_after_another_key() -> None:
    presses = [("escape", 0.0), ("f1", 0.1), ("f2", 0.2), ("enter", 0.4), ("f3", 0.5), ("f1", 0.6)]
    assert acted(presses) == presses


def test_a_press_that_waits_gives_way_to_another_one() -> None:
    judge = PressFilter()
    judge.judge("enter", 0.0)
    assert judge.judge("enter", 0.6) is Verdict.WAIT
    assert judge.judge("escape", 0.62) is Verdict.IGNORE
    assert not judge.due(0.6)


def test_a_press_that_waited_acts_once() -> None:
    judge = PressFilter()
    judge.judge("enter", 0.0)
    judge.judge("enter", 0.6)
    assert [judge.due(0.6), judge.due(0.6)] == [True, False]


def test_a_digit_that_is_held_since_it_chose_something_types_nothing() -> None:
    judge = PressFilter()
    first, *rest = held("cage", 3.0)
    judge.judge("1", first)
    assert not any(judge.types("1", at) for at in rest)
    assert judge.types("1", rest[-1] + 1.2)
    assert judge.types("1", rest[-1] + 1.3), "nothing chosen is held any more"


def test_what_is_typed_is_taken_at_once_and_enter_after_it_too() -> None:
    judge = PressFilter()
    assert judge.judge("enter", 0.0) is Verdict.ACT
    assert all(judge.types(key, 0.35 + 0.1 * place) for place, key in enumerate("hoa"))
    assert judge.judge("enter", 0.8) is Verdict.ACT


def pin_after(presses: list[tuple[str, float]]) -> bytes:
    """What is in a PIN's buffer after these characters."""
    buffer, judge = PinBuffer(), TypingFilter()
    for character, at in presses:
        verdict = judge.judge(buffer.ends_with(character), at)
        if verdict is Typed.TAKE:
            buffer.append(character)
        elif verdict is Typed.TAKE_BACK:
            buffer.backspace()
    return bytes(buffer.view())


@pytest.mark.parametrize("keyboard", KEYBOARDS)
@pytest.mark.parametrize("seconds", [0.1, 1.2, 2.5])
def test_a_held_character_is_in_a_pin_once(keyboard: str, seconds: float) -> None:
    presses = [("7", at) for at in held(keyboard, seconds)]
    assert pin_after(presses) == b"7"
    assert pin_after([("4", -1.0), *presses, ("2", 9.0)]) == b"472"
    again = [("7", at) for at in held(keyboard, seconds, begin=presses[-1][1] + 0.3)]
    assert pin_after([*presses, *again]) == b"77"


@pytest.mark.parametrize("rate", [1, 2, 5, 8])
def test_the_same_character_typed_quickly_is_taken_each_time(rate: int) -> None:
    assert pin_after([("1", place / rate) for place in range(6)]) == b"111111"


def test_a_contact_that_bounces_types_once_and_takes_nothing_back() -> None:
    assert pin_after([("1", 0.0), ("1", 0.008), ("1", 0.4), ("1", 0.408)]) == b"11"


def test_different_characters_are_taken_however_quick() -> None:
    assert pin_after([(character, place / 100) for place, character in enumerate("1212")]) == (
        b"1212"
    )
