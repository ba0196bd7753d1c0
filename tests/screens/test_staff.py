"""Staff mode on the screen: every page whole, by keys and by touch, and the way in."""

from __future__ import annotations

import unicodedata

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from kiosk import flow, problems
from kiosk.flow import StaffTopic, StaffTopicAsked, State
from kiosk.i18n import ABSENT_VALUE, translator
from kiosk.problems import Shown
from kiosk.screens.staff import MENU, StaffScreen
from kiosk.staff.codes import codes_page
from kiosk.staff.page import StaffView
from kiosk.view import View
from kiosk.widgets.brand import Brand
from kiosk.widgets.drawn import Words
from kiosk.widgets.pin_entry import PinEntry
from kiosk.widgets.presses import PRESSES
from kiosk.widgets.staff_sheet import STATUS_WORDS, StaffSheet, spoken
from tests.screens.gallery import VIEWS, GalleryApp, typed
from tests.screens.staff_gallery import STAFF_VIEWS
from tests.terminal.pictures import text_of

PAGES = {name: view for name, view in STAFF_VIEWS.items() if view.state is State.STAFF}


def squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())


async def everything_shown(app: GalleryApp, pilot: Pilot[None]) -> str:
    """What the sheet shows, leaf after leaf, turned with the page key."""
    shown = []
    await pilot.pause()
    sheet = app.screen.query_one(StaffSheet)
    for leaf in range(sheet.leaves):
        assert sheet.leaf == leaf
        region = sheet.region
        assert app.screen.query_one("#sheet").region.contains_region(region)
        assert sheet.content.plain.count("\n") < region.height + 1  # type: ignore[union-attr]
        shown += [row[region.x : region.right] for row in text_of(app)[region.y : region.bottom]]
        await pilot.press("pagedown")
        await pilot.pause()
    return squeezed("".join(shown))


@pytest.mark.parametrize(
    ("language", "size"), [("vi", (80, 25)), ("en", (80, 25)), ("vi", (120, 34))]
)
async def test_every_word_of_a_page_is_shown(language: str, size: tuple[int, int]) -> None:
    t = translator(language)
    app = GalleryApp(next(iter(PAGES.values())))
    async with app.run_test(size=size) as pilot:
        for name, view in PAGES.items():
            await app.turn_to(replace(view, language=language), anew=True)
            page, shown = view.staff_mode.page, await everything_shown(app, pilot)
            assert page is not None
            for row in page.rows:
                texts = [row.text, *row.details, *([row.advice] if row.advice else [])]
                for text in texts:
                    # The status stands before the first line: a text is looked for by its words.
                    for word in spoken(text, app.view, t).split():
                        assert squeezed(word) in shown, (name, word)
                if row.status is not None:
                    assert squeezed(t(STATUS_WORDS[row.status])) in shown, name


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_every_code_fits_on_the_smallest_screen(language: str) -> None:
    app = GalleryApp(replace(PAGES["staff codes"], language=language))
    async with app.run_test(size=(80, 25)) as pilot:
        for problem in problems.ALL:
            page = codes_page(problem.code)
            view = View(State.STAFF, language=language, staff_mode=StaffView(page=page))
            app.journey_screen.show(view)
            await pilot.pause()
            assert app.screen.query_one(StaffSheet).leaves == 1, problem.code
            for row in page.rows:
                for detail in row.details:
                    words = spoken(detail, view, translator(language))
                    assert squeezed(words) in squeezed("".join(_sheet(app))), problem.code


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_a_code_tells_what_the_customer_really_reads(language: str) -> None:
    t, outside = translator(language), (Shown.BOTH, Shown.OUT_OF_SERVICE, Shown.CLOSED)
    inside = (Shown.BOTH, Shown.VISIT)
    facts = {"date": ABSENT_VALUE, "time": ABSENT_VALUE}
    # Those with the same buttons one after the other.
    shown = [
        View(state, language=language, problem=problem, facts=facts)
        for state, kinds in ((State.OUT_OF_SERVICE, outside), (State.PROBLEM, inside))
        for problem in sorted(problems.ALL, key=lambda one: one.can_retry)
        if problem.shown in kinds
    ]
    app = GalleryApp(shown[0])
    async with app.run_test(size=(120, 34)) as pilot:
        for view in shown:
            await app.turn_to(view)
            await pilot.pause()
            text = squeezed("".join(text_of(app)))
            assert view.problem is not None
            code = view.problem.code
            told = {row.text.key: row.details for row in codes_page(code).rows[:-1]}  # type: ignore[union-attr]
            key = "between" if view.state is State.OUT_OF_SERVICE else "in_visit"
            for detail in told.get(f"staff.codes.shown_{key}") or told["staff.codes.shown"]:
                for word in spoken(detail, view, t).split():
                    assert squeezed(word) in text, (code, word)


