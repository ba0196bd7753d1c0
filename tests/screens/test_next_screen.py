"""The screen that comes next is made while the customer reads; they never see that it was."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widget import Widget

from kiosk import next_screen
from kiosk.app import KioskApp
from kiosk.flow import State
from kiosk.screens import screen_for
from kiosk.screens.base import JourneyScreen
from kiosk.view import View
from kiosk.widgets.presses import PRESSES
from tests.screens.gallery import VIEWS
from tests.screens.test_drawn_once import drawn
from tests.screens.test_note import ScreenOnly, screen_only
from tests.terminal.pictures import text_of

__all__ = ["drawn"]

SIZE = (120, 34)

STEPS = ("welcome", "consent", "insert token", "username", "PIN", "confirm", "sent")


def _view(name: str) -> View:
    """A view of the gallery, in the same visit as the others."""
    view = VIEWS[name]
    return replace(view, pin=VIEWS["welcome"].pin, demo=None, username="", pin_pad=False)


async def _show(app: KioskApp, pilot: Pilot[None], view: View) -> None:
    app._show(view)
    await pilot.pause()
    await pilot.pause()


async def _ready(app: KioskApp, pilot: Pilot[None]) -> JourneyScreen:
    """Wait for the screen that comes next."""
    for _ in range(400):
        screen = app._next.ready
        if screen is not None:
            return screen
        await pilot.pause(0.01)
    raise AssertionError("no screen was made ahead")


def _app() -> ScreenOnly:
    app = screen_only()
    app._next.begin(None)
    return app


@pytest.mark.parametrize(
    ("before", "after"), [("insert token", "username"), ("username", "PIN"), ("confirm", "sent")]
)
async def test_the_next_screen_is_there_already_and_says_what_is_so_now(
    before: str, after: str, drawn: list[str]
) -> None:
    app = _app()
    async with app.run_test(size=SIZE) as pilot:
        await _show(app, pilot, _view(before))
        ready = await _ready(app, pilot)
        drawn.clear()
        await _show(app, pilot, _view(after))
        assert app.screen is ready
        assert drawn == [type(ready).__name__], "drawn whole, and once"
        seen = text_of(app)
    fresh = screen_only()
    async with fresh.run_test(size=SIZE) as pilot:
        await _show(fresh, pilot, _view(after))
        assert text_of(fresh) == seen, "as if it had been made now"


@pytest.mark.parametrize("change", ["language", "theme", "size"])
async def test_what_changes_meanwhile_is_not_missed(change: str) -> None:
    after = _view("username")
    size = SIZE
    if change == "language":
        after = replace(after, language="en", next_language="vi")
    elif change == "theme":
        after = replace(after, theme="contrast")
    else:
        size = (80, 25)
    app = _app()
    async with app.run_test(size=SIZE) as pilot:
        await _show(app, pilot, _view("insert token"))
        await _ready(app, pilot)
        await pilot.resize_terminal(*size)
        await _show(app, pilot, after)
        seen, styled = text_of(app), app.export_screenshot(title="")
    fresh = screen_only()
    async with fresh.run_test(size=size) as pilot:
        await _show(fresh, pilot, after)
        assert text_of(fresh) == seen
        assert _colours(fresh.export_screenshot(title="")) == _colours(styled)


def _colours(svg: str) -> set[str]:
    return {part[:7] for part in svg.split("fill: ")[1:]}


async def test_other_widgets_than_were_made_are_made_anew() -> None:
    app = _app()
    async with app.run_test(size=SIZE) as pilot:
        await _show(app, pilot, _view("username"))
        ready = await _ready(app, pilot)
        await _show(app, pilot, replace(_view("PIN"), pin_pad=True))
        assert app.screen is not ready
        assert app.screen.view.state is State.PIN  # type: ignore[attr-defined]
        assert not ready.is_running


async def test_no_screen_of_a_visit_outlives_it() -> None:
    app = _app()
    async with app.run_test(size=SIZE) as pilot:
        confirm = _view("confirm")
        assert confirm.reset is not None
        address = confirm.reset.masked_email
        await _show(app, pilot, confirm)
        ready = await _ready(app, pilot)
        assert address in _words(ready), "the test looks at what is there"
        await _show(app, pilot, _view("welcome"))
        await _ready(app, pilot)
        assert not ready.is_running
        assert not any(address in _words(one) for one in app._registry if isinstance(one, Widget))


def _words(widget: Widget) -> str:
    return " ".join(str(one.render()) for one in widget.query("Words"))


async def test_nobody_hears_of_a_screen_that_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = _app()
    told: list[Widget] = []
    monkeypatch.setattr(app._narration, "focused", told.append)
    async with app.run_test(size=SIZE) as pilot:
        await _show(app, pilot, _view("insert token"))
        ready = await _ready(app, pilot)
        assert ready.focused is not None
        assert not any(one in told for one in ready.walk_children(Widget))
        await pilot.press("a", "enter")
        assert not any(one in told for one in ready.walk_children(Widget))
        assert "a" not in _words(ready).split()


async def test_what_is_ready_is_made_once_and_not_while_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = _app()
    made: list[State] = []
    make = next_screen.screen_for

    def counted(view: View) -> JourneyScreen:
        made.append(view.state)
        return make(view)

    monkeypatch.setattr(next_screen, "screen_for", counted)
    async with app.run_test(size=SIZE) as pilot:
        await _show(app, pilot, _view("welcome"))
        await _ready(app, pilot)
        for hours in ("07:30-11:30", "08:00-11:30"):
            await _show(app, pilot, replace(_view("welcome"), hours=(hours,)))
            await _ready(app, pilot)
        assert made == [State.CONSENT]


async def test_a_customer_who_is_quicker_finds_a_new_screen() -> None:
    app = _app()
    async with app.run_test(size=SIZE) as pilot:
        for name in STEPS:
            app._show(_view(name))
            await pilot.pause()
        await pilot.pause()
        assert app.screen.view.state is _view(STEPS[-1]).state  # type: ignore[attr-defined]


async def test_a_key_that_was_missed_is_not_forgotten_while_another_screen_is_made() -> None:
    app = _app()
    async with app.run_test(size=SIZE) as pilot:
        await _show(app, pilot, _view("PIN"))
        PRESSES.missed = True
        await _ready(app, pilot)
        assert PRESSES.missed, "the PIN that is being typed lacks a character"
        await _show(app, pilot, _view("confirm"))
        assert not PRESSES.missed, "and the next screen knows nothing of it"


@pytest.mark.parametrize(
    ("before", "between", "after"),
    [("welcome", "consent", "choose case"), ("confirm", "welcome", "consent")],
)
async def test_what_was_wished_for_before_is_not_made_for_another_step(
    before: str, between: str, after: str
) -> None:
    app = _app()
    async with app.run_test(size=SIZE) as pilot:
        await _show(app, pilot, _view(before))
        # The timer has fired, and the journey goes on before the app comes to it.
        app.call_later(app._next._start)
        app._show(_view(between))
        app.call_later(app._next._start)
        await pilot.pause()
        ready = await _ready(app, pilot)
        assert type(ready) is type(screen_for(_view(after)))
        await _show(app, pilot, _view(after))
        assert app.screen is ready


async def _begin_to_make(app: KioskApp, pilot: Pilot[None], turns: int) -> None:
    """Leave a screen as half-made as it is after so many turns of the event loop."""
    await _show(app, pilot, _view("insert token"))
    app._next._start()
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 12, 20])
async def test_a_screen_is_let_go_of_while_it_is_being_made(turns: int) -> None:
    app = _app()
    async with app.run_test(size=SIZE) as pilot:
        await _begin_to_make(app, pilot, turns)
        app._next._let_go()
        await _show(app, pilot, _view("welcome"))
        ready = await _ready(app, pilot)
        assert ready.view.state is State.CONSENT
        assert app.crash_report == ""
        screens = [one for one in app._registry if isinstance(one, JourneyScreen)]
        assert set(screens) == {app.screen, ready}, "nothing is left of the other one"


async def test_the_kiosk_ends_while_a_screen_is_being_made() -> None:
    for turns in (1, 4, 10, 30):
        app = _app()
        async with app.run_test(size=SIZE) as pilot:
            await _begin_to_make(app, pilot, turns)
            app.exit()
        assert (app.crash_report, app.return_code) == ("", 0)
