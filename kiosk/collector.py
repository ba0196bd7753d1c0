"""When Python looks for garbage: while nobody waits.

A screen is a knot of objects that know each other, so only the collector frees it. By itself it
runs in the middle of a switch from one screen to the next, and goes through every object of the
program: customers would wait a tenth of a second and more for it.
"""

from __future__ import annotations

import ctypes
import gc

AT_LEAST = 50_000
"""New objects after which the collector runs whatever is going on. A visit makes fewer."""

SELDOM = 20
"""So many runs over new objects for one over older ones."""

ONE_HEAP = -8
"""M_ARENA_MAX of mallopt(3)."""

_libc = ctypes.CDLL(None)


def put_off() -> None:
    """Collect nothing while the program is loaded: none of it is garbage. All threads take their
    memory from one heap, or each would keep what it once had."""
    gc.disable()
    _libc.mallopt(ONE_HEAP, 1)


def settle() -> None:
    """The program is loaded: never look at what it consists of again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(AT_LEAST, SELDOM, SELDOM)
    gc.enable()


def tidy() -> None:
    """Collect what a visit has left, and give its memory back."""
    gc.collect()
    _libc.malloc_trim(0)