def _sheet(app: GalleryApp) -> list[str]:
    region = app.screen.query_one(StaffSheet).region
    return [row[region.x : region.right] for row in text_of(app)[region.y : region.bottom]]


# The menu


@pytest.mark.parametrize("topic", StaffTopic, ids=lambda topic: topic.name)
async def test_a_page_is_opened_by_digit_by_arrows_and_by_touch(topic: StaffTopic) -> None:
    assert topic in MENU
    app = GalleryApp(PAGES["staff switch"])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press(str(topic.value))
        app.journey_screen.show(app.view)
        app.screen.set_focus(app.screen.query(".menu-item").first())
        for _ in range(topic.value - 1):
            await pilot.press("down")
        await pilot.press("enter")
        app.journey_screen.show(app.view)
        assert await pilot.click(list(app.screen.query(".menu-item"))[topic.value - 1])
    assert app.raised == [StaffTopicAsked(topic)] * 3


@pytest.mark.parametrize("key", ["0", "escape"])
async def test_it_is_left_by_key(key: str) -> None:
    app = GalleryApp(PAGES["staff health"])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press(key)
    assert app.raised == [flow.StaffLeft()]


@pytest.mark.parametrize("name", ["staff health", "staff login"])
async def test_no_customer_is_served_from_here(name: str) -> None:
    app = GalleryApp(STAFF_VIEWS[name])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press("f1")
        assert not app.screen.query("#staff")
    assert app.raised == []


async def test_enter_does_what_a_page_is_for_and_never_says_yes() -> None:
    app = GalleryApp(PAGES["staff health"])
    async with app.run_test(size=(80, 25)) as pilot:
        for name in ("staff token", "staff restart, sure", "staff code S07"):
            app.journey_screen.show(PAGES[name])
            await pilot.pause()
            await pilot.press("enter")
    assert app.raised == [
        flow.StaffJobAsked(StaffTopic.TOKEN),
        StaffTopicAsked(StaffTopic.RESTART),
        StaffTopicAsked(StaffTopic.CODES, "S"),
    ]


# Codes and leaves


async def test_a_digit_long_after_a_letter_opens_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StaffScreen, "CODE_TIME", 0.0)
    app = GalleryApp(PAGES["staff health"])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press("s")
        app.journey_screen.show(app.view)
        await pilot.press("2")
    assert app.raised[-1] == StaffTopicAsked(StaffTopic.VISITS)


async def test_a_code_is_typed_from_any_page() -> None:
    app = GalleryApp(PAGES["staff health"])
    async with app.run_test(size=(80, 25)) as pilot:
        for key in ("s", "0", "7"):
            await pilot.press(key)
            if app.raised:
                page = codes_page(app.raised[-1].part)  # type: ignore[attr-defined]
                app.journey_screen.show(replace(app.view, staff_mode=StaffView(page=page)))
                await pilot.pause()
        # Digits open pages again.
        await pilot.press("2")
    assert app.raised == [
        StaffTopicAsked(StaffTopic.CODES, "S"),
        StaffTopicAsked(StaffTopic.CODES, "S07"),
        StaffTopicAsked(StaffTopic.VISITS),
    ]


async def test_a_code_is_picked_by_arrows_and_by_touch() -> None:
    app = GalleryApp(PAGES["staff codes, group S"])
    async with app.run_test(size=(80, 25)) as pilot:
        app.screen.set_focus(app.screen.query_one(StaffSheet))
        await pilot.press("down", "down", "enter")
        app.journey_screen.show(app.view)
        assert await pilot.click(StaffSheet, offset=(4, 3))
    assert app.raised == [
        StaffTopicAsked(StaffTopic.CODES, "S03"),
        StaffTopicAsked(StaffTopic.CODES, "S04"),
    ]


async def test_leaves_are_turned_by_key_and_by_touch() -> None:
    app = GalleryApp(PAGES["staff health, troubled"])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.pause()
        sheet = app.screen.query_one(StaffSheet)
        assert sheet.leaves > 1
        await pilot.press("pagedown")
        assert sheet.leaf == 1
        assert await pilot.click("#before")
        assert sheet.leaf == 0
        assert await pilot.click("#after")
        assert sheet.leaf == 1
        # A page that is drawn anew, as the kiosk's state is, stays where it was.
        app.journey_screen.show(app.view)
        await pilot.pause()
        assert sheet.leaf == 1
    assert app.raised == []


# The PIN


