"""The machine's virtual terminals, for the units: `python -m kiosk.console lock|unlock|font`.

Run as root before and after the kiosk. `lock` keeps every key and program from switching to
another virtual terminal (ioctl_console(2), VT_LOCKSWITCH), `unlock` allows it again, `font`
gives the first one the largest letters with which the screens have room.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

LOCK_SWITCH = 0x560B
UNLOCK_SWITCH = 0x560C

CONSOLE = Path("/dev/tty1")
FONTS = Path("/usr/share/consolefonts")
SCREEN_SIZE = Path("/sys/class/graphics/fb0/virtual_size")

VIETNAMESE_FONTS = (
    (16, 32, "Vietnamese-Terminus32x16"),
    (14, 28, "Vietnamese-Terminus28x14"),
    (12, 24, "Vietnamese-Terminus24x12"),
    (10, 20, "Vietnamese-Terminus20x10"),
    (8, 16, "Vietnamese-Fixed16"),
)
"""Width and height in dots, and the name; of Debian's package console-setup-linux."""

COMFORTABLE = (100, 30)
"""Columns and rows with which no screen is crowded."""


def font_for(width: int, height: int) -> str:
    """Return the font with the largest letters that leaves a comfortable screen of this many
    dots; the smallest there is where none does."""
    columns, rows = COMFORTABLE
    for across, down, name in VIETNAMESE_FONTS:
        if width // across >= columns and height // down >= rows:
            return name
    return VIETNAMESE_FONTS[-1][2]


def _switching(request: int) -> None:
    descriptor = os.open(CONSOLE, os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.ioctl(descriptor, request, 0)
    finally:
        os.close(descriptor)


def _set_font() -> None:
    try:
        width, height = map(int, SCREEN_SIZE.read_text().split(","))
    except (OSError, ValueError):
        # No frame buffer: the plain size is right for 80 by 25.
        width = height = 0
    font = FONTS / f"{font_for(width, height)}.psf.gz"
    subprocess.run(["/usr/bin/setfont", "-C", str(CONSOLE), str(font)], check=True, timeout=10)


def main(arguments: list[str]) -> int:
    """Do the one thing that is asked for; what goes wrong is for the unit's journal."""
    actions = {
        "lock": lambda: _switching(LOCK_SWITCH),
        "unlock": lambda: _switching(UNLOCK_SWITCH),
        "font": _set_font,
    }
    if len(arguments) != 1 or arguments[0] not in actions:
        sys.stderr.write(f"usage: python -m kiosk.console {'|'.join(actions)}\n")
        return 2
    try:
        actions[arguments[0]]()
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{CONSOLE}: {arguments[0]}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
