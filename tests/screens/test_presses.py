"""Presses on real screens: held keys, digits that choose, how large and how visible targets are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from textual import events
from textual.pilot import Pilot
from textual.widget import Widget

from kiosk import flow
from kiosk.screens import guarded, screen_for
from kiosk.styles.tokens import PALETTES, SPACING, theme_name
from kiosk.view import CertificateView
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.demo_strip import DemoStrip
from kiosk.widgets.key_grid import KeyGrid
from kiosk.widgets.pin_entry import PinEntry
from kiosk.widgets.presses import DOUBLE_TAP, LONGEST_DELAY, PRESSES, TypingFilter
from kiosk.widgets.username_input import UsernameInput
from tests.screens.gallery import HOLDER, VIEWS, GalleryApp, typed
from tests.terminal.pictures import text_of

HOLD = [0.0, *(0.6 + place / 25 for place in range(60))]
"""When the presses of a key come that is held for three seconds under cage."""


@pytest.fixture
def _real(monkeypatch: pytest.MonkeyPatch, _strict_and_quick: None) -> None:
    """Judge presses as the kiosk does."""
    monkeypatch.setattr(PRESSES, "double_tap", DOUBLE_TAP)
    monkeypatch.setattr(PRESSES, "longest_delay", LONGEST_DELAY)
    monkeypatch.setattr(TypingFilter, "FASTEST", 0.11)


async def press_at(pilot: Pilot[None], key: str, *times: float) -> None:
    """Press a key at these times of a clock that begins in the past."""
    for at in times:
        event = events.Key(key, key if len(key) == 1 else None)
        event.time = at
        pilot.app.post_message(event)
    await pilot.pause()


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it never came")


@pytest.mark.usefixtures("_real")
async def test_enter_that_is_held_over_three_screens_presses_once() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test() as pilot:
        for name, times in (
            ("no email", HOLD[:1]),
            ("last try", HOLD[1:20]),
            ("PIN wrong", HOLD[20:40]),
            ("send failed", HOLD[40:]),
        ):
            await app.switch_screen(screen_for(VIEWS[name]))
            await press_at(pilot, "enter", *times)
    assert app.raised == [flow.ResendAsked()]


@pytest.mark.usefixtures("_real")
async def test_f2_that_is_held_changes_the_language_once() -> None:
    app = GalleryApp(VIEWS["confirm"])
    async with app.run_test() as pilot:
        await press_at(pilot, "f2", *HOLD)
    assert app.toggled == 1


@pytest.mark.usefixtures("_real")
async def test_a_second_press_acts_when_no_repetition_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guarded, "REPEAT_INTERVAL", 0.01)
    app = GalleryApp(VIEWS["confirm"])
    async with app.run_test() as pilot:
        await press_at(pilot, "f2", 0.0, 1.0)
        await until(pilot, lambda: app.toggled == 2)
        await press_at(pilot, "f2", 2.5)
    assert app.toggled == 3


@pytest.mark.usefixtures("_real")
@pytest.mark.parametrize("change", ["screen", "overlay", "focus"])
async def test_a_press_that_waits_dies_with_what_it_was_meant_for(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = []
    monkeypatch.setattr(guarded, "REPEAT_INTERVAL", 0.05)
    monkeypatch.setattr(PRESSES, "due", lambda at: released.append(at) or True)
    app = GalleryApp(VIEWS["no match"])
    async with app.run_test() as pilot:
        await press_at(pilot, "f4")
        PRESSES.judge("enter", 0.0)
        await press_at(pilot, "enter", 0.6)
        if change == "screen":
            await app.switch_screen(screen_for(VIEWS["send failed"]))
            await pilot.pause(0.1)
        else:
            if change == "overlay":
                await app.push_screen(screen_for(VIEWS["staff call"]))
            else:
                app.screen.focus_next()
            await until(pilot, lambda: bool(released))
            await pilot.pause()
    assert app.raised == []


@pytest.mark.usefixtures("_real")
async def test_a_held_character_is_typed_into_a_pin_once() -> None:
    view = replace(VIEWS["PIN"], pin=typed(0))
    app = GalleryApp(view)
    async with app.run_test() as pilot:
        await press_at(pilot, "4", *HOLD)
        await press_at(pilot, "2", 5.0, 5.15, 5.3)
        assert bytes(view.pin.view()) == b"4222"
        assert sum(line.count("●") for line in text_of(app)) == 4


@pytest.mark.usefixtures("_real")
async def test_the_last_character_of_a_full_pin_may_be_held() -> None:
    view = replace(VIEWS["PIN"], pin=typed(7), pin_length=(8, 8))
    app = GalleryApp(view)
    async with app.run_test() as pilot:
        await press_at(pilot, "4", *HOLD)
        await press_at(pilot, "enter", 9.0)
    assert app.raised == [flow.PinConfirmed()]
    assert bytes(view.pin.view()) == b"77777774"


@pytest.mark.usefixtures("_real")
async def test_a_digit_that_is_held_since_it_chose_is_not_typed() -> None:
    app = GalleryApp(VIEWS["choose certificate"])
    async with app.run_test() as pilot:
        await press_at(pilot, "1", HOLD[0])
        await app.switch_screen(screen_for(VIEWS["username"]))
        await press_at(pilot, "1", *HOLD[1:])
        assert app.screen.query_one(UsernameInput).value == ""
        await press_at(pilot, "1", 8.0, 8.6, 8.64)
        assert app.screen.query_one(UsernameInput).value == "111"


CHOICES = [
    ("consent", "1", flow.Agreed()),
    ("consent", "2", flow.Declined()),
    ("choose case", "1", flow.RememberedUsername()),
    ("choose case", "2", flow.ForgotUsername()),
    ("choose case, with lookup", "2", flow.LookupAsked()),
    ("choose case", "3", flow.LostMailbox()),
    ("choose certificate", "2", flow.CertificateChosen("cd" * 32)),
    ("choose username", "3", flow.UsernameChosen("ketoan.hoasen")),
]


async def test_a_digit_presses_the_choice_that_shows_it() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(80, 25)) as pilot:
        for name, digit, event in CHOICES:
            await app.switch_screen(screen_for(VIEWS[name]))
            await pilot.pause()
            shown = [str(b.content) for b in app.screen.query(ActionButton) if b.display]
            assert sum(words.startswith(f"{digit}  ") for words in shown) == 1
            await pilot.press("9", digit)
            assert app.raised.pop() == event
            assert app.raised == []


async def test_more_choices_than_digits_show_no_others() -> None:
    many = tuple(
        CertificateView(f"{number:064x}", f"C{number}", "", HOLDER.valid_until)
        for number in range(12)
    )
    app = GalleryApp(replace(VIEWS["choose certificate"], certificates=many))
    async with app.run_test(size=(120, 34)) as pilot:
        starts = [
            str(b.content).split()[0] for b in app.screen.query(".choice").results(ActionButton)
        ]
        assert starts == [*map(str, range(1, 10)), "C9", "C10", "C11"]
        # The ninth has to be scrolled into sight first.
        await pilot.press("9")
        assert app.raised == []
        await pilot.press("9")
    assert app.raised == [flow.CertificateChosen(many[8].fingerprint)]


async def test_six_presses_lead_from_welcome_to_sent_beside_what_is_typed() -> None:
    journey = flow.Journey()
    app = GalleryApp(VIEWS["welcome"])
    presses = 0
    async with app.run_test() as pilot:
        for name, text, key, then in (
            ("welcome", "", "enter", ()),
            ("consent", "", "1", ()),
            ("choose case", "", "1", (flow.TokenInserted(), flow.TokenRead())),
            ("username", "hoasen", "enter", (flow.PinReady(),)),
            ("PIN", "12", "enter", (flow.ProofAccepted(),)),
            ("confirm", "", "enter", (flow.Sent(),)),
        ):
            # All of the gallery's views share one PIN, which other tests may have wiped.
            view = replace(VIEWS[name], pin=typed(6))
            await app.switch_screen(screen_for(view))
            assert view.state is journey.state
            await pilot.press(*text, key)
            presses += 1
            await until(pilot, lambda: bool(app.raised))
            journey.handle(app.raised.pop())
            for event in then:
                journey.handle(event)
    assert (journey.state, presses) == (flow.State.SENT, 6)


def _on_the_strip(widget: Widget) -> bool:
    return any(isinstance(node, DemoStrip) for node in widget.ancestors)


async def test_a_finger_hits_every_button_and_key() -> None:
    rows, columns = SPACING["target-rows"], SPACING["target-columns"]
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(120, 34)) as pilot:
        states = {(view.state, view.overlay): (name, view) for name, view in VIEWS.items()}
        for name, view in states.values():
            if view.state in flow.STAFF_STATES:
                continue
            await app.switch_screen(screen_for(view))
            await pilot.pause()
            for button in app.screen.query(ActionButton):
                if button.display and not _on_the_strip(button):
                    assert button.region.height >= rows, (name, button.region)
                    assert button.region.width >= columns, (name, button.region)
            for grid in app.screen.query(KeyGrid):
                assert grid.region.height == len(grid.page) * rows


@pytest.mark.parametrize(("size", "rows"), [((80, 25), 1), ((100, 30), 1), ((240, 67), 5)], ids=str)
async def test_keys_grow_with_the_screen(size: tuple[int, int], rows: int) -> None:
    app = GalleryApp(VIEWS["username"])
    async with app.run_test(size=size) as pilot:
        for name in ("username", "PIN"):
            await app.switch_screen(screen_for(VIEWS[name]))
            await pilot.pause()
            grid = app.screen.query_one(KeyGrid)
            assert grid.region.height == len(grid.page) * max(2, rows) - (rows == 1)
            assert app.screen.query_one("#stage").region.contains_region(grid.region)


async def test_the_focus_is_seen_in_every_theme() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(120, 34)) as pilot:
        for theme in PALETTES:
            app.theme = theme_name(theme)
            for name in ("choose certificate", "username", "PIN"):
                await app.switch_screen(screen_for(VIEWS[name]))
                for widget in list(app.screen.focus_chain):
                    app.screen.set_focus(None)
                    await pilot.pause()
                    before = _look(widget)
                    app.screen.set_focus(widget)
                    await pilot.pause()
                    assert widget.has_focus
                    typing = isinstance(widget, UsernameInput | PinEntry)
                    assert [one != two for one, two in zip(before, _look(widget), strict=True)] == [
                        True,
                        not typing or theme != "contrast",
                    ], (theme, name, widget)


def _look(widget: Widget) -> tuple[object, object]:
    """Its frame and what is inside."""
    return widget.styles.border_top[0], widget.background_colors[1]
