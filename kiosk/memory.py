"""Keeps the process small, free of what customers have left, and its garbage out of their way.

Python looks for garbage when enough objects were made, which is in the middle of a screen's change
or of a key's way to the screen; all that is ever alive is looked at then. So what has come to stay
is set apart once; what is new is looked at while the customer reads, and the rest when a visit is
over.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import sys
from collections.abc import Iterable

from textual._styles_cache import StylesCache
from textual.widget import Widget

YOUNG, MIDDLE, OLD = 100_000, 10, 10
"""Objects that are made, less those that are gone, until the garbage collector looks at the
youngest by itself; and looks at one generation until it looks at the next. A screen makes some
20,000, which are looked at when the customer reads it; a letter makes 40. All that is ever alive is
looked at when a visit is over, and during one only if a customer's makes millions."""

NAMES = 1 << 15
"""Strings, more than Python's table of those that it keeps but once has room for when everything is
loaded; see `_widen_names`."""

LARGE = 256 * 1024
"""Bytes of a block that is given back to the system as soon as it is free."""

M_MMAP_THRESHOLD = -3
"""Of mallopt(3); see malloc.h."""

REMEMBERED = ("textual.", "rich.", "kiosk.widgets.")
"""Modules whose functions remember their last results: widths and lines of texts, colours, regions.
They would keep names that were on the screen for a thousand other texts, and grow until then."""

_caches: list[functools._lru_cache_wrapper[object]] = []


def settle() -> None:
    """Everything is loaded. Set apart what is alive now, nearly all of which will be for as long as
    the process is; the one screen that is shown stays with it."""
    # What is set apart is no longer found. By its exact type, because a proxy whose object has gone
    # cannot be asked for its class.
    _caches.extend(
        one
        for one in gc.get_objects()
        if type(one) is functools._lru_cache_wrapper
        and (one.__module__ or "").startswith(REMEMBERED)
    )
    _give_large_blocks_back()
    _widen_names()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    gc.collect()
    gc.freeze()
    gc.enable()


def _give_large_blocks_back() -> None:
    """Have the memory for a file that is read be gone when the file is.

    glibc keeps a block that is not larger than the largest one that was freed before, and of what
    the other threads have had not even `malloc_trim` gives everything back.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # Only glibc has it.
        mallopt(M_MMAP_THRESHOLD, LARGE)


def _widen_names() -> None:
    """Have Python's table of interned strings as large as it is going to be.

    Each string that comes and goes takes a place in it for good; when all are taken, the table is
    made anew, with room for three times as many as are alive. For a kiosk's that is twice the room,
    a megabyte more, and would come after some thousand visits. So it is filled once.
    """
    if sys.version_info[:2] == (3, 12):
        # There, and only there, such strings never go again (CPython issue 113993).
        return
    names = [sys.intern(f"name {number}") for number in range(NAMES)]
    names.clear()


def forget_drawings(gone: Iterable[Widget]) -> None:
    """Let go of what these widgets have drawn: tens of thousands of objects for each screen.

    They are in circles with their screens, so only the garbage collector would find them; and not
    even it, because Textual (8.2) remembers results of a method of the last 1024 caches by cache.
    """
    StylesCache.get_inner_outer.cache_clear()
    for widget in gone:
        widget._styles_cache.clear()


def look_at_the_youngest() -> None:
    """Collect what has become garbage lately, now that nobody waits: else Python does it by itself,
    when somebody may."""
    gc.collect(0)


def tidy() -> None:
    """A visit is over: forget its words, collect its garbage, and give the system back what it
    took."""
    for cache in _caches:
        cache.cache_clear()
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        # Only glibc keeps what was freed for so long.
        trim(0)
