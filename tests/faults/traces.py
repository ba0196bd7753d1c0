"""Looks for a PIN in everything that a run of the kiosk leaves behind, or may leave."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tests.stack.memory import find_in_memory

ROOT = Path(__file__).parents[2]

SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path("/"))  # noqa: S108
"""Folders that a program might write to whatever HOME and TMPDIR are; `/` is where helpers
run, and a core file goes to where a process runs."""


def halves(pin: str) -> tuple[str, str]:
    """The two halves of a PIN: a copy of what was typed until some moment is a leak, too."""
    middle = len(pin) // 2
    return pin[:middle], pin[middle:]


def in_process(pid: int, pin: str) -> list[str]:
    """Where half of the PIN is in the memory of a process, or in how it was started."""
    return find_in_memory(pid, *halves(pin)) + in_start(pid, pin)


def in_start(pid: int, pin: str) -> list[str]:
    """Where half of the PIN is in a process's command line or environment."""
    names = ("cmdline", "environ")
    return [one for one in names if in_bytes(Path(f"/proc/{pid}/{one}").read_bytes(), pin)]


def in_bytes(content: bytes, pin: str) -> bool:
    """Whether half of the PIN is in here."""
    return any(half.encode() in content.replace(b"\0", b"") for half in halves(pin))


def in_files(folders: Iterable[Path], since: float, pin: str) -> list[str]:
    """Files with half of the PIN in them or in their names.

    Args:
        folders: looked through with everything below them.
        since: when the run began. In `SHARED`, only newer files are looked at.
    """
    found = []
    for path in [*_below(folders), *_new_in_shared(since)]:
        # Others use the shared folders; their files may go while we look.
        with suppress(OSError):
            if in_bytes(os.fsencode(path), pin) or in_bytes(path.read_bytes(), pin):
                found.append(str(path))
    return found


def _below(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file())


def _new_in_shared(since: float) -> Iterator[Path]:
    for folder in SHARED:
        for path in folder.iterdir():
            with suppress(OSError):
                if path.is_file() and path.stat().st_mtime >= since:
                    yield path


# Core files


def core_limits(pid: int) -> tuple[int, int]:
    """Soft and hard limit of the size of a process's core file."""
    return resource.prlimit(pid, resource.RLIMIT_CORE)


def core_files(*folders: Path) -> set[tuple[Path, int]]:
    """Core files in these folders and where helpers run, and when each was written."""
    return {
        (path, path.stat().st_mtime_ns)
        for folder in (*folders, Path("/"))
        for path in folder.glob("core*")
    }


def leaves_core_file(folder: Path, precaution: str = "") -> bool:
    """Whether a Python process that is killed in this folder leaves a core file.

    Its limit is as high as it can be, so that only the precaution can prevent one.

    Args:
        precaution: what the process does first.
    """
    before = core_files(folder)
    subprocess.run(
        [sys.executable, "-c", DIES.format(precaution=precaution)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    new = core_files(folder) - before
    for path, _ in new:
        path.unlink()
    return bool(new)


DIES = """
import os, resource, signal

limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
resource.setrlimit = lambda *_: None
{precaution}
os.kill(os.getpid(), signal.SIGSEGV)
"""
