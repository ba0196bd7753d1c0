"""Reads QR codes from pictures of a screen, with another library than the one that draws."""

from __future__ import annotations

import pyte
import zxingcpp
from PIL import Image, ImageDraw

from tests.terminal.console import Console
from tests.terminal.pictures import CELL, FONTS, paint_cell

_ANSI = {"default": None, "black": (0, 0, 0), "white": (255, 255, 255)}


def picture_of_terminal(screen: pyte.Screen) -> Image.Image:
    """Paint what the terminal shows."""
    image = Image.new("RGB", (screen.columns * CELL[0], screen.lines * CELL[1]))
    draw = ImageDraw.Draw(image)
    for row in range(screen.lines):
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            foreground = _colour(cell.fg, (255, 255, 255))
            background = _colour(cell.bg, (0, 0, 0))
            if cell.reverse:
                foreground, background = background, foreground
            place = column * CELL[0], row * CELL[1]
            if cell.data:
                paint_cell(draw, *place, cell.data[0], foreground, background, FONTS[cell.bold])
    return image


def decode(image: Image.Image) -> str:
    """The text of the one QR code in the picture.

    Raises:
        AssertionError: there is none, or more than one.
    """
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)
    assert len(found) == 1, f"{len(found)} QR codes"
    return found[0].text


def wait_for_qr(console: Console, text: str) -> None:
    """Wait until the one QR code on the terminal says this."""

    def there() -> bool:
        found = zxingcpp.read_barcodes(
            picture_of_terminal(console.screen), formats=zxingcpp.BarcodeFormat.QRCode
        )
        return [one.text for one in found] == [text]

    console.wait_until(there, f"a QR code of {text}")


def _colour(name: str, default: tuple[int, int, int]) -> tuple[int, int, int]:
    if name in _ANSI:
        return _ANSI[name] or default
    return int(name[0:2], 16), int(name[2:4], 16), int(name[4:6], 16)
