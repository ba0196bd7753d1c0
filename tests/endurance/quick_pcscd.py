"""A real pcscd that looks at its readers more often than every 0.4 s."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kiosk.sandbox.processes import pcscd_command
from tests.stack.parts import VPCD, Pcscd

LOOKS = 0.02
"""Seconds between two looks."""

_SOURCE = Path(__file__).with_name("quick_looks.c")


class PartMissing(Exception):
    """Something that the visits need is not installed; the text says what."""


def quick_pcscd(folder: Path) -> Pcscd:
    """Prepare it; nothing runs yet.

    Raises:
        PartMissing: pcscd or vpcd is not installed.
    """
    program = pcscd_command()
    if program is None or not VPCD.exists():
        raise PartMissing("pcscd with vpcd (Debian packages pcscd, vsmartcard-vpcd)")
    library = folder / "quick_looks.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"], check=True
    )
    preload = [f"LD_PRELOAD={library}", f"KIOSK_LOOKS_MS={round(1000 * LOOKS)}"]
    return Pcscd(folder, ["env", *preload, *program])
