"""Everything a screen has to say is on it, whole, at every size and in both languages."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from textual.widget import Widget
from textual.widgets import Static

from kiosk import problems
from kiosk.screens.base import JourneyScreen
from kiosk.screens.confirm import ConfirmScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words
from kiosk.widgets.key_grid import KeyGrid
from kiosk.widgets.qr import QrCode
from tests.screens.gallery import VIEWS, GalleryApp
from tests.terminal.pictures import text_of

SIZES = [(80, 25), (120, 34), (240, 67)]


def letters(text: str) -> str:
    """The text without the spaces and line ends that wrapping moves."""
    return "".join(unicodedata.normalize("NFC", text).split())


def shown(app: GalleryApp, widget: Widget) -> str:
    """What the screen shows where the widget is."""
    region = widget.region
    rows = text_of(app)[region.y : region.bottom]
    return letters("".join(row[region.x : region.right] for row in rows)).translate(
        str.maketrans("", "", "│─┌┐└┘┃━┏┓┗┛╭╮╰╯")
    )


async def check_whole(view: View, size: tuple[int, int]) -> None:
    app = GalleryApp(view)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        check_shown(app)


def check_shown(app: GalleryApp) -> None:
    screen = app.screen.region
    for widget in app.screen.walk_children(Words):
        if not is_shown(widget) or widget.styles.visibility == "hidden":
            continue
        wanted = letters(str(widget.content)).translate(str.maketrans("", "", "─"))
        assert screen.contains_region(widget.region), (str(widget.content), widget.region)
        assert wanted in shown(app, widget), str(widget.content)
    for kind in (ActionButton, KeyGrid, QrCode):
        for widget in app.screen.query(kind):
            if is_shown(widget):
                stage = app.screen if _in_frame(widget) else app.screen.query_one("#stage")
                assert stage.region.contains_region(widget.region), widget
                assert widget.region.height > 0
    body = app.screen.query_one("#body").region
    for widget in app.screen.query("#body *"):
        if is_shown(widget) and widget.region.area:
            assert body.contains_region(widget.region), (widget, widget.region, body)
    first = app.journey_screen.first_focus()
    assert first is None or screen.contains_region(first.region)
    for place in ("#head", "#stage", "#foot"):
        for other in ("#head", "#stage", "#foot"):
            if place < other:
                one, two = app.screen.query_one(place), app.screen.query_one(other)
                assert not one.region.overlaps(two.region)


def is_shown(widget: Widget) -> bool:
    """Whether it and all that it is in are displayed."""
    return all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))


def _in_frame(widget: Widget) -> bool:
    return any(node.id in ("head", "foot") for node in widget.ancestors)


PLAIN = [name for name in VIEWS if not name.startswith("problem ")]


@pytest.mark.parametrize(
    ("language", "size"), [("vi", (80, 25)), ("en", (80, 25)), ("vi", (120, 34))]
)
@pytest.mark.parametrize("name", PLAIN)
async def test_every_word_is_shown_whole(name: str, language: str, size: tuple[int, int]) -> None:
    await check_whole(replace(VIEWS[name], language=language), size)


@pytest.mark.parametrize("name", ["welcome", "username, demo", "PIN", "hotline, all ways", "sent"])
async def test_a_large_screen_shows_every_word(name: str) -> None:
    await check_whole(VIEWS[name], (240, 67))


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("can_retry", [False, True])
async def test_every_problem_is_shown_whole(language: str, can_retry: bool) -> None:
    views = [
        replace(VIEWS[f"problem {problem.code}"], language=language)
        for problem in problems.ALL
        if problem.can_retry is can_retry
    ]
    app = GalleryApp(views[0])
    async with app.run_test(size=(80, 25)) as pilot:
        for view in views:
            app.journey_screen.show(view)
            await pilot.pause()
            check_shown(app)


@pytest.mark.parametrize("name", PLAIN)
async def test_the_smallest_screen_has_room_for_a_demonstration(name: str) -> None:
    await check_whole(replace(VIEWS[name], demo=VIEWS["username, demo"].demo), (80, 25))


async def test_a_problem_shows_its_code_and_advice_for_staff() -> None:
    app = GalleryApp(VIEWS["problem C02"])
    async with app.run_test(size=(120, 34)):
        text = "\n".join(text_of(app))
    assert "Mã lỗi C02" in text
    assert "30/06/2026" in text
    assert "Dành cho nhân viên" not in text
    assert "Dành cho nhân viên" in await text_on_screen("problem C02, staff called")


async def text_on_screen(name: str) -> str:
    app = GalleryApp(VIEWS[name])
    async with app.run_test(size=(120, 34)):
        return "\n".join(text_of(app))


async def test_the_last_try_says_whether_the_pin_before_was_wrong() -> None:
    refused = "Mã PIN vừa nhập không chính xác"
    assert refused not in await text_on_screen("last try")
    assert refused in await text_on_screen("last try, PIN refused")


async def test_staff_are_called_only_in_words_that_are_true() -> None:
    called = "Đã gọi nhân viên"
    assert called in await text_on_screen("staff call")
    for name in ("staff call, calling", "staff call, failed"):
        assert called not in await text_on_screen(name)
    assert "1800 1260" in await text_on_screen("staff call, failed")


async def test_the_confirm_screen_takes_no_press_before_it_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ConfirmScreen, "SETTLE", 60.0)
    app = GalleryApp(VIEWS["confirm"])
    async with app.run_test() as pilot:
        await pilot.press("enter")
        await pilot.click("#actions ActionButton")
    assert app.raised == []


async def test_ways_that_are_not_configured_are_not_shown() -> None:
    for name, expected in (("hotline", False), ("hotline, all ways", True)):
        app = GalleryApp(VIEWS[name])
        async with app.run_test(size=(120, 34)) as pilot:
            await pilot.press("enter")
            await pilot.pause()
            text = "\n".join(text_of(app))
        assert "1800 1260" in text
        assert ("hotro@example.vn" in text) is expected
        assert ("chủ động liên hệ lại" in text) is expected


async def test_a_simulated_token_says_so_and_a_real_one_does_not() -> None:
    for name, expected in (("welcome", False), ("welcome, simulated", True)):
        app = GalleryApp(VIEWS[name])
        async with app.run_test(size=(80, 25)):
            assert ("SIMULATED" in "\n".join(text_of(app))) is expected


async def test_outside_text_is_never_markup() -> None:
    view = VIEWS["confirm"]
    assert view.reset is not None
    organisation = "CÔNG TY [red]A[/red] [@click=app.bell]B[/] [link=x"
    view = replace(view, username="[b]x[/b]", reset=replace(view.reset, organisation=organisation))
    app = GalleryApp(view)
    async with app.run_test(size=(120, 34)):
        text = "\n".join(text_of(app))
    assert organisation in text
    assert "[b]x[/b]" in text


async def test_another_size_takes_effect_at_once() -> None:
    app = GalleryApp(VIEWS["username"])
    async with app.run_test(size=(240, 67)) as pilot:
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            for widget in app.screen.query("#body *"):
                assert app.screen.region.contains_region(widget.region)


@pytest.mark.parametrize("name", ["welcome", "hotline", "confirm", "problem C02", "time-out"])
async def test_the_other_language_in_place_equals_a_new_screen(name: str) -> None:
    for press in ("f2", "#language"):
        app = GalleryApp(VIEWS[name])
        async with app.run_test(size=(120, 34)) as pilot:
            focused = app.focused
            if press == "f2":
                await pilot.press("f2")
                assert app.focused is focused
            else:
                await pilot.click(press)
                app.screen.set_focus(focused)
            await pilot.pause()
            switched = text_of(app)
        fresh = GalleryApp(replace(VIEWS[name], language="en", next_language="vi"))
        async with fresh.run_test(size=(120, 34)):
            assert switched == text_of(fresh)


async def test_a_note_is_plain_text_and_any_key_closes_it() -> None:
    from kiosk.screens.note import NoteScreen

    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(80, 25)) as pilot:
        for close in ("x", "enter", "escape"):
            await app.push_screen(NoteScreen("Mật khẩu: [b]Ab3[/b]"))
            await pilot.pause()
            assert "Mật khẩu: [b]Ab3[/b]" in "\n".join(text_of(app))
            await pilot.press(close)
            assert isinstance(app.screen, JourneyScreen)
        await app.push_screen(NoteScreen("x"))
        await pilot.click(Static)
        assert isinstance(app.screen, JourneyScreen)
