"""Everything a screen has to say is on it, whole, at every size and in every language."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Static

from kiosk import i18n
from kiosk.flow import State
from kiosk.screens.base import JourneyScreen
from kiosk.screens.confirm import ConfirmScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words
from kiosk.widgets.key_grid import KeyGrid
from kiosk.widgets.qr import QrCode
from kiosk.widgets.step_bar import StepBar
from tests.screens.gallery import VIEWS, GalleryApp
from tests.terminal.pictures import text_of

SMALLEST = (80, 25)
SIZES = [SMALLEST, (120, 34), (240, 67)]

PROBLEMS = [name for name in VIEWS if name.startswith("problem ")]
PLAIN = [name for name in VIEWS if name not in PROBLEMS]
FOR_STAFF = (State.STAFF_LOGIN, State.STAFF)
SHARES = 8
"""Views are looked at in so many tests, so that several processes can share them."""

FRAMES = str.maketrans("", "", "│─┌┐└┘┃━┏┓┗┛╭╮╰╯")

NEVER_FIRST = "、。，．！？：；）」』】〉》”’ーぁぃぅぇぉっゃゅょァィゥェォッャュョ"
NEVER_LAST = "（「『【〈《“‘"


def letters(text: str) -> str:
    """The text without the spaces and line ends that wrapping moves."""
    return "".join(unicodedata.normalize("NFC", text).split())


def cells(row: str) -> list[str]:
    """What is in each cell of a row; a wide letter is in its first."""
    return [part for letter in row for part in (letter, *[""] * (cell_len(letter) - 1))]


def lines_in(screen: Sequence[Sequence[str]], region: Region) -> list[str]:
    """The lines that are shown in a region, without frames."""
    rows = screen[region.y : region.bottom]
    return ["".join(row[region.x : region.right]).translate(FRAMES).strip() for row in rows]


def faults_of(app: GalleryApp) -> Iterator[str]:
    """Everything that is not whole on the app's screen."""
    screen = app.screen.region
    seen = [cells(row) for row in text_of(app)]
    for widget in app.screen.walk_children(Words):
        if not is_shown(widget) or widget.styles.visibility == "hidden":
            continue
        text = str(widget.content)
        lines = lines_in(seen, widget.region)
        if not screen.contains_region(widget.region):
            yield f"outside: {text}"
        elif letters(text).translate(FRAMES) not in letters("".join(lines)):
            yield f"cut: {text}, shown: {lines}"
        for line in filter(None, lines):
            if line[0] in NEVER_FIRST or line[-1] in NEVER_LAST:
                yield f"badly broken: {lines}"
    for bar in app.screen.query(StepBar):
        text, lines = str(bar.content), lines_in(seen, bar.region)
        if letters(text).translate(FRAMES) not in letters("".join(lines)):
            yield f"cut: {text}, shown: {lines}"
    for kind in (ActionButton, KeyGrid, QrCode):
        for widget in app.screen.query(kind):
            if is_shown(widget):
                stage = app.screen if _in_frame(widget) else app.screen.query_one("#stage")
                if not stage.region.contains_region(widget.region) or not widget.region.height:
                    yield f"not on the stage: {widget}"
    body = app.screen.query_one("#body").region
    for widget in app.screen.query("#body *"):
        if is_shown(widget) and widget.region.area and not body.contains_region(widget.region):
            yield f"not in the body: {widget}"
    first = app.journey_screen.first_focus()
    if first is not None and not screen.contains_region(first.region):
        yield f"focused outside: {first}"
    head, stage, foot = (app.screen.query_one(f"#{place}").region for place in PLACES)
    if head.overlaps(stage) or stage.overlaps(foot):
        yield "the frame lies over the stage"


PLACES = ("head", "stage", "foot")


def check_shown(app: GalleryApp) -> None:
    assert not list(faults_of(app))


def is_shown(widget: Widget) -> bool:
    """Whether it and all that it is in are displayed."""
    return all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))


def _in_frame(widget: Widget) -> bool:
    return any(node.id in ("head", "foot") for node in widget.ancestors)


async def all_faults(
    views: Mapping[str, View], languages: Sequence[str], *sizes: tuple[int, int]
) -> list[str]:
    """Show every view in every language, at every size, and say what is not whole."""
    app = GalleryApp(next(iter(views.values())))
    found = []
    async with app.run_test(size=sizes[0]) as pilot:
        for name, view in views.items():
            for language in languages if view.state not in FOR_STAFF else i18n.LANGUAGES:
                now = replace(view, language=language, next_language="vi")
                await app.turn_to(now)
                found += [
                    f"{name}, {language}, {size}: {fault}"
                    # The size that the view before has left comes first.
                    for size in sorted(sizes, key=app.size.__ne__)
                    for fault in await _faults_in(app, pilot, size)
                ]
    return found


async def _faults_in(app: GalleryApp, pilot: Pilot[None], size: tuple[int, int]) -> list[str]:
    """What is not whole at this size; a code that gives way to words takes another round of
    layout."""
    if app.size != size:
        await pilot.resize_terminal(*size)
    for _ in range(10):
        await pilot.pause()
        if not (faults := list(faults_of(app))):
            break
    return faults


def share(number: int) -> dict[str, View]:
    """Every so many of the views, problems with the same buttons one after the other."""

    def kind(name: str) -> bool:
        problem = VIEWS[name].problem
        return problem is not None and problem.can_retry

    names = PLAIN + sorted(PROBLEMS, key=kind)
    return {name: VIEWS[name] for name in names[number::SHARES]}


@pytest.mark.parametrize("number", range(SHARES))
async def test_the_smallest_screen_shows_every_word_in_every_language(number: int) -> None:
    assert await all_faults(share(number), i18n.ALL, SMALLEST) == []


async def test_a_larger_screen_shows_every_word() -> None:
    """On the way from one size to the other, too."""
    views = {name: VIEWS[name] for name in PLAIN}
    assert await all_faults(views, ["vi"], (100, 30), (120, 34)) == []


async def test_the_largest_screen_shows_every_word() -> None:
    names = ["welcome", "username, demo", "PIN", "hotline, all ways", "sent"]
    assert await all_faults({name: VIEWS[name] for name in names}, ["vi"], (240, 67)) == []


async def test_the_smallest_screen_has_room_for_a_demonstration() -> None:
    demo = VIEWS["username, demo"].demo
    views = {name: replace(VIEWS[name], demo=demo) for name in PLAIN}
    assert await all_faults(views, ["vi"], SMALLEST) == []


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
        assert ("liên hệ lại" in text) is expected


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


@pytest.mark.parametrize(("width", "accounts"), [(80, 2), (70, 1), (50, 0)])
async def test_the_demonstrations_line_leaves_out_names_that_do_not_fit(
    width: int, accounts: int
) -> None:
    app = GalleryApp(VIEWS["username, demo"])
    async with app.run_test(size=(width, 25)):
        line = text_of(app)[-1]
    assert sum(name in line.replace(",", " ").split() for name in ("hoasen", "hoasen.kho")) == (
        accounts
    )
    assert "12345678" in line
    assert "http://127.0.0.1:39025/mail" in line


async def test_the_time_left_is_large() -> None:
    app = GalleryApp(VIEWS["time-out"])
    async with app.run_test(size=(80, 25)) as pilot:
        before = text_of(app)
        app.journey_screen.show(replace(app.view, countdown=29))
        await pilot.pause()
        changed = [
            row for row, (a, b) in enumerate(zip(before, text_of(app), strict=True)) if a != b
        ]
    assert len(changed) >= 4
    assert "█" in "".join(before)
