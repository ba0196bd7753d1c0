"""A character of a PIN that came to no field costs no try, and a held key goes nowhere."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace
from textual import events

from kiosk import flow
from kiosk.flow import MoreTimeAsked, PinConfirmed, StaffCalled
from kiosk.screens import screen_for
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.hint import Hint
from kiosk.widgets.pin_entry import PinEntry
from kiosk.widgets.presses import DOUBLE_TAP, LONGEST_DELAY, PRESSES
from tests.screens.gallery import VIEWS, GalleryApp, typed


def pin_app(count: int = 0) -> GalleryApp:
    return GalleryApp(replace(VIEWS["PIN"], pin=typed(count), pin_length=(4, 16)))


@pytest.fixture
def judging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presses are judged as at a counter."""
    monkeypatch.setattr(PRESSES, "double_tap", DOUBLE_TAP)
    monkeypatch.setattr(PRESSES, "longest_delay", LONGEST_DELAY)


async def test_a_digit_typed_over_a_button_is_missed_and_the_pin_asked_for_again() -> None:
    app = pin_app()
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.press(*"1234")
        app.screen.set_focus(app.screen.query_one("#confirm"))
        await pilot.press("5", "enter")
        await pilot.pause()
        assert app.raised == []
        assert "chưa được nhận" in str(app.screen.query_one(Hint).content)
        assert len(app.view.pin) == 0
        assert isinstance(app.focused, PinEntry)
        await pilot.press(*"12345", "enter")
        await pilot.pause()
    assert app.raised == [PinConfirmed()]


async def test_what_is_typed_while_the_machine_works_is_missed() -> None:
    app = GalleryApp(VIEWS["preparing"])
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.press("5")
        app.view = replace(VIEWS["PIN"], pin=typed(0), pin_length=(4, 16))
        await app.switch_screen(screen_for(app.view))
        await pilot.press(*"1234", "enter")
        await pilot.pause()
        assert app.raised == []
        await pilot.press(*"51234", "enter")
        await pilot.pause()
    assert app.raised == [PinConfirmed()]


async def test_what_was_pressed_on_other_screens_is_forgotten() -> None:
    app = GalleryApp(VIEWS["consent"])
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.press("x")
        assert PRESSES.missed
        await app.switch_screen(screen_for(VIEWS["choose case"]))
        await pilot.pause()
        assert not PRESSES.missed


@pytest.mark.parametrize("key", ["5", "backspace"])
async def test_a_key_that_asks_for_more_time_does_not_reach_the_pin(
    judging: None, key: str
) -> None:
    app = pin_app(4)
    async with app.run_test(size=(120, 34)) as pilot:
        await app.push_screen(screen_for(replace(VIEWS["time-out"], state=flow.State.PIN)))
        now = time.monotonic()
        app.post_message(events.Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        assert app.raised == [MoreTimeAsked()]
        await app.pop_screen()
        for after in (0.25, 0.34, 0.43, 0.52):
            event = events.Key(key, key if len(key) == 1 else None)
            event.time = now + after
            app.post_message(event)
        await pilot.pause()
        assert len(app.view.pin) == 4


async def test_a_digit_does_not_choose_what_is_out_of_sight() -> None:
    names = tuple(f"ketoan.{number:02}" for number in range(12))
    app = GalleryApp(replace(VIEWS["choose username"], usernames=names))
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press("9")
        await pilot.pause()
        assert app.raised == []
        await pilot.press("9")
        await pilot.pause()
        assert [type(event) for event in app.raised] == [flow.UsernameChosen]


async def test_a_key_with_f1_does_nothing_under_the_staff_call() -> None:
    app = pin_app(6)
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.press("f1")
        screen = app.journey_screen
        screen.show(app.view)
        screen.cover()
        screen.query_one(PinEntry).action_submit()
        await pilot.pause()
        assert app.raised == [StaffCalled()]
        app.view.pin.backspace()
        assert len(app.view.pin) == 5
        assert isinstance(screen, JourneyScreen)
