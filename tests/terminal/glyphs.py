"""Whether the fonts have the signs that are used."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping

from PIL import Image

from tests.terminal.cells import Shown
from tests.terminal.laboratory import Window

_PRIVATE_USE = range(0xE000, 0xF900)

# Drawn by the terminal itself (foot, box-drawings-uses-font-glyphs=no).
_DRAWN_BY_TERMINAL = range(0x2500, 0x25A0)


def covered() -> set[int]:
    """The code points that any installed font has, by fontconfig's word."""
    told = subprocess.run(
        ["fc-list", "--format", "%{charset} "], capture_output=True, check=True, text=True
    )
    found: set[int] = set()
    for part in set(told.stdout.split()):
        first, _, last = part.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return found


def faults(
    used: Mapping[tuple[str, bool], int],
    show: Callable[[list[str]], tuple[Shown, Image.Image]],
    window: Window,
) -> Iterator[str]:
    """Tell which signs are drawn as the missing glyph, or are in no font.

    Args:
        used: the signs, whether they were bold, and how many columns they take.
        show: draws lines in the terminal, plain and then bold.
        window: where they are drawn.
    """
    in_fonts = covered()
    missing = chr(next(point for point in _PRIVATE_USE if point not in in_fonts))
    for sign, _ in used:
        for character in sign:
            if ord(character) not in in_fonts and ord(character) not in _DRAWN_BY_TERMINAL:
                yield f"{sign!r} (U+{ord(character):04X}) is in no font"
    widths = {sign: width for (sign, _), width in used.items() if not sign.isspace()}
    for lines in _pages([missing, *widths], {missing: 1, **widths}, missing, window):
        shown, picture = show(lines)
        yield from _drawn_as_missing(shown, picture, window, missing, used)


def _pages(
    signs: Iterable[str], widths: Mapping[str, int], missing: str, window: Window
) -> Iterator[list[str]]:
    """Lines that fill half a screen each, the first beginning with the missing glyph."""
    lines, columns = [missing], 1
    for sign in signs:
        if columns + widths[sign] > window.columns:
            if len(lines) == window.lines // 2:
                yield lines
                lines, columns = [missing], 1
            else:
                lines.append("")
                columns = 0
        lines[-1] += sign
        columns += widths[sign]
    yield lines


def _drawn_as_missing(
    shown: Shown,
    picture: Image.Image,
    window: Window,
    missing: str,
    used: Mapping[tuple[str, bool], int],
) -> Iterator[str]:
    width, height = window.cell
    tofu: dict[bool, bytes] = {}
    for line, cells in enumerate(shown.cells):
        column = 0
        for cell in cells:
            # The missing glyph is as wide as one column; a wide sign begins like it then.
            left, top = column * width, line * height
            pixels = picture.crop((left, top, left + width, top + height)).tobytes()
            if cell.sign == missing:
                tofu.setdefault(cell.bold, pixels)
            elif (cell.sign, cell.bold) in used and pixels == tofu[cell.bold]:
                yield f"{cell.sign!r}{' (bold)' if cell.bold else ''} is drawn as a missing glyph"
            column += cell.width