async def test_the_staff_pin_takes_digits_alone_and_not_too_few() -> None:
    app = GalleryApp(replace(STAFF_VIEWS["staff login"], pin=View(State.PIN).pin))
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press(*"24681", "enter")
        assert app.raised == []
        await pilot.press(*"24a6810", "enter")
        assert app.raised == [], "what was left out makes it wrong for certain"
        await pilot.press(*"246810", "enter")
    assert app.raised == [flow.StaffPinEntered()]
    assert bytes(app.view.pin.view()) == b"246810"


async def test_a_staff_pin_that_is_too_short_is_told_from_a_wrong_one() -> None:
    t = translator("vi")
    view = replace(STAFF_VIEWS["staff login, refused"], pin=View(State.PIN).pin)
    app = GalleryApp(view)
    async with app.run_test(size=(80, 25)) as pilot:
        shown = squeezed("".join(text_of(app)))
        assert squeezed(t("staff_login.wrong")) in shown
        await pilot.press("1", "2", "enter")
        for _ in range(3):
            # As the countdown goes on, too.
            app.journey_screen.show(view)
            await pilot.pause()
            hint, status = (
                str(app.screen.query_one(one, Words).content) for one in (".hint", ".status")
            )
            assert hint == t("staff_login.again")
            assert t("staff_login.wrong") not in status
            assert "1:01" in status
        await pilot.press("1")
        assert not str(app.screen.query_one(".hint", Words).content)
    assert app.raised == []


async def test_nothing_is_typed_while_a_pin_is_looked_at() -> None:
    # A PIN of its own: the gallery's are shared by all tests of a process.
    view = replace(STAFF_VIEWS["staff login, checking"], pin=typed(8))
    view.pin.seal()
    app = GalleryApp(view)
    async with app.run_test(size=(80, 25)) as pilot:
        app.screen.set_focus(app.screen.query_one(PinEntry))
        await pilot.press("1", "enter")
    view.pin.release()
    assert app.raised == []
    assert len(view.pin) == 8


async def test_the_wait_is_shown() -> None:
    app = GalleryApp(STAFF_VIEWS["staff login, refused"])
    async with app.run_test(size=(80, 25)):
        text = "\n".join(text_of(app))
    assert "1:01" in text


# The way in

OPENING = {"welcome", "out of service"}


@pytest.mark.parametrize("keys", [("f11", "f12"), ("f12", "f11"), ("f11", "f11", "f12")])
@pytest.mark.parametrize("name", ["welcome", "out of service", "username", "PIN", "sent"])
async def test_the_chord_opens_where_nobody_is_served(
    name: str, keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kiosk.screens import base

    # However long a busy machine takes from one press to the next.
    monkeypatch.setattr(base, "CHORD_TIME", 60.0)
    app = GalleryApp(VIEWS[name])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press(*keys)
    assert app.raised == ([flow.StaffAsked()] if name in OPENING else [])


async def test_one_key_or_two_that_are_apart_open_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from kiosk.screens import base

    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press("f11", "f11")
        monkeypatch.setattr(base, "CHORD_TIME", 0.0)
        await pilot.press("f12")
    assert app.raised == []


@pytest.mark.parametrize("name", ["welcome", "out of service", "username", "confirm"])
async def test_the_brand_is_held(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Brand, "HOLD", 0.05)
    app = GalleryApp(VIEWS[name])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.mouse_down(".brand-name")
        await pilot.pause(0.3)
    assert app.raised == ([flow.StaffAsked()] if name in OPENING else [])


async def test_a_brand_that_is_let_go_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Brand, "HOLD", 0.3)
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.mouse_down(".brand-name")
        await pilot.mouse_up(".brand-name")
        await pilot.mouse_down(".brand-name")
        await pilot.hover("#body")
        await pilot.mouse_down("#language")
        await pilot.pause(0.6)
    assert app.raised == []


async def test_nothing_on_a_customers_screen_hints_at_it() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(120, 34)) as pilot:
        for name, view in VIEWS.items():
            if view.state in flow.STAFF_STATES:
                continue
            await app.turn_to(view)
            await pilot.pause()
            text = "\n".join(text_of(app))
            assert "F11" not in text, name
            assert "F12" not in text, name
            if name == "token removed":
                break


async def test_the_double_tap_that_opens_the_menu_does_not_press_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PRESSES, "double_tap", 60.0)
    app = GalleryApp(PAGES["staff restart, sure"])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.click(list(app.screen.query("#sheet-actions ActionButton"))[1])
        app.journey_screen.show(app.view)
        await pilot.click(list(app.screen.query("#sheet-actions ActionButton"))[1])
    assert app.raised == [flow.StaffJobAsked(StaffTopic.RESTART)]
