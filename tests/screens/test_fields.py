"""What is typed: into the PIN field, and into the username's."""

from __future__ import annotations

import gc
import string
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from msgspec.structs import replace
from textual import events
from textual.widgets import Static

from kiosk.flow import PinConfirmed, UsernameEntered
from kiosk.pin import PinBuffer
from kiosk.screens import screen_for
from kiosk.widgets.hint import Hint
from kiosk.widgets.key_grid import KeyGrid
from kiosk.widgets.keyboards import DIGITS, Page, pin_pages, staff_pin_pages, username_pages
from kiosk.widgets.pin_entry import PinEntry
from kiosk.widgets.username_input import UsernameInput
from tests.screens.gallery import VIEWS, GalleryApp, typed
from tests.terminal.pictures import text_of

SECRET = "Zq9!xVw2"
EVERYTHING = "".join(map(chr, range(33, 127)))


def pin_app(**changes: object) -> GalleryApp:
    view = replace(VIEWS["PIN"], pin=typed(0), pin_length=(8, 12))
    return GalleryApp(replace(view, **changes))


def username_app(username: str = "") -> GalleryApp:
    return GalleryApp(replace(VIEWS["username"], username=username))


def content(app: GalleryApp) -> bytes:
    return bytes(app.view.pin.view())


def hint(app: GalleryApp) -> str:
    return str(app.screen.query_one(Hint).content)


async def type_text(pilot: object, text: str) -> None:
    for character in text:
        pilot.app.post_message(events.Key(character, character))  # type: ignore[attr-defined]
    await pilot.pause()  # type: ignore[attr-defined]


async def test_a_pin_is_taken_from_the_keyboard_and_shown_as_dots() -> None:
    app = pin_app()
    async with app.run_test(size=(120, 34)) as pilot:
        await type_text(pilot, SECRET)
        assert content(app) == SECRET.encode()
        assert sum(line.count("●") for line in text_of(app)) == len(SECRET)
        await pilot.press("backspace")
        assert content(app) == SECRET[:-1].encode()
        assert sum(line.count("●") for line in text_of(app)) == len(SECRET) - 1


async def test_a_pin_is_in_no_widget_and_no_string() -> None:
    app = pin_app()
    async with app.run_test(size=(120, 34)) as pilot:
        await type_text(pilot, SECRET)
        await pilot.press("f2")
        assert content(app) == SECRET.encode()
        for widget in app.screen.walk_children():
            for value in (repr(widget), *map(str, vars(widget).values())):
                assert SECRET not in value
        assert SECRET not in "\n".join(text_of(app))
        await pilot.press("enter")
        assert app.raised == [PinConfirmed()]
        gc.collect()
        needle = SECRET[:6]
        found = [
            value
            for value in gc.get_objects()
            if isinstance(value, dict | list | tuple)
            for value in (value.values() if isinstance(value, dict) else value)
            if isinstance(value, str) and needle in value and "\n" not in value
        ]
        # The test's own constants hold it: the module's, and the slices made from it here.
        assert all(value in (SECRET, needle) for value in found)


@pytest.mark.parametrize("length", [0, 7])
async def test_a_short_pin_is_not_confirmed(length: int) -> None:
    app = pin_app(pin=typed(length))
    async with app.run_test() as pilot:
        await pilot.press("enter")
        assert hint(app) == (
            "Mã PIN có ít nhất 8 ký tự." if length else "Quý khách chưa nhập mã PIN."
        )
        assert isinstance(app.focused, PinEntry)
        await pilot.click("#confirm")
        assert app.raised == []
        await type_text(pilot, "12345678"[length:])
        assert hint(app) == ""
        await pilot.press("enter")
    assert app.raised == [PinConfirmed()]


async def test_a_pin_is_never_longer_than_the_token_takes() -> None:
    app = pin_app()
    async with app.run_test() as pilot:
        await type_text(pilot, "1234567890abX")
        assert content(app) == b"1234567890ab"
        assert "12" in hint(app)


@pytest.mark.parametrize("character", [" ", "ă", "đ", "é", "€"])
async def test_a_pin_has_no_other_characters(character: str) -> None:
    app = pin_app()
    async with app.run_test() as pilot:
        await type_text(pilot, character)
        assert content(app) == b""
        assert "chữ không dấu" in hint(app)


