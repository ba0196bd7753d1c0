"""How long the first frame takes, with what it reads in the page cache, and without."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import kiosk as product
from tests.speed import bare_label
from tests.speed.figures import Figure, Goal, Kind, PeerMissing, compared, counted
from tests.speed.needs import require_pcscd
from tests.speed.terminal import Terminal
from tests.speed.turns import Measure, Turns
from tests.stack.journey import WELCOME

GOAL = Goal(Kind.RATIO, 1.25)
PEER = "bare Textual app with one label"

BARE = [sys.executable, "-m", "tests.speed.bare_label"]


def measure(turns: Turns) -> list[Figure]:
    """From the start of the process to the last byte of the first frame, on a terminal."""
    where = turns.surroundings.lab()

    def kiosk_once() -> float:
        with where.start() as terminal:
            return (terminal.wait_for(WELCOME) - terminal.started) * 1000

    def bare_once() -> float:
        with Terminal(BARE) as terminal:
            return (terminal.wait_for(bare_label.TEXT) - terminal.started) * 1000

    turns.what = "first frame, warm"
    warm = turns.alternate(turns.rounds(21, 3), kiosk_once, bare_once, unmeasured=1)
    files = read_files()
    evict(files)
    if resident_share(files) > MOST_RESIDENT:
        raise PeerMissing("a page cache that can be emptied: this file system keeps its pages")
    turns.what = "first frame, cold"
    cold = turns.alternate(
        turns.rounds(9, 1), lambda: _cold(files, kiosk_once), lambda: _cold(files, bare_once)
    )
    name = "process start → first frame"
    return [
        compared(
            f"{name}, {cache} cache", "ms", ours, peer, PEER, GOAL, note=counted(ours, "starts")
        )
        for cache, (ours, peer) in (("warm", warm), ("cold", cold))
    ]


def _cold(files: list[Path], side: Callable[[], float]) -> float:
    evict(files)
    return side()


def read_files() -> list[Path]:
    """All files that either side may read: the interpreter, its libraries, its packages, the
    kiosk."""
    library = Path(sysconfig.get_path("stdlib"))
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    folders |= {Path(product.__file__).parent, library / "lib-dynload"}
    folders |= {package.parent for package in library.glob("*/__init__.py")}
    found = {
        path
        for folder in folders
        if folder.name not in _NEVER_READ
        for path in folder.rglob("*")
        if path.suffix in _READ and path.is_file()
    }
    found.update((library / "__pycache__").iterdir())
    return sorted({Path(sys.executable).resolve(), *found})


_READ = {".pyc", ".so", ".tcss", ".compiled", ".bundle", ".mo"}
_NEVER_READ = {"test", "idlelib", "lib2to3"}
"""Parts of the standard library that take half of its files."""


def evict(files: list[Path]) -> None:
    """Have the kernel forget the contents of these files (posix_fadvise(2), DONTNEED).

    What another process has mapped stays, so the interpreter's own pages do: for both sides alike.
    """
    for path in files:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


MOST_RESIDENT = 0.25
"""Of the files' pages, after they were to be forgotten: what other processes have mapped stays."""


def resident_share(files: list[Path]) -> float:
    """How much of these files the page cache holds (mincore(2)), from 0 to 1."""
    libc = ctypes.CDLL(None, use_errno=True)
    pages = resident = 0
    for path in files:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                continue
            with mmap.mmap(file.fileno(), size, flags=mmap.MAP_PRIVATE) as mapped:
                count = -(-size // mmap.PAGESIZE)
                states = (ctypes.c_ubyte * count)()
                start = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
                if libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(size), states):
                    raise OSError(ctypes.get_errno(), "mincore")
                pages += count
                resident += sum(state & 1 for state in states)
    return resident / max(1, pages)


MEASURES = (Measure("start", "process start → first frame", measure, (require_pcscd,)),)
