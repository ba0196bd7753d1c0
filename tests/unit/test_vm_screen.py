"""The machine's test reads a screen as a person would."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.vm.keys import foot_bindings
from tests.vm.screen import FONT_FOLDER, console_reader, holds, terminal_reader
from tests.vm.waiting import CheckFailed

SCREEN = (640, 200)
PIXELS = 17


def _paint(words: str, ink: str, paper: str, weight: str) -> Image.Image:
    reader = terminal_reader(SCREEN, PIXELS)
    picture = Image.new("RGB", SCREEN, paper)
    font = ImageFont.truetype(str(FONT_FOLDER / f"NotoSansMono-{weight}.ttf"), PIXELS)
    for letter, (left, top, _, _) in zip(words, reader.grid.boxes(2), strict=False):
        cell = Image.new("RGB", reader.grid.cell, paper)
        baseline = font.getmetrics()[0]
        ImageDraw.Draw(cell).text((0, baseline), letter, ink, font=font, anchor="ls")
        picture.paste(cell, (left, top))
    return picture


@pytest.mark.parametrize(
    ("words", "ink", "paper", "weight"),
    [
        ("Lấy lại mật khẩu VNPT-BHXH", "#0b2239", "#ffffff", "Bold"),
        ("Quý khách đang gặp trường hợp nào?", "#ffffff", "#0066b3", "Regular"),
        ("ẰẲẴẮẶ ễ ử ỵ đ Đ ơ Ơ 0O 1lI", "#a4161a", "#e9f1f8", "Regular"),
    ],
)
def test_every_letter_is_told_from_its_neighbours(
    words: str, ink: str, paper: str, weight: str
) -> None:
    lines = terminal_reader(SCREEN, PIXELS).lines(_paint(words, ink, paper, weight))
    assert lines[2] == words
    assert not any(lines[:2] + lines[3:])


def test_a_wrong_word_is_not_taken_for_the_right_one() -> None:
    assert holds(["  Máy tạm ngừng phục vụ  "], "Máy tạm ngừng phục vụ")
    assert not holds(["  Máy tạm ngưng phúc vu  "], "Máy tạm ngừng phục vụ")
    assert not holds(["S02"], "S01")


def test_the_console_is_read_dot_by_dot() -> None:
    shapes = {"ệ": 0b10110000, "e": 0b10000001}
    glyphs = b"".join(bytes([shape] * 8) for shape in shapes.values())
    table = b"".join(letter.encode() + b"\xff" for letter in shapes)
    head = b"\x72\xb5\x4a\x86" + struct.pack("<7I", 0, 32, 1, len(shapes), 8, 8, 8)
    picture = Image.new("RGB", (32, 8), "#000000")
    for place, letter in enumerate("eệ"):
        dots = Image.frombytes("1", (8, 8), bytes([shapes[letter]] * 8))
        picture.paste(dots.convert("RGB"), (8 * place, 0))
    assert console_reader((32, 8), head + glyphs + table).lines(picture) == ["eệ"]


def test_foots_bindings_are_read_from_its_own_file(tmp_path: Path) -> None:
    shipped = tmp_path / "foot.ini"
    shipped.write_text(
        "[key-bindings]\n# spawn-terminal=Control+Shift+n\n# noop=none\n"
        "# font-increase=Control+plus Control+KP_Add\n[text-bindings]\n# \\x03=Mod4+c  # Map\n"
    )
    assert foot_bindings(shipped) == {
        "key-bindings: spawn-terminal": ["ctrl-shift-n"],
        "key-bindings: font-increase": ["ctrl-shift-equal", "ctrl-kp_add"],
        "text-bindings: \\x03": ["meta_l-c"],
    }
    shipped.write_text("[key-bindings]\n# spawn-terminal=Control+Hyper_L\n")
    with pytest.raises(CheckFailed, match="Hyper_L"):
        foot_bindings(shipped)
