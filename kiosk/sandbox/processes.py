"""Programs that the demo and the tests start beside the kiosk, and end with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

VPCD_READER = "Virtual PCD 00 00"
"""Name of the first virtual reader, without what pcscd puts behind it."""


def start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a program that ends when this process does, however that ends.

    `setpriv --pdeathsig` (util-linux) has the kernel see to that.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def start_kiosk(arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command of this program in a process of its own."""
    return start([sys.executable, "-m", "kiosk", *arguments], log)


def end(process: subprocess.Popen[bytes], patience: float = 3.0) -> None:
    """End a program: ask it, and if it does not listen, kill it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Look at the condition until it holds or the time is over; tell whether it held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def readers() -> list[str] | None:
    """Names of the readers that PC/SC knows; None if PC/SC does not answer."""
    from smartcard import scard  # noqa: PLC0415

    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if result != scard.SCARD_S_SUCCESS:
        return None
    try:
        result, names = scard.SCardListReaders(context, [])
        return list(names) if result == scard.SCARD_S_SUCCESS else []
    finally:
        scard.SCardReleaseContext(context)


def virtual_reader_there() -> bool:
    """Whether PC/SC has the virtual reader."""
    return any(name.startswith(VPCD_READER) for name in readers() or [])


def pcscd_command() -> list[str] | None:
    """How to run a pcscd of one's own; None if it is not installed.

    Since 2.0 it asks polkit who may use it, and where no polkit runs (a container), that
    is nobody. One that was started for the sandbox needs no such guard.
    """
    # It is not on the path of ordinary users.
    path = shutil.which("pcscd", path="/usr/sbin:/sbin:/usr/bin")
    if path is None:
        return None
    usage = subprocess.run([path, "--help"], capture_output=True, text=True, check=False)
    knows_polkit = "--disable-polkit" in usage.stdout + usage.stderr
    return [path, "--foreground", *(["--disable-polkit"] if knows_polkit else [])]
