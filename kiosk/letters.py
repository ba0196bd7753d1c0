"""How large the letters of the kiosk's terminal are: for `kiosk display`.

The screens are the same on any machine, and a terminal has no size but that of its letters. So
the largest letters are chosen with which the screens have room: that of 120 by 34, or with large
text that of 80 by 25, where the same content is about half as large again.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

ROOMY, LARGE = (120, 34), (80, 25)
"""Columns and rows for which the screens are made, and in which they have just room."""

FONT = "Noto Sans Mono"
_ADVANCE, _ASCENT, _DESCENT = 0.6, 1.069, 0.293
"""Of one em (the font's tables hmtx and hhea)."""

DRM = Path("/sys/class/drm")
"""Where the kernel tells of screens: a folder for each socket with `status` and `modes`."""


def cell(pixels: int) -> tuple[int, int]:
    """Width and height of a cell with letters of this size, as foot rounds them."""
    return round(pixels * _ADVANCE), math.ceil(pixels * _ASCENT) + math.ceil(pixels * _DESCENT)


def cells(width: int, height: int, pixels: int) -> tuple[int, int]:
    """Columns and rows that a screen of so many dots has with letters of this size."""
    across, down = cell(pixels)
    return width // across, height // down


def largest(width: int, height: int, room: tuple[int, int]) -> int | None:
    """Return the largest size in pixels with which there is room; None: the screen is too small."""
    sizes = [
        size
        for size in range(8, 129)
        if all(have >= want for have, want in zip(cells(width, height, size), room, strict=True))
    ]
    return max(sizes, default=None)


def connected_screen(drm: Path = DRM) -> tuple[int, int] | None:
    """Return the size in dots of the first screen that is plugged in, in its preferred mode;
    None: there is none, or its size is not told."""
    for status in sorted(drm.glob("card*-*/status")):
        try:
            if status.read_text().strip() != "connected":
                continue
            modes = (status.parent / "modes").read_text().split()
        except OSError:
            continue
        if modes and (mode := re.fullmatch(r"(\d+)x(\d+)i?", modes[0])):
            return int(mode[1]), int(mode[2])
    return None


def settings(width: int, height: int, pixels: int) -> str:
    """What `display.ini` has to say for letters of this size on a screen of so many dots."""
    columns, rows = cells(width, height, pixels)
    return (
        f"# {width}x{height}: {columns} columns and {rows} rows.\n"
        f"[main]\nfont={FONT}:pixelsize={pixels}\n"
    )