async def test_clear_wipes_the_pin_and_returns_to_the_field() -> None:
    app = pin_app(pin=typed(5))
    async with app.run_test() as pilot:
        await pilot.click("#clear")
        assert content(app) == b""
        assert isinstance(app.focused, PinEntry)


def characters(pages: Mapping[str, Page], shown: Sequence[str] = ()) -> set[str]:
    """What the keys of these pages type without shift."""
    return {
        key.label
        for name, page in pages.items()
        if not shown or name in shown
        for row in page
        for key in row
        if not key.does
    }


def test_every_character_of_a_pin_is_on_the_pad() -> None:
    assert characters(pin_pages(), ["digits"]) == set(DIGITS)
    assert characters(pin_pages()) == {character.lower() for character in EVERYTHING}
    assert characters(staff_pin_pages()) == set(DIGITS)


@pytest.mark.parametrize("first", ["qwerty", "abc"])
def test_every_character_of_a_username_is_on_its_keyboard(first: str) -> None:
    pages = username_pages(first)
    assert next(iter(pages)) == first
    for page in ("qwerty", "abc"):
        assert characters(pages, [page]) == {*DIGITS, *string.ascii_lowercase, *"._-@"}
        assert characters(pages, [page, "signs"]) == {letter.lower() for letter in EVERYTHING}


@pytest.mark.parametrize("pages", [pin_pages(), staff_pin_pages(), username_pages()])
def test_every_page_ends_with_clear_backspace_and_enter(pages: Mapping[str, Page]) -> None:
    for page in pages.values():
        assert [key.does for key in page[-1]][-3:] == ["clear", "backspace", "enter"]
        assert len(page) == 5, "turning a page moves nothing"


@pytest.mark.parametrize("size", [(80, 25), (120, 34)], ids=str)
async def test_a_pin_is_typed_on_the_pad(size: tuple[int, int]) -> None:
    app = pin_app()
    async with app.run_test(size=size) as pilot:
        grid = app.screen.query_one(KeyGrid)
        for label in ("4", "2", "abc", "q", "Aa", "Q", "#@!", "?", "{", "123", "0", "0", "← Xóa"):
            assert await pilot.click(grid, offset=grid.centre_of(label))
            await pilot.pause()
            assert app.screen.region.contains_region(grid.region)
        assert isinstance(app.focused, PinEntry)
    assert content(app) == b"42qQ?{0"


@pytest.mark.parametrize("of", ["PIN", "username"])
@pytest.mark.parametrize("size", [(80, 25), (120, 34), (240, 67)], ids=str)
async def test_every_key_on_the_screen_shows_its_label(of: str, size: tuple[int, int]) -> None:
    app = pin_app() if of == "PIN" else username_app()
    async with app.run_test(size=size) as pilot:
        grid = app.screen.query_one(KeyGrid)
        turns = ["", "abc", "#@!"] if of == "PIN" else ["", "ABC", "#+="]
        for turn in turns:
            if turn:
                await pilot.click(grid, offset=grid.centre_of(turn))
                await pilot.pause()
            region = grid.region
            rows = [row[region.x : region.right] for row in text_of(app)[region.y : region.bottom]]
            for keys in grid.page:
                for key in keys:
                    x, y = grid.centre_of(grid.label(key))
                    assert grid.label(key) in rows[y][max(0, x - 5) : x + 6]


async def test_on_a_pin_pad_nothing_is_typed_here() -> None:
    app = pin_app(pin_pad=True, pin=typed(3))
    async with app.run_test() as pilot:
        assert not app.screen.query(PinEntry)
        await type_text(pilot, "9")
        await pilot.click("#confirm")
    assert app.raised == [PinConfirmed()]
    assert content(app) == b""


