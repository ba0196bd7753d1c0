"""Garbage is collected between visits, and what screens that are gone have drawn is let go."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from textual.events import Key

from kiosk import memory
from kiosk.app import KioskApp
from kiosk.screens.guarded import GuardedScreen, _Late
from kiosk.view import View
from tests.screens.gallery import VIEWS


class FixedController:
    """Does nothing: the test says what is shown."""

    leave: Callable[[], None]

    def __init__(self, show: Callable[[View], None]) -> None:
        self._show = show

    def refresh(self) -> None:
        self._show(VIEWS["welcome"])

    def start(self) -> None:
        """Nothing to start."""

    def equip(self, _tools: object) -> None:
        """Nothing to do with them."""

    async def stop(self) -> None:
        """Nothing to stop."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the app asks of its memory. In the tests' own process it must not be done."""
    made: list[str] = []
    for name in ("settle", "tidy"):
        monkeypatch.setattr(memory, name, lambda name=name: made.append(name))
    return made


def app(*, alone: bool) -> KioskApp:
    return KioskApp(
        lambda show, _crash: FixedController(show),  # type: ignore[arg-type, return-value]
        lambda: None,  # type: ignore[arg-type, return-value]
        alone=alone,
    )


async def test_garbage_is_collected_when_a_visit_is_over(calls: list[str]) -> None:
    kiosk = app(alone=True)
    async with kiosk.run_test(size=(80, 25)) as pilot:
        while calls != ["settle"]:
            await pilot.pause(0.01)
        for name in ("consent", "choose case"):
            kiosk._show(VIEWS[name])
            await pilot.pause()
        assert calls == ["settle"]
        kiosk._show(VIEWS["welcome"])
        while calls != ["settle", "tidy"]:
            await pilot.pause(0.01)


@pytest.mark.parametrize(
    "way",
    [
        ("consent", "goodbye", "closed"),
        ("sent", "remove token", "consent"),
        ("sent", "goodbye", "consent"),
        ("sent", "goodbye", "welcome"),
    ],
    ids="-".join,
)
async def test_whatever_follows_a_visit_it_is_cleared_up_once(
    way: tuple[str, ...], calls: list[str]
) -> None:
    kiosk = app(alone=True)
    async with kiosk.run_test(size=(80, 25)) as pilot:
        while calls != ["settle"]:
            await pilot.pause(0.01)
        GuardedScreen._late = _Late(Key("1", None), kiosk.screen, None)  # type: ignore[arg-type]
        for name in way[:-1]:
            kiosk._show(VIEWS[name])
            await pilot.pause()
        assert calls == ["settle"]
        kiosk._show(VIEWS[way[-1]])
        while "tidy" not in calls:
            await pilot.pause(0.01)
        kiosk._show(VIEWS["welcome"])
        await pilot.pause()
        await pilot.pause()
        assert calls.count("tidy") == (2 if way[-1] == "consent" else 1)
        assert GuardedScreen._late is None


async def test_who_goes_back_is_not_kept_waiting(calls: list[str]) -> None:
    kiosk = app(alone=True)
    async with kiosk.run_test(size=(80, 25)) as pilot:
        while calls != ["settle"]:
            await pilot.pause(0.01)
        for name in ("consent", "choose case", "consent", "choose case"):
            kiosk._show(VIEWS[name])
            await pilot.pause()
        assert calls == ["settle"]


async def test_a_process_of_others_is_left_alone(calls: list[str]) -> None:
    kiosk = app(alone=False)
    async with kiosk.run_test(size=(80, 25)) as pilot:
        for name in ("consent", "welcome"):
            kiosk._show(VIEWS[name])
            await pilot.pause()
        await pilot.pause(0.1)
        assert calls == []


async def test_what_a_screen_has_drawn_goes_with_it() -> None:
    kiosk = app(alone=False)
    async with kiosk.run_test(size=(80, 25)) as pilot:
        await pilot.pause()
        caches = [widget._styles_cache for widget in kiosk.screen.walk_children()]  # type: ignore[attr-defined]
        assert any(cache._cache for cache in caches)
        kiosk._show(VIEWS["consent"])
        while kiosk.screen.view.state is not VIEWS["consent"].state:  # type: ignore[attr-defined]
            await pilot.pause(0.01)
        await pilot.pause()
        assert not any(cache._cache for cache in caches)


def test_what_is_loaded_is_set_apart_and_the_collector_works_again() -> None:
    program = """
import gc, weakref
gc.disable()
from kiosk import memory
memory.settle()
print(gc.isenabled(), gc.get_freeze_count() > 10_000, gc.get_threshold()[0])
class Circle:
    def __init__(self):
        self.itself = self
circle = weakref.ref(Circle())
print(circle() is not None)
memory.tidy()
print(circle() is None)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert ended.stdout.split() == ["True", "True", str(memory.YOUNG), "True", "True"], ended.stderr


def test_the_words_of_a_visit_are_forgotten_with_it() -> None:
    program = """
import functools, gc
import kiosk.screens
from kiosk import memory
from kiosk.widgets.lines import breaks
from rich.cells import cached_cell_len, cell_len
from textual.color import Color
from textual.geometry import Region
kiosk.screens.load_all()
memory.settle()
name = "NGUYỄN VĂN AN"
breaks(name, 8, "vi")
cell_len(name)
Region(1, 2, 3, 4).grow((5, 6, 7, 8))
Color.parse("#123456")
kept = breaks, cached_cell_len, Region.grow, Color.parse.__func__
print(all(cache.cache_info().currsize for cache in kept))
memory.tidy()
print(any(cache.cache_info().currsize for cache in kept))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert ended.stdout.split() == ["True", "False"], ended.stderr


@pytest.mark.skipif(sys.version_info[:2] == (3, 12), reason="no such string ever goes there")
def test_strings_that_come_and_go_have_their_room_from_the_start() -> None:
    """Python's table of them would be made twice as large in the middle of some visit."""
    program = """
import ctypes, sys
import kiosk.assembly, kiosk.screens
from kiosk import memory

kiosk.screens.load_all()

class Told(ctypes.Structure):
    # mallinfo2(3)
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd",
        "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
    )]

tell = ctypes.CDLL(None).mallinfo2
tell.restype = Told

def used():
    told = tell()
    return told.uordblks + told.hblkhd

memory.settle()
before = most = used()
staying = []
for number in range(200_000):
    name = sys.intern(f"string {number}")
    if number % 100 == 0:
        staying.append(name)
        most = max(most, used())
print(most - before)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert int(ended.stdout) < 300_000, ended.stderr


def test_what_a_thread_has_read_goes_with_it() -> None:
    """A megabyte of the journal, which staff look at in another thread each time."""
    program = """
import threading
from pathlib import Path
from kiosk import memory

size = 1 << 20
# Without an order to the contrary, glibc keeps blocks that are smaller than this one was.
bytearray(8 * size)
memory.settle()

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def read():
    bytearray(b"1" * size)
    here.wait()
    go_on.wait()

here, go_on = threading.Barrier(5), threading.Event()
memory.tidy()
before = resident()
threads = [threading.Thread(target=read) for _ in range(4)]
for thread in threads:
    thread.start()
here.wait()
memory.tidy()
print(resident() - before)
go_on.set()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert int(ended.stdout) < 1 << 20, ended.stderr
