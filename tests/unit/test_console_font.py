"""The letters of the bare console."""

from __future__ import annotations

import struct

import pytest
from msgspec.structs import asdict
from rich.color import Color, ColorSystem

from kiosk.console import COLOURS
from kiosk.console_font import Size, UnknownFormat, completed, read, size_for, written
from kiosk.styles.tokens import PALETTES

HEIGHT = 16
LETTERS = ["≪", "≫", "▸", "A", *(chr(0x4E00 + n) for n in range(508))]


def a_font() -> bytes:
    """A font of 512 letters; all dots of row n of glyph g are the byte g + n."""
    glyphs = b"".join(bytes((g + n) % 256 for n in range(HEIGHT)) for g in range(512))
    names = b"".join(struct.pack("<HHH", ord(letter), ord(letter), 0xFFFF) for letter in LETTERS)
    return b"\x36\x04\x03" + bytes([HEIGHT]) + glyphs + names


@pytest.mark.parametrize(
    ("width", "height", "letters", "cells"),
    [
        (3840, 2160, Size(18, 4), (120, 30)),
        (1920, 1080, Size(18, 2), (120, 30)),
        (1600, 900, Size(15, 2), (100, 30)),
        (1280, 1024, Size(18, 2), (80, 28)),
        (1280, 800, Size(16, 2), (80, 25)),
        (1366, 768, Size(15, 2), (85, 25)),
        (1024, 768, Size(18, 1), (128, 42)),
        (640, 400, Size(16, 1), (80, 25)),
        (0, 0, Size(16, 1), (0, 0)),
    ],
)
def test_letters_are_as_large_as_the_screen_has_room_for(
    width: int, height: int, letters: Size, cells: tuple[int, int]
) -> None:
    assert size_for(width, height) == letters
    across, down = letters.cell
    assert (width // across, height // down) == cells


def test_a_doubled_font_has_half_blocks_and_each_dot_four_times() -> None:
    font = written(completed(read(a_font())), 2)
    magic, _, start, named, count, size, height, width = struct.unpack("<4s7I", font[:32])
    assert (magic, named, count, height, width) == (b"\x72\xb5\x4a\x86", 1, 512, 32, 16)
    names = font[start + count * size :].split(b"\xff")
    glyph = {
        letter: font[start + place * size : start + (place + 1) * size]
        for place, letters in enumerate(names)
        for letter in letters.decode()
    }
    assert glyph["▀"] == b"\xff\xff" * 16 + b"\0\0" * 16
    assert glyph["▄"] == b"\0\0" * 16 + b"\xff\xff" * 16
    assert glyph["►"] == glyph["▸"]
    # The first row of "A" is 00000011, the second 00000100.
    assert glyph["A"][:8] == bytes.fromhex("000f 000f 0030 0030")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x36\x04\x03",
        b"\x36\x04\x03\x00",
        b"\x36\x04\x01\x10" + b"\0" * 8192,
        b"\x72\xb5\x4a\x86",
        a_font()[:5000],
        a_font()[:-1],
        a_font()[:-6],
    ],
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(UnknownFormat):
        read(data)


@pytest.mark.parametrize(
    ("name", "behind_letters"),
    [
        *(("ink", False), ("heading", False)),
        *(("alarm", True), ("brand", True), ("focus", True), ("paper", True)),
    ],
)
def test_the_consoles_colours_are_the_screens(name: str, behind_letters: bool) -> None:
    colour = asdict(PALETTES["light"])[name].removeprefix("#")
    # What is drawn in it where a terminal has sixteen colours and no more.
    number = Color.parse(f"#{colour}").downgrade(ColorSystem.STANDARD).number
    assert number is not None
    assert COLOURS[number] == colour
    if behind_letters:
        assert COLOURS[number % 8] == colour