async def test_nothing_is_pasted_or_copied() -> None:
    for app, kept in ((pin_app(pin=typed(3)), "777"), (username_app("hoasen"), "hoasen")):
        async with app.run_test(size=(120, 34)) as pilot:
            app.post_message(events.Paste("dán vào"))
            await pilot.pause()
            assert "không nhận nội dung dán" in hint(app)
            app._clipboard = "from before"
            await pilot.press("shift+home", "ctrl+a", "ctrl+c", "ctrl+x", "ctrl+v", "ctrl+insert")
            await pilot.press("shift+insert", "super+c", "super+v")
            assert app.copied == []
            if kept == "777":
                assert content(app) == b"777"
            else:
                assert app.screen.query_one(UsernameInput).value == kept


async def test_a_paste_with_the_focus_elsewhere_goes_nowhere() -> None:
    app = username_app()
    async with app.run_test() as pilot:
        await pilot.press("tab")
        app.post_message(events.Paste("x"))
        await pilot.pause()
        assert app.screen.query_one(UsernameInput).value == ""


@pytest.mark.parametrize(
    ("keys", "username"),
    [
        ("hoasen", "hoasen"),
        ("  Hoa.Sen_1-a@b ", "Hoa.Sen_1-a@b"),
        ("nguye\u0302\u0303n", "nguyễn"),
        ("[b]x[/b]", "[b]x[/b]"),
    ],
)
async def test_a_username_is_trimmed_and_composed(keys: str, username: str) -> None:
    app = username_app()
    async with app.run_test() as pilot:
        await type_text(pilot, keys)
        await pilot.press("enter")
    assert app.raised == [UsernameEntered(username)]


@pytest.mark.parametrize("value", ["", "   "])
async def test_an_empty_username_is_not_taken(value: str) -> None:
    app = username_app()
    async with app.run_test() as pilot:
        await type_text(pilot, value)
        await pilot.press("enter")
        assert hint(app) == "Quý khách chưa nhập tên đăng nhập."
        await pilot.click("#continue")
        assert isinstance(app.focused, UsernameInput)
    assert app.raised == []


async def test_a_username_is_typed_on_the_screen_keyboard() -> None:
    app = username_app()
    async with app.run_test(size=(120, 34)) as pilot:
        grid = app.screen.query_one(KeyGrid)
        for label in ("z", "Xóa hết", "a", "Aa", "B", "Aa", "1", ".", "_", "-", "@", "x", "← Xóa"):
            await pilot.click(grid, offset=grid.centre_of(label))
        assert isinstance(app.focused, UsernameInput)
        await pilot.click(grid, offset=grid.centre_of("Xong"))
    assert app.raised == [UsernameEntered("aB1._-@")]


async def test_the_keyboard_begins_as_configured_and_comes_back_from_the_signs() -> None:
    app = GalleryApp(replace(VIEWS["username"], keyboard="abc"))
    async with app.run_test(size=(120, 34)) as pilot:
        grid = app.screen.query_one(KeyGrid)
        assert [key.label for key in grid.page[1]] == list("abcdefghij@")
        for label in ("a", "QWERTY", "q", "#+=", "%", "Dấu cách", "abc", "w", "ABC", "b"):
            await pilot.click(grid, offset=grid.centre_of(label))
        await pilot.press("enter")
    assert app.raised == [UsernameEntered("aq% wb")]


async def test_the_keys_speak_the_customers_language() -> None:
    app = username_app()
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.press("f2")
        text = "\n".join(text_of(app))
        assert all(words in text for words in ("Clear", "← Delete", "Done"))


async def test_a_pressed_key_is_seen_to_be_but_never_one_of_a_pin() -> None:
    for app, label, seen in ((username_app(), "h", True), (pin_app(), "4", False)):
        async with app.run_test(size=(120, 34)) as pilot:
            grid = app.screen.query_one(KeyGrid)
            place = grid.centre_of(label)
            before = grid.render_line(place.y)
            await pilot.click(grid, offset=place)
            assert (grid.render_line(place.y) != before) is seen


async def test_shuffled_digits_are_all_there_in_an_order_of_their_own_each_time() -> None:
    orders = set()
    for _ in range(3):
        app = pin_app(shuffle_pin_pad=True)
        async with app.run_test(size=(120, 34)) as pilot:
            grid = app.screen.query_one(KeyGrid)
            labels = [key.label for row in grid.page for key in row if not key.does]
            assert sorted(labels) == sorted(DIGITS)
            orders.add("".join(labels))
            await pilot.click(grid, offset=grid.centre_of("4"))
            await pilot.press("2")
        assert content(app) == b"42"
    # Three times the same of ten million orders is no chance.
    assert len(orders) > 1


