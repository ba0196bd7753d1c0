"""Where a text goes on in the next line."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.screen import Screen

from kiosk import i18n
from kiosk.flow import State
from kiosk.view import View
from kiosk.widgets.drawn import Words
from kiosk.widgets.lines import breaks, unbroken
from tests.terminal.pictures import text_of


def lines(text: str, width: int, language: str, *, balanced: bool = False) -> list[str]:
    ends = [*breaks(text, width, language, balanced=balanced), len(text)]
    return [text[a:b].rstrip(" ") for a, b in zip([0, *ends], ends, strict=False)]


def test_a_line_is_broken_at_a_space_but_not_at_one_that_keeps_together() -> None:
    assert lines("Gọi 1800 1260 ngay", 8, "vi") == ["Gọi 1800", "1260", "ngay"]
    hotline = unbroken("1800 1260")
    assert lines(f"Gọi {hotline} ngay", 9, "vi") == ["Gọi", hotline, "ngay"]


@pytest.mark.parametrize("width", range(16, 60))
@pytest.mark.parametrize("language", ["ja", "zh"])
def test_no_line_begins_with_what_ends_and_none_ends_with_what_begins(
    language: str, width: int
) -> None:
    text = {
        "ja": "「VNPT-BHXH」（社会保険）のパスワード、ユーザー名などを、お確かめください。",
        "zh": "请检查“VNPT-BHXH”（社会保险）的密码、用户名等信息，然后重试。",
    }[language]
    found = lines(text, width, language)
    assert "".join(found) == text
    for line in found:
        assert cell_len(line) <= width
        assert line[0] not in "、。，）」”ー"
        assert line[-1] not in "（「“"
    assert any("VNPT-BHXH" in line for line in found)


def test_a_japanese_word_is_not_cut() -> None:
    assert lines("新しいパスワードを送信しました", 20, "ja") == [
        "新しいパスワードを",
        "送信しました",
    ]


def test_korean_is_broken_between_words() -> None:
    assert lines("이메일이 오지 않았습니다", 14, "ko") == ["이메일이 오지", "않았습니다"]


@pytest.mark.parametrize("language", ["vi", "ja"])
def test_what_has_no_place_to_break_is_cut_rather_than_lost(language: str) -> None:
    found = lines("x" * 25 + " y", 10, language)
    assert found == ["x" * 10, "x" * 10, "xxxxx y"]


def test_balanced_lines_are_no_more_than_others() -> None:
    text = "Vui lòng rút USB Token ra rồi cắm lại"
    assert lines(text, 34, "vi") == ["Vui lòng rút USB Token ra rồi cắm", "lại"]
    assert lines(text, 34, "vi", balanced=True) == ["Vui lòng rút USB", "Token ra rồi cắm lại"]


class Page(Screen[None]):
    """What a `Words` needs around it."""

    CSS = "Words { width: 100%; height: auto; }"

    view = View(State.WELCOME, language="zh")
    t = i18n.translator("zh")

    def compose(self) -> ComposeResult:
        yield Words("no_match.text")


async def test_a_text_is_as_high_as_its_lines_and_its_spaces_are_plain() -> None:
    app: App[None] = App()
    async with app.run_test(size=(22, 10)) as pilot:
        await app.push_screen(Page())
        await pilot.pause()
        words = app.screen.query_one(Words)
        shown = [line.strip() for line in text_of(app) if line.strip()]
        assert words.region.height == len(shown) > 2
        assert any("1800 1260。" in line for line in shown)
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert words.region.height == 1


def test_the_tables_of_line_breaking_are_loaded_only_for_those_who_need_them() -> None:
    code = (
        "import sys; from kiosk.widgets.lines import breaks; breaks('a b', 1, 'vi');"
        "breaks('가 나', 2, 'ko'); assert 'uniseg' not in sys.modules;"
        "breaks('你好', 2, 'zh'); assert 'uniseg' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
