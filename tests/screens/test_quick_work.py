"""Work that takes no time is not announced: the step before stays, deaf, and the next appears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from kiosk import app as app_module
from kiosk.app import KioskApp
from kiosk.flow import Overlay, PinConfirmed, State
from kiosk.screens.base import JourneyScreen
from kiosk.screens.busy import BusyScreen
from kiosk.screens.send_failed import SendFailedScreen
from kiosk.screens.staff_call import StaffCallScreen
from kiosk.screens.token_removed import TokenRemovedScreen
from kiosk.view import View
from kiosk.widgets.presses import PRESSES
from tests.screens.gallery import VIEWS
from tests.screens.test_note import screen_only

NEVER = 3600.0
SOON = 0.01


@pytest.fixture(autouse=True)
def _no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """The busy screen waits for longer than any test, unless one says otherwise."""
    monkeypatch.setattr(app_module, "BUSY_AFTER", NEVER)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[type[object]]:
    """Which screens were painted."""
    painted: list[type[object]] = []
    paint = JourneyScreen._compositor_refresh

    def noted(screen: JourneyScreen) -> None:
        painted.append(type(screen))
        paint(screen)

    monkeypatch.setattr(JourneyScreen, "_compositor_refresh", noted)
    return painted


async def _shown(app: KioskApp, pilot: Pilot[None], *names: str) -> None:
    for name in names:
        app._show(VIEWS[name])
        await pilot.pause()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(SOON)


@pytest.mark.parametrize(
    "way",
    [
        ("insert token", "reading", "username"),
        ("username", "preparing", "PIN"),
        ("PIN", "verifying", "confirm"),
        ("confirm", "sending", "sent"),
        ("no email", "resending", "sent"),
    ],
    ids=lambda way: way[1],
)
async def test_quick_work_is_not_drawn(
    way: tuple[str, str, str], drawn: list[type[object]]
) -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await _shown(app, pilot, way[0])
        before = app.screen
        await _shown(app, pilot, way[1])
        assert app.screen is before
        await _shown(app, pilot, way[2])
        assert app.screen is not before
        assert app.screen.view.state is VIEWS[way[2]].state  # type: ignore[attr-defined]
        assert BusyScreen not in drawn


async def test_slow_work_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "BUSY_AFTER", SOON)
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        for name in ("PIN", "verifying"):
            app._show(VIEWS[name])
            await pilot.pause()
        await _until(lambda: isinstance(app.screen, BusyScreen))
        await _shown(app, pilot, "confirm", "sending")
        await _until(lambda: isinstance(app.screen, BusyScreen))
        assert app.screen.view.state is State.SENDING  # type: ignore[attr-defined]


async def test_nothing_pressed_meanwhile_does_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither on the screen that stays, nor on the one that comes."""
    monkeypatch.setattr(PRESSES, "double_tap", 60.0)
    app = screen_only()
    raised: list[object] = []
    monkeypatch.setattr(app.controller, "dispatch", raised.append)
    async with app.run_test(size=(120, 34)) as pilot:
        await _shown(app, pilot, "PIN", "verifying")
        pin = VIEWS["PIN"].pin
        typed = len(pin)
        pin.release()
        await pilot.press("7", "backspace", "enter", "tab", "enter", "f1", "f2", "escape")
        await pilot.click("#confirm")
        await pilot.click(".pad")
        assert len(pin) == typed
        await _shown(app, pilot, "confirm")
        await pilot.press("enter")
        await pilot.click("#actions ActionButton")
        await pilot.pause()
        assert raised == []
        assert app.controller.view.language == "vi"


async def test_confirm_is_raised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    app = screen_only()
    raised: list[object] = []
    monkeypatch.setattr(app.controller, "dispatch", raised.append)
    async with app.run_test(size=(120, 34)) as pilot:
        await _shown(app, pilot, "PIN, demo")
        await pilot.press(*"12345678", "enter")
        app._show(VIEWS["verifying"])
        await pilot.press("enter", "enter")
        assert raised == [PinConfirmed()]
        VIEWS["PIN, demo"].pin.wipe()


async def test_a_removed_token_is_told_at_once(drawn: list[type[object]]) -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await _shown(app, pilot, "PIN", "verifying", "token removed")
        assert isinstance(app.screen, TokenRemovedScreen)
        assert BusyScreen not in drawn


async def test_what_lies_over_a_busy_screen_is_shown_at_once() -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await _shown(app, pilot, "PIN", "verifying")
        app._show(View(State.VERIFYING, overlay=Overlay.STAFF_CALL))
        await pilot.pause()
        assert isinstance(app.screen, StaffCallScreen)
        assert isinstance(app.screen_stack[-2], BusyScreen)
        await _shown(app, pilot, "verifying")
        assert isinstance(app.screen, BusyScreen)


async def test_the_language_is_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await _shown(app, pilot, "username", "preparing")
        english = View(State.PREPARING, language="en")
        app._show(english)
        await pilot.pause()
        app._lose_patience()
        await pilot.pause()
        assert isinstance(app.screen, BusyScreen)
        assert app.screen.view == english  # type: ignore[attr-defined]


async def test_what_fails_at_once_begins_anew() -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await _shown(app, pilot, "send failed")
        before = app.screen
        await pilot.press("enter")
        await _shown(app, pilot, "sending", "send failed")
        assert isinstance(app.screen, SendFailedScreen)
        assert app.screen is not before
        assert app.focused is not None