async def test_staffs_digits_are_shuffled_again_after_each_pin() -> None:
    view = replace(VIEWS["staff login"], shuffle_pin_pad=True)
    app = GalleryApp(view)
    async with app.run_test(size=(120, 34)):
        grid = app.screen.query_one(KeyGrid)
        before = grid.page
        checking = msgspec.structs.replace(view.staff_mode, checking=True)
        app.journey_screen.show(replace(view, staff_mode=checking))
        assert grid.page is before
        app.journey_screen.show(view)
        assert grid.page is not before


async def test_the_last_try_is_said_in_words_where_the_pin_is_typed() -> None:
    for name, expected in (
        ("PIN", False),
        ("PIN, last try", True),
        ("PIN on the reader, last try", True),
    ):
        app = GalleryApp(VIEWS[name])
        async with app.run_test(size=(120, 34)):
            assert ("Lần nhập cuối cùng" in "\n".join(text_of(app))) is expected


async def test_a_finger_between_keys_types_nothing() -> None:
    app = username_app()
    async with app.run_test(size=(80, 25)) as pilot:
        grid = app.screen.query_one(KeyGrid)
        x, y = grid.centre_of("1")
        await pilot.click(grid, offset=(x + 3, y))
        await pilot.click(grid, offset=(x, y + 1))
        assert app.screen.query_one(UsernameInput).value == ""


async def test_the_language_switch_keeps_the_step_the_draft_and_the_focus() -> None:
    app = username_app()
    async with app.run_test() as pilot:
        screen = app.screen
        await type_text(pilot, "hoas")
        await pilot.press("f2")
        await type_text(pilot, "en")
        assert app.screen is screen
        assert isinstance(app.focused, UsernameInput)
        assert "Enter your VNPT-BHXH username" in "\n".join(text_of(app))
        await pilot.press("enter")
    assert app.raised == [UsernameEntered("hoasen")]


async def test_a_hint_follows_the_language() -> None:
    app = username_app()
    async with app.run_test() as pilot:
        await pilot.press("enter", "f2")
        assert hint(app) == "You have not entered a username."


async def test_a_ticking_view_keeps_the_draft() -> None:
    app = username_app()
    async with app.run_test() as pilot:
        await type_text(pilot, "hoa")
        for countdown in (3, 2, 1):
            app.journey_screen.show(replace(app.view, countdown=countdown))
        assert app.screen.query_one(UsernameInput).value == "hoa"


async def test_a_draft_survives_a_screen_that_lies_over_it() -> None:
    app = username_app()
    async with app.run_test() as pilot:
        await type_text(pilot, "hoa")
        await app.push_screen(screen_for(VIEWS["time-out"]))
        await app.pop_screen()
        await type_text(pilot, "sen")
        await pilot.press("enter")
    assert app.raised == [UsernameEntered("hoasen")]


async def test_arrows_reach_every_button() -> None:
    app = GalleryApp(VIEWS["choose case"])
    async with app.run_test() as pilot:
        seen = [app.focused]
        for key in ("down", "down", "down", "right"):
            await pilot.press(key)
            seen.append(app.focused)
        sources = [widget.source for widget in seen if isinstance(widget, Static)]
    assert sources == [
        "case.username", "case.forgotten", "case.mailbox", "button.back", "button.cancel",
    ]  # fmt: skip


async def test_a_pin_that_was_cut_short_is_not_confirmed() -> None:
    """Eight of ten characters would cost one of the token's tries."""
    view = replace(VIEWS["PIN"], pin=PinBuffer(), pin_length=(4, 8))
    app = GalleryApp(view)
    async with app.run_test() as pilot:
        await pilot.press(*"1234567890", "enter")
        await pilot.pause()
        assert app.raised == []
        assert len(view.pin) == 0
        await pilot.press(*"12345678", "enter")
        await pilot.pause()
        assert [type(event) for event in app.raised] == [PinConfirmed]
