"""Pictures of the screen, painted from Textual's cells with Pillow.

No terminal is involved, so every machine paints the same picture. As a program it paints
the gallery: `python tests/terminal/pictures.py OUT_DIRECTORY [NAME …]`.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import sys
from pathlib import Path

from msgspec.structs import replace
from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import App

FONT_DIRECTORY = Path("/usr/share/fonts/truetype/noto")
CELL = (12, 24)
"""Pixels of a cell. Even numbers, so that half blocks have equal halves."""

FONTS = {
    bold: ImageFont.truetype(
        str(FONT_DIRECTORY / f"NotoSansMono-{'Bold' if bold else 'Regular'}.ttf"), 19
    )
    for bold in (False, True)
}


@functools.cache
def wide_font(*, bold: bool) -> ImageFont.FreeTypeFont:
    """The font of Debian's package fonts-noto-cjk, which only pictures of these languages need."""
    name = f"NotoSansCJK-{'Bold' if bold else 'Regular'}.ttc"
    return ImageFont.truetype(f"/usr/share/fonts/opentype/noto/{name}", 22)


def lines_of(app: App[None]) -> list[list[Segment]]:
    """Return the segments of each line on the app's screen, as a terminal gets them."""
    width, height = app.size
    screen = app.screen
    strips = screen._compositor.render_strips()
    return [list(strip.crop(0, width)) for strip in strips[:height]]


def text_of(app: App[None]) -> list[str]:
    """Return the plain text of each line on the app's screen."""
    return ["".join(segment.text for segment in line) for line in lines_of(app)]


def picture_of(app: App[None]) -> Image.Image:
    """Paint the app's screen."""
    width, height = app.size
    image = Image.new("RGB", (width * CELL[0], height * CELL[1]), "#000000")
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines_of(app)):
        column = 0
        for text, style, _control in line:
            foreground, background = colours_of(style)
            font = FONTS[bool(style and style.bold)]
            for character in text:
                paint_cell(
                    draw, column * CELL[0], row * CELL[1], character, foreground, background, font
                )
                column += cell_len(character)
            if style and style.underline:
                y = (row + 1) * CELL[1] - 2
                left = (column - cell_len(text)) * CELL[0]
                draw.line((left, y, column * CELL[0], y), foreground)
    return image


def colours_of(style: Style | None) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """What a terminal paints the signs in, and what behind them (red, green, blue)."""
    style = style or Style()
    foreground = tuple(style.color.get_truecolor()) if style.color else (255, 255, 255)
    background = tuple(style.bgcolor.get_truecolor()) if style.bgcolor else (0, 0, 0)
    return (background, foreground) if style.reverse else (foreground, background)


def paint_cell(
    draw: ImageDraw.ImageDraw,
    x: int,
    y: int,
    character: str,
    foreground: tuple[int, int, int],
    background: tuple[int, int, int],
    font: ImageFont.FreeTypeFont,
) -> None:
    """Paint one cell, or the two of a wide letter. Blocks are painted as areas, as terminals do."""
    width, height = CELL
    if cell_len(character) == 2:
        width, font = 2 * width, wide_font(bold=font is FONTS[True])
    draw.rectangle((x, y, x + width - 1, y + height - 1), background)
    if character in "█▀▄▏":
        top = y + height // 2 if character == "▄" else y
        bottom = y + height // 2 - 1 if character == "▀" else y + height - 1
        right = x + 1 if character == "▏" else x + width - 1
        draw.rectangle((x, top, right, bottom), foreground)
    elif character != " ":
        draw.text((x, y + 19), character, fill=foreground, font=font, anchor="ls")


async def paint(directory: Path, names: list[str], sizes: list[tuple[int, int]]) -> None:
    """Paint views of the gallery, in both languages, at each size."""
    from tests.screens.gallery import VIEWS, GalleryApp

    for name in names or list(VIEWS):
        for language in ("vi", "en"):
            for size in sizes:
                app = GalleryApp(replace(VIEWS[name], language=language))
                async with app.run_test(size=size) as pilot:
                    await pilot.pause()
                    file = (
                        f"{name.replace(' ', '-').replace(',', '')}-{language}-{size[0]}x{size[1]}"
                    )
                    picture_of(app).save(directory / f"{file}.png", optimize=True)


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    parser = argparse.ArgumentParser(description="Paint the gallery.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--size", action="append", help="such as 120x34")
    options = parser.parse_args()
    sizes = [tuple(map(int, size.split("x"))) for size in options.size or ["120x34", "80x25"]]
    options.directory.mkdir(parents=True, exist_ok=True)
    asyncio.run(paint(options.directory, options.names, sizes))


if __name__ == "__main__":
    main()
