"""The screens that stand for hours: how they begin a visit, and that they do not burn in."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace
from rich.style import Style
from textual.geometry import Region
from textual.pilot import Pilot

from kiosk import flow, i18n, problems
from kiosk.screens import base, welcome
from kiosk.screens.alternating import TURNED, AlternatingScreen
from kiosk.widgets.brand import Brand
from kiosk.widgets.presses import PRESSES
from tests.screens.gallery import VIEWS, GalleryApp
from tests.screens.test_words import check_shown
from tests.terminal.pictures import lines_of, text_of

SIZES = [(80, 25), (100, 30), (120, 34), (240, 67)]
LASTING = ["welcome", "out of service"]


async def test_any_key_begins_that_has_no_other_meaning() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test() as pilot:
        for key in ("escape", "f4", "f7", "f12", "ctrl+a", "alt+a", "backspace"):
            await pilot.press(key)
            assert app.raised == []
        for count, key in enumerate(("a", "7", "đ", "at", "enter", "space", "left", "down"), 1):
            await pilot.press(key)
            assert app.raised == [flow.Started()] * count
            app.journey_screen.show(app.view)


async def test_keys_begin_where_nothing_has_the_focus() -> None:
    for key in ("space", "enter", "right"):
        app = GalleryApp(VIEWS["welcome"])
        async with app.run_test() as pilot:
            app.screen.set_focus(None)
            await pilot.press(key)
            assert app.raised == [flow.Started()]


async def test_function_keys_keep_their_meaning() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test() as pilot:
        await pilot.press("f2")
        assert app.toggled == 1
        assert app.raised == []
        await pilot.press("f1")
        assert app.raised == [flow.StaffCalled()]


async def test_a_key_that_is_held_down_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PRESSES, "double_tap", 60.0)
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test() as pilot:
        PRESSES.judge("escape", time.monotonic())
        for key in ("x", "x", "left", "space"):
            await pilot.press(key)
        await pilot.click("#guide")
        assert app.raised == []


async def test_a_touch_anywhere_between_head_and_foot_begins() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(80, 25)) as pilot:
        for turned in (False, True):
            app.screen.set_class(turned, TURNED)
            await pilot.pause()
            for place in (".brand-name", "#foot", "#language"):
                await pilot.click(place)
                assert app.raised == []
            for count, place in enumerate(("#hero", "#guide", "#guide .item"), 1):
                await pilot.click(place)
                assert app.raised == [flow.Started()] * count
                app.journey_screen.show(app.view)
            app.raised.clear()


async def test_the_brand_held_down_still_opens_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Brand, "HOLD", 0.05)
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(80, 25)) as pilot:
        app.screen.add_class(TURNED)
        await pilot.pause()
        await pilot.mouse_down(".brand-name")
        await pilot.pause(0.2)
        await pilot.mouse_up(".brand-name")
        assert app.raised == [flow.StaffAsked()]


@pytest.mark.parametrize("size", SIZES)
async def test_hours_are_told_only_where_there_are_any(size: tuple[int, int]) -> None:
    hours = ("07:30-11:30", "13:00-17:00")
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=size) as pilot:
        for spans in ((), hours):
            app.journey_screen.show(replace(VIEWS["welcome"], hours=spans))
            await pilot.pause()
            check_shown(app)
            text = "\n".join(text_of(app))
            assert ("Giờ phục vụ" in text) is bool(spans)
            assert all(span in text for span in spans)


def shown_text(app: GalleryApp) -> str:
    return "\n".join(text_of(app))


class Chosen(GalleryApp):
    """Keeps the languages that were asked for by name."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        super().__init__(replace(VIEWS["welcome"], languages=languages, hours=("00:00-23:59",)))
        self.chosen: list[str] = []

    def on_language_chosen(self, message: base.LanguageChosen) -> None:
        self.chosen.append(message.language)
        self.view = replace(self.view, language=message.language)
        self.journey_screen.show(self.view)


