"""What the system says of the kiosk's processes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_HELPER = b"kiosk.hardware.token_helper"


def helpers_of(pid: int) -> list[int]:
    """The token helpers of the kiosk with this number that live."""
    return [child for child in children_of(pid) if _HELPER in _command(child)]


def children_of(pid: int) -> list[int]:
    """The processes that this one has started and that were not yet waited for."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def _command(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def resident(pid: int) -> int:
    """Bytes of the process's memory that are in the machine's."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"the kernel does not tell the memory of process {pid}")


def descriptors(pid: int) -> int:
    """How many descriptors the process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def threads(pid: int) -> int:
    """How many threads the process has."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
