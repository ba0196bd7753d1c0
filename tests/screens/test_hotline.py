"""The way by telephone: papers that are ticked, two pages, and a code for each way."""

from __future__ import annotations

import pytest
import zxingcpp
from msgspec.structs import replace
from textual.app import App, ComposeResult
from textual.screen import Screen

from kiosk import flow
from kiosk.i18n import translator
from kiosk.view import Printing, SupportView
from kiosk.widgets.checklist import Tick
from kiosk.widgets.large import LargeWords
from kiosk.widgets.presses import PRESSES
from tests.screens.gallery import SUPPORT, VIEWS, GalleryApp
from tests.screens.test_words import check_shown
from tests.terminal.pictures import lines_of, picture_of, text_of

ALL, LOST = VIEWS["hotline, all ways"], VIEWS["hotline, lost mailbox"]


def ticks(app: GalleryApp) -> list[bool]:
    return [tick.ticked for tick in app.screen.query(Tick)]


async def test_papers_are_ticked_by_keys_and_touch_and_stay_ticked() -> None:
    app = GalleryApp(ALL)
    async with app.run_test(size=(120, 34)) as pilot:
        papers = list(app.screen.query(Tick))
        app.screen.set_focus(papers[0])
        await pilot.press("space", "down", "enter")
        await pilot.click(papers[2])
        assert ticks(app) == [True, True, True]
        await pilot.click(papers[2])
        assert ticks(app) == [True, True, False]
        await pilot.press("f2")
        app.journey_screen.show(replace(app.view, theme="contrast"))
        await pilot.click("#turn")
        await pilot.click("#turn")
        await pilot.pause()
        rows = [row for row in text_of(app) if "[x]" in row or "[ ]" in row]
        assert ["[x]" in row for row in rows] == [True, True, False]
        assert "ID card" in rows[0]
    assert app.raised == []


async def test_a_key_held_down_ticks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PRESSES, "double_tap", 60.0)
    app = GalleryApp(ALL)
    async with app.run_test(size=(120, 34)) as pilot:
        app.screen.set_focus(app.screen.query(Tick).first())
        await pilot.press("space", "space", "space")
        assert ticks(app) == [True, False, False]


async def test_each_way_has_its_code_and_its_address_in_words() -> None:
    app = GalleryApp(ALL)
    async with app.run_test(size=(120, 34)) as pilot:
        for name, url, address in (
            ("email", "mailto:hotro@example.vn", "hotro@example.vn"),
            ("fanpage", "https://fb.com/example.vnpt", "fb.com/example.vnpt"),
            ("telephone", "tel:18001260", "1800 1260"),
        ):
            await pilot.click(f"#way-{name}")
            await pilot.pause()
            codes = zxingcpp.read_barcodes(picture_of(app))
            assert [code.text for code in codes] == [url]
            assert address in "\n".join(text_of(app))


async def test_with_one_way_there_is_nothing_to_choose() -> None:
    app = GalleryApp(VIEWS["hotline"])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.pause()
        assert not app.screen.query_one("#ways").display
        assert "#way-email" not in [f"#{widget.id}" for widget in app.screen.focus_chain]


async def test_a_lost_mailbox_asks_for_two_things() -> None:
    both = "đổi email đã đăng ký và cấp lại mật khẩu"
    for view, expected in ((ALL, False), (LOST, True)):
        app = GalleryApp(view)
        async with app.run_test(size=(240, 67)) as pilot:
            for _page in range(2):
                text = " ".join(" ".join(row.split()) for row in text_of(app))
                assert ("đổi email" in text) is expected
                await pilot.press("enter")
                await pilot.pause()
            shown = " ".join(str(w.content) for w in app.screen.query("Words"))
            assert (both in shown) is expected


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("size", [(80, 25), (100, 30), (120, 34), (240, 67)], ids=str)
async def test_both_pages_are_whole_and_the_number_is_unbroken(
    size: tuple[int, int], language: str
) -> None:
    app = GalleryApp(replace(LOST, language=language, demo=VIEWS["username, demo"].demo))
    async with app.run_test(size=size) as pilot:
        for _page in range(2):
            await pilot.pause()
            check_shown(app)
            assert "1800 1260" in "\n".join(text_of(app))
            assert "█" in "".join(text_of(app))
            await pilot.press("enter")


