"""What a process and its helpers take, as the kernel counts it (proc(5))."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

from tests.speed.figures import PeerMissing

_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes resident."""

    rss: int
    """With every page that is shared with other processes."""
    pss: int
    """With its share of those."""

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.rss + other.rss, self.pss + other.pss)


def family(pid: int) -> list[int]:
    """A process and its children, and theirs."""
    found = [pid]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found += family(int(child))
    return found


def memory(pids: list[int]) -> Memory:
    """What these processes have resident.

    Raises:
        PeerMissing: this user may not look into the kiosk, which is closed to debuggers.
    """
    total = Memory(0, 0)
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        except PermissionError:
            raise PeerMissing(
                "the right to read the kiosk's memory map, which it closes to its own user: "
                "run the benchmark as root"
            ) from None
        sizes = dict(line.split(":") for line in lines)
        total += Memory(*(int(sizes[name].split()[0]) * 1024 for name in ("Rss", "Pss")))
    return total


def cpu_seconds(pids: list[int]) -> float:
    """Processor time that these processes have taken, threads that have ended included."""
    return sum(map(_cpu_seconds, pids))


def _cpu_seconds(pid: int) -> float:
    clock = ctypes.c_int()
    error = _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise OSError(error, os.strerror(error))
    return time.clock_gettime(clock.value)