@pytest.fixture
def five_languages(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Names that a catalogue may hold, wide letters among them."""
    names = {"vi": "Tiếng Việt", "en": "English", "ko": "한국어", "ja": "日本語", "zh": "中文"}

    def named(language: str) -> i18n.Translator:
        known = language if language in i18n.LANGUAGES else "en"
        name = names[language]

        class Named(i18n.Translator):
            def __call__(self, key: str, /, **values: object) -> str:
                return name if key == "language.name" else super().__call__(key, **values)

        return Named(language, i18n.translator(known)._catalogue)

    for module in (welcome, base):
        monkeypatch.setattr(module, "translator", named)
    return names


@pytest.mark.parametrize("size", [(80, 25), (120, 34)])
async def test_more_than_two_languages_have_a_button_each(
    five_languages: dict[str, str], size: tuple[int, int]
) -> None:
    app = Chosen(tuple(five_languages))
    async with app.run_test(size=size) as pilot:
        for turned, language in ((False, "ja"), (True, "en")):
            app.screen.set_class(turned, TURNED)
            await pilot.pause()
            for button in app.screen.query("#languages ActionButton"):
                assert app.screen.query_one("#body").region.contains_region(button.region)
            spoken = five_languages[app.view.language]
            assert f"● {spoken}" in shown_text(app)
            await pilot.click(f"#language-{language}")
            await pilot.pause()
            assert f"● {five_languages[language]}" in shown_text(app)
            assert f"● {spoken}" not in shown_text(app)
        assert app.chosen == ["ja", "en"]
        assert app.raised == []


async def test_languages_are_reached_by_keys(five_languages: dict[str, str]) -> None:
    app = Chosen(tuple(five_languages))
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press("tab", "right", "enter")
        assert app.chosen == ["en"]
        assert app.raised == []


async def test_two_languages_need_no_row() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test():
        assert not app.screen.query("#languages")


# Against burn-in.


def cells(app: GalleryApp) -> list[list[tuple[str, str]]]:
    """The background and the colour of what is drawn, for each cell."""
    rows = []
    for line in lines_of(app):
        row: list[tuple[str, str]] = []
        for text, style, _control in line:
            look = style or Style()
            ground = look.bgcolor.name if look.bgcolor else ""
            ink = look.color.name if look.color else ""
            if look.reverse:
                ground, ink = ink, ground
            for sign in text:
                row.append((ink if sign == "█" else ground, "" if sign == " " else sign))
        rows.append(row)
    return rows


def share_changed(
    one: list[list[tuple[str, str]]], other: list[list[tuple[str, str]]], where: Region
) -> float:
    """Share of the cells that show another sign or colour, of those that are lit in `one`."""
    pairs = [
        (one[y][x], other[y][x])
        for y in range(where.y, where.bottom)
        for x in range(where.x, where.right)
        if one[y][x][0] != "#000000"
    ]
    return sum(before != after for before, after in pairs) / len(pairs) if pairs else 1.0


@pytest.mark.parametrize(
    ("name", "size", "theme"),
    [
        *(("welcome", size, "light") for size in SIZES),
        ("welcome", (120, 34), "dark"),
        ("welcome", (120, 34), "contrast"),
        ("out of service", (80, 25), "light"),
        ("out of service", (120, 34), "contrast"),
    ],
)
async def test_turned_over_hardly_a_cell_keeps_its_colours(
    name: str, size: tuple[int, int], theme: str
) -> None:
    app = GalleryApp(replace(VIEWS[name], theme=theme))
    async with app.run_test(size=size) as pilot:
        before = cells(app)
        places = [app.screen.query_one(place).region for place in ("#head", "#hero", "#guide")]
        app.screen.add_class(TURNED)
        await pilot.pause()
        after = cells(app)
        check_shown(app)
        screen = app.screen.region
    for place in (screen, *places):
        assert share_changed(before, after, place) > 0.9


async def drawn(app: GalleryApp, pilot: Pilot[None], seconds: float) -> int:
    """How often something reaches the terminal in that time."""
    count = 0
    display = app._display

    def counted(*args: object) -> None:
        nonlocal count
        count += 1
        display(*args)  # type: ignore[arg-type]

    app._display = counted  # type: ignore[method-assign]
    await pilot.pause(seconds)
    app._display = display  # type: ignore[method-assign]
    return count


@pytest.mark.parametrize("name", LASTING)
async def test_it_turns_over_and_back_by_itself(name: str) -> None:
    app = GalleryApp(replace(VIEWS[name], alternate=0.5))
    async with app.run_test() as pilot:
        for turned in (True, False):
            while app.screen.has_class(TURNED) is not turned:
                await pilot.pause(0.02)


@pytest.mark.parametrize("name", LASTING)
@pytest.mark.parametrize("period", [0.0, 3600.0])
async def test_between_two_turns_nothing_is_drawn(name: str, period: float) -> None:
    app = GalleryApp(replace(VIEWS[name], alternate=period))
    async with app.run_test() as pilot:
        # The first frames are out when none has come for a while.
        while await drawn(app, pilot, 0.3):
            pass
        assert await drawn(app, pilot, 1.2) == 0
        assert not app.screen.has_class(TURNED)


@pytest.mark.parametrize("name", LASTING)
async def test_a_key_or_a_touch_begins_the_wait_anew(name: str) -> None:
    app = GalleryApp(replace(VIEWS[name], alternate=3600.0))
    async with app.run_test() as pilot:
        screen = app.screen
        assert isinstance(screen, AlternatingScreen)
        begun = screen._turning
        await pilot.press("f7")
        by_key = screen._turning
        await pilot.mouse_down(".brand-name")
        by_touch = screen._turning
        assert begun
        assert by_key
        assert by_touch
        assert begun.when() < by_key.when() < by_touch.when()
        assert begun.cancelled()
        assert by_key.cancelled()


async def test_a_closed_counter_tells_when_it_opens() -> None:
    view = replace(
        VIEWS["out of service"],
        problem=problems.KIOSK_CLOSED,
        facts={"time": "07:30", "date": "27/11/2026"},
    )
    app = GalleryApp(view)
    async with app.run_test(size=(80, 25)):
        check_shown(app)
        text = " ".join("\n".join(text_of(app)).split())
    assert "Quầy đang đóng cửa" in text
    assert "07:30" in text
    assert "K11" in text
