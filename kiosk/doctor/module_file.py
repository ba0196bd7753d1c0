"""Why a PKCS#11 module's file cannot be loaded, as far as the file itself tells."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

_MACHINES = {0x03: "x86", 0x28: "ARM", 0x3E: "x86-64", 0xB7: "ARM64", 0xF3: "RISC-V"}
"""e_machine of the ELF header (System V ABI, chapter 4)."""


@dataclass(frozen=True, slots=True)
class _Machine:
    bits: int
    little: bool
    number: int

    def __str__(self) -> str:
        return f"{self.bits}-bit {_MACHINES.get(self.number, f'machine {self.number}')}"


def fault_of(module: Path) -> str:
    """What is wrong with the file; empty if it looks like a library for this machine."""
    try:
        found = _machine(module)
        own = _machine(Path(sys.executable))
    except OSError as error:
        return f"cannot be read: {(error.strerror or type(error).__name__).lower()}"
    if found is None:
        return "is no program library (not an ELF file)"
    if own is not None and found != own:
        return f"is made for another machine: {found}, and this kiosk is {own}"
    return ""


def _machine(file: Path) -> _Machine | None:
    with file.open("rb") as stream:
        header = stream.read(20)
    if len(header) < 20 or header[:4] != b"\x7fELF":
        return None
    little = header[5] == 1
    number = int.from_bytes(header[18:20], "little" if little else "big")
    return _Machine(64 if header[4] == 2 else 32, little, number)