async def test_paper_is_offered_where_there_is_a_printer_and_its_fate_is_told() -> None:
    words = {
        Printing.READY: "Quét để gọi",
        Printing.PRINTING: "Đang in",
        Printing.PRINTED: "mời lấy giấy",
        Printing.FAILED: "chưa in được",
    }
    app = GalleryApp(replace(LOST, printer=Printing.READY))
    async with app.run_test(size=(80, 25)) as pilot:
        for printing, expected in words.items():
            app.journey_screen.show(replace(LOST, printer=printing))
            await pilot.pause()
            text = "\n".join(text_of(app))
            assert expected in text
            assert "In ra giấy" in text
        app.journey_screen.show(replace(LOST, printer=None))
        await pilot.pause()
        assert "In ra giấy" not in "\n".join(text_of(app))


class NumberScreen(Screen[None]):
    """A number alone on a screen that has what a drawn widget asks for."""

    def __init__(self, number: str) -> None:
        super().__init__()
        self.view, self.t = replace(ALL, support=SupportView(number)), translator("vi")

    def compose(self) -> ComposeResult:
        yield LargeWords(lambda view, _t: view.support.hotline)


@pytest.mark.parametrize(
    ("number", "width", "rows"),
    [
        ("1800 1260", 80, 5),
        ("1800 1260", 50, 11),
        ("(+84) 24-38.57", 80, 5),
        ("(028) 1800.1260", 60, 11),
        ("số 1800", 80, 3),
        ("1" * 60, 80, 3),
        ("1" * 60, 50, 4),
        ("", 80, 0),
    ],
)
async def test_a_number_that_cannot_be_drawn_is_plain(number: str, width: int, rows: int) -> None:
    app: App[None] = App()
    async with app.run_test(size=(width, 34)) as pilot:
        await app.push_screen(NumberScreen(number))
        await pilot.pause()
        assert app.screen.query_one(LargeWords).size.height == rows
        text = "".join(row.strip() for row in text_of(app))
        assert (number in text) is (rows < 5)
        bold = [text for line in lines_of(app) for text, style, _ in line if style and style.bold]
        assert "".join(bold).replace(" ", "") == (number.replace(" ", "") if rows < 5 else "")


@pytest.mark.parametrize("size", [(80, 25), (100, 30), (120, 34), (240, 67)], ids=str)
@pytest.mark.parametrize("name", ["out of service", "hotline", "staff call, failed"])
async def test_a_number_with_signs_in_it_is_shown_wherever_it_stands(
    name: str, size: tuple[int, int]
) -> None:
    app = GalleryApp(replace(VIEWS[name], support=SupportView("(028) 1800.1260")))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        check_shown(app)
        number = app.screen.query_one(LargeWords).region
        assert number.height >= 3
        if name != "hotline":  # Beside its papers and code there is room for plain digits only.
            assert "█" in "".join(text_of(app)[number.y : number.bottom])


def test_a_fanpage_is_an_address_of_the_web() -> None:
    assert SUPPORT.fanpage_url == "https://fb.com/example.vnpt"
    assert replace(SUPPORT, fanpage="https://x.vn/a").fanpage_url == "https://x.vn/a"
    assert SupportView().fanpage_url == SupportView().email_url == ""
    assert flow.PrintAsked in flow.TABLE[flow.State.HOTLINE]


async def test_arrows_stay_in_the_column_of_the_papers() -> None:
    app = GalleryApp(ALL)
    async with app.run_test(size=(120, 34)) as pilot:
        papers = list(app.screen.query(Tick))
        app.screen.set_focus(papers[2])
        await pilot.press("up")
        assert app.focused is papers[1]
        await pilot.press("down")
        assert app.focused is papers[2]
