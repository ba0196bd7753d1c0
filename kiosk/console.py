"""The machine's virtual terminals, for the units: `python -m kiosk.console lock|unlock|look`.

Run as root before and after the kiosk. `lock` keeps every key and program from switching to
another virtual terminal (ioctl_console(2), VT_LOCKSWITCH) and takes those keys away that halt
the console or print on it; `unlock` allows the switching again, `look` gives the first one the
largest letters with which the screens have room, and all of them the kiosk's colours.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk import console_font

LOCK_SWITCH = 0x560B
UNLOCK_SWITCH = 0x560C
GET_KEY = 0x4B46
SET_KEY = 0x4B47
"""KDGKBENT and KDSKBENT (linux/kd.h): what a key means with a certain set of modifiers."""

MEANINGLESS = 0x0200
NO_SUCH_MAP = 0x027F
TAKEN_AWAY = frozenset({0x0202, 0x0203, 0x0204, 0x0209, 0x020F, 0x0212})
"""Registers, memory and tasks printed, Scroll Lock (which stops all drawing, and with it the
kiosk), kill everything on the terminal, start a program (linux/keyboard.h, K_SH_REGS, K_SH_MEM,
K_SH_STAT, K_HOLD, K_SAK, K_SPAWNCONSOLE)."""

SET_COLOURS = 0x4B71
"""PIO_CMAP (linux/kd.h): what the console's sixteen colours are."""

COLOURS = (
    *("0b2239", "a4161a", "1f7a3d", "ffd34d", "00437a", "00437a", "0066b3", "ffffff"),
    *("00437a", "a4161a", "1f7a3d", "ffd34d", "0066b3", "00437a", "0066b3", "ffffff"),
)
"""The screens' colours come down to these: ink, alarm, …, focus, …, blue, paper; behind letters
only the first eight, and the others for bold ones."""

CONSOLE = Path("/dev/tty1")
FONTS = Path("/usr/share/consolefonts")
SCREEN_SIZE = Path("/sys/class/graphics/fb0/virtual_size")


@contextmanager
def _console() -> Iterator[int]:
    descriptor = os.open(CONSOLE, os.O_RDWR | os.O_NOCTTY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock() -> None:
    with _console() as console:
        for table in range(256):
            if _meaning(console, table, 0) != NO_SUCH_MAP:
                _take_keys_away(console, table)
        # Last, since nobody unlocks after a failure.
        fcntl.ioctl(console, LOCK_SWITCH, 0)


def _unlock() -> None:
    with _console() as console:
        fcntl.ioctl(console, UNLOCK_SWITCH, 0)


def _take_keys_away(console: int, table: int) -> None:
    for key in range(1, 256):
        if _meaning(console, table, key) in TAKEN_AWAY:
            fcntl.ioctl(console, SET_KEY, _entry(table, key, MEANINGLESS))


def _meaning(console: int, table: int, key: int) -> int:
    _, _, meaning = struct.unpack("BBH", fcntl.ioctl(console, GET_KEY, _entry(table, key, 0)))
    return int(meaning)


def _entry(table: int, key: int, meaning: int) -> bytes:
    """struct kbentry of linux/kd.h."""
    return struct.pack("BBH", table, key, meaning)


def _look() -> None:
    _set_font()
    with _console() as console:
        fcntl.ioctl(console, SET_COLOURS, bytes.fromhex("".join(COLOURS)))


def _set_font() -> None:
    try:
        width, height = map(int, SCREEN_SIZE.read_text().split(","))
    except (OSError, ValueError):
        # No frame buffer: a screen of text, 80 by 25.
        width = height = 0
    with tempfile.NamedTemporaryFile(suffix=".psf") as file:
        file.write(font_file(console_font.size_for(width, height), FONTS))
        file.flush()
        setfont = ("/usr/bin/setfont", "-C", str(CONSOLE), file.name)
        subprocess.run(setfont, check=True, timeout=10)


def font_file(size: console_font.Size, folder: Path) -> bytes:
    """The font of this size as `setfont` takes it, made of Debian's in this folder.

    Raises:
        OSError: it is not there.
        console_font.UnknownFormat
    """
    packed = (folder / f"{size.name}.psf.gz").read_bytes()
    try:
        shipped = gzip.decompress(packed)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise console_font.UnknownFormat(f"{size.name} cannot be unpacked: {error}") from None
    return console_font.written(console_font.completed(console_font.read(shipped)), size.scale)


def main(arguments: list[str]) -> int:
    """Do the one thing that is asked for; what goes wrong is for the unit's journal."""
    actions = {
        "lock": _lock,
        "unlock": _unlock,
        "look": _look,
    }
    if len(arguments) != 1 or arguments[0] not in actions:
        sys.stderr.write(f"usage: python -m kiosk.console {'|'.join(actions)}\n")
        return 2
    try:
        actions[arguments[0]]()
    except (OSError, subprocess.SubprocessError, console_font.UnknownFormat) as error:
        sys.stderr.write(f"{CONSOLE}: {arguments[0]}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
