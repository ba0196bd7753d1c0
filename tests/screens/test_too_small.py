"""A screen that is too small says so, and hides the journey without touching it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from textual.widgets import Input

from kiosk.app import KioskApp
from kiosk.flow import Overlay, State
from kiosk.screens.base import JourneyScreen
from kiosk.screens.confirm import ConfirmScreen
from kiosk.screens.note import NoteScreen
from kiosk.screens.too_small import TooSmallScreen
from kiosk.view import View
from kiosk.widgets.presses import PRESSES
from tests.screens.gallery import VIEWS
from tests.screens.test_note import screen_only
from tests.terminal.pictures import text_of

ENOUGH = (80, 25)
SIZES = [(1, 1), (1, 200), (500, 1), (2, 3), (20, 5), (79, 25), (80, 24), (80, 25), (500, 200)]


def _shows(app: KioskApp, *texts: str) -> bool:
    # A sentence may be broken over several lines.
    shown = " ".join(" ".join(text_of(app)).split())
    return all(text in shown for text in texts)


@pytest.mark.parametrize("size", [size for size in SIZES if size < ENOUGH or size[1] < 25], ids=str)
async def test_it_says_so_from_the_start(size: tuple[int, int]) -> None:
    app = screen_only()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, TooSmallScreen)
        if size[0] >= 20 and size[1] >= 5:
            assert _shows(app, "Màn hình quá nhỏ", "Screen too small", f"{size[0]} x {size[1]}")
            assert _shows(app, "80 x 25")


@pytest.mark.parametrize("name", ["PIN", "sent", "staff health"])
async def test_no_size_is_the_end(name: str) -> None:
    app = screen_only()
    async with app.run_test(size=ENOUGH) as pilot:
        app._show(VIEWS[name])
        await pilot.pause()
        for size in SIZES:
            await pilot.resize_terminal(*size)
            enough = size[0] >= 80 and size[1] >= 25
            assert isinstance(app.screen, JourneyScreen if enough else TooSmallScreen)
    assert app.return_code in (0, None)


async def test_what_is_below_stays_as_it_was_and_hears_nothing() -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        app._show(VIEWS["username"])
        await pilot.pause()
        await pilot.press(*"hoa", "tab")
        below, focused = app.screen, app.focused
        await pilot.resize_terminal(79, 34)
        await pilot.press(*"sen", "tab", "enter", "f1", "f2", "escape")
        await pilot.click(offset=(40, 20))
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert app.screen is below
        assert app.focused is focused
        assert below.query_one(Input).value == "hoa"
        assert (app.controller.view.language, app.controller.view.overlay) == ("vi", Overlay.NONE)
        assert "-medium" in below.classes, "it has the shape of the new size"


async def test_the_journey_goes_on_below() -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        app._show(VIEWS["confirm"])
        await pilot.pause()
        await pilot.resize_terminal(60, 20)
        for view in (
            replace(VIEWS["confirm"], overlay=Overlay.TIME_OUT, countdown=30),
            replace(VIEWS["confirm"], overlay=Overlay.TIME_OUT, countdown=29),
            VIEWS["sending"],
            View(State.GOODBYE),
        ):
            app._show(view)
            await pilot.pause()
            assert isinstance(app.screen, TooSmallScreen)
            assert sum(isinstance(one, TooSmallScreen) for one in app.screen_stack) == 1
        assert not any(isinstance(one, ConfirmScreen) for one in app.screen_stack)
        await pilot.resize_terminal(120, 34)
        assert _shows(app, "Cảm ơn Quý khách")


async def test_a_key_held_down_does_not_press_what_appears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PRESSES, "double_tap", 60.0)
    app = screen_only()
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.press("enter")
        await pilot.resize_terminal(120, 34)
        await pilot.press("enter")
        await pilot.pause()
        assert app.controller.view.state is State.WELCOME


async def test_a_note_is_there_again() -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.pause()
        app.show_note("Mật khẩu mới")
        await pilot.resize_terminal(60, 20)
        app.show_note("another")
        await pilot.press("x")
        assert isinstance(app.screen, TooSmallScreen)
        await pilot.resize_terminal(120, 34)
        assert isinstance(app.screen, NoteScreen)
