"""QR codes are read from the pixels that the cells make."""

from __future__ import annotations

import pytest
import zxingcpp
from msgspec.structs import replace
from textual.app import App, ComposeResult
from textual.screen import Screen

from kiosk.i18n import translator
from kiosk.view import MailboxLink
from kiosk.widgets.qr import QrCode
from tests.screens.gallery import MAILBOX, VIEWS, GalleryApp
from tests.terminal.pictures import lines_of, picture_of, text_of


@pytest.mark.parametrize("size", [(80, 25), (120, 34), (240, 67)], ids=str)
@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("sent", MAILBOX.url),
        ("sent, demo", MAILBOX.url),
        ("hotline", "tel:18001260"),
        ("hotline, all ways", "tel:18001260"),
    ],
)
async def test_a_telephone_reads_the_code(name: str, address: str, size: tuple[int, int]) -> None:
    app = GalleryApp(VIEWS[name])
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        codes = zxingcpp.read_barcodes(picture_of(app))
        assert [code.text for code in codes] == [address]
        assert codes[0].ec_level == "M"


@pytest.mark.parametrize(("size", "cells"), [((120, 34), (33, 17)), ((240, 67), (66, 33))])
async def test_the_result_has_the_largest_code_that_there_is_room_for(
    size: tuple[int, int], cells: tuple[int, int]
) -> None:
    app = GalleryApp(VIEWS["sent"])
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert app.screen.query_one(QrCode).region.size == cells


async def test_the_address_stands_beside_the_code() -> None:
    app = GalleryApp(VIEWS["sent"])
    async with app.run_test(size=(80, 25)):
        assert MAILBOX.url in "\n".join(text_of(app))


async def test_an_unknown_mailbox_has_no_code() -> None:
    app = GalleryApp(VIEWS["sent, mailbox unknown"])
    async with app.run_test(size=(120, 34)):
        assert zxingcpp.read_barcodes(picture_of(app)) == []
        text = "\n".join(text_of(app))
        assert "https" not in text
        assert "đơn vị thường dùng" in text
        assert "Thư rác" in text


async def test_a_code_without_room_is_not_shown_clipped() -> None:
    long = MailboxLink("Thư", "https://webmail.example.vn/" + "x" * 180)
    app = GalleryApp(replace(VIEWS["sent"], mailbox=long))
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.pause()
        assert not app.screen.query_one(QrCode).display


class CodeScreen(Screen[None]):
    """A code alone on a screen that has what a drawn widget asks for."""

    def __init__(self, large: bool) -> None:
        super().__init__()
        self.view, self.t = VIEWS["sent"], translator("vi")
        self.large = large

    def compose(self) -> ComposeResult:
        yield QrCode(lambda view: MAILBOX.url, large=self.large)


class CodeApp(App[None]):
    """Has a dark theme, and styles that would spoil a code."""

    CSS = "Screen { background: #400000; color: #00ff00; } QrCode { color: red; background: blue; }"

    def __init__(self, large: bool) -> None:
        super().__init__()
        self.large = large

    def on_mount(self) -> None:
        self.theme = "gruvbox"
        self.push_screen(CodeScreen(self.large))


@pytest.mark.parametrize("large", [False, True])
async def test_a_code_is_black_on_white_in_every_theme(large: bool) -> None:
    app = CodeApp(large)
    async with app.run_test(size=(120, 40)) as pilot:
        app.screen.query_one(QrCode).fit(app.size)
        await pilot.pause()
        region = app.screen.query_one(QrCode).region
        assert region.size == ((66, 33) if large else (33, 17))
        assert [code.text for code in zxingcpp.read_barcodes(picture_of(app))] == [MAILBOX.url]
        allowed = {"#000000", "#ffffff"}
        for line in lines_of(app)[region.y : region.bottom]:
            x = 0
            for text, style, _ in line:
                if x < region.right and x + len(text) > region.x and len(text) <= region.width:
                    assert style.color.name in allowed
                    assert style.bgcolor.name in allowed
                    assert not large or not text.strip()
                x += len(text)


@pytest.mark.parametrize("size", [(80, 25), (100, 30), (120, 34)])
async def test_staff_see_the_code_that_they_try(size: tuple[int, int]) -> None:
    app = GalleryApp(VIEWS["staff QR"])
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        code = app.screen.query_one(QrCode)
        assert code.display
        assert code.region.height >= code.needed.height
