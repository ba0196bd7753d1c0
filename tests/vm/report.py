"""Writes what the checks have found: docs/vm-report.md."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.vm.image import DISPLAY, Disk
from tests.vm.registry import Check


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a check."""

    check: Check
    passed: bool
    found: str
    seconds: float
    """How long the check took, for whoever wants to run it again."""
    pictures: list[tuple[str, str]] = field(default_factory=list)
    """File and caption."""


def write(file: Path, pictures: str, disk: Disk, outcomes: list[Outcome]) -> None:
    """Write the report; `pictures` is where they are, seen from the report."""
    passed = sum(one.passed for one in outcomes)
    lines = [
        "# A whole machine: report",
        "",
        "Written by `scripts/vm-test`, which builds a Debian 13 disk, installs the package with",
        "apt, boots it in QEMU without KVM (every instruction is emulated, so times are several",
        "times those of a real machine) and does from outside what people, plugs and power do.",
        "The service is the sandbox's, over TLS; the token is a virtual card on the machine's",
        "real pcscd. Text is read from the pictures of the screen, letter by letter.",
        "",
        f"{passed} of {len(outcomes)} checks passed. Figures of {datetime.now(UTC):%Y-%m-%d}, on "
        f"{os.cpu_count()} processors shared with other work; {_qemu()}, 2 processors, 2 GB, "
        f"{DISPLAY[0]} × {DISPLAY[1]}.",
        "",
        "| Debian package | version |",
        "| --- | --- |",
        *(f"| {name} | {version} |" for name, version in sorted(disk.versions.items())),
        "",
        "| check | what has to hold | result | found | took |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in outcomes:
        result = "passed" if one.passed else "**failed**"
        lines.append(
            f"| `{one.check.name}` | {_cell(one.check.what)} | {result} | {_cell(one.found)} "
            f"| {one.seconds:.0f} s |"
        )
    shown = [picture for one in outcomes for picture in one.pictures]
    if shown:
        lines += ["", "## Pictures", ""]
        for name, caption in shown:
            lines += [f"{caption}:", "", f"![{caption}]({pictures}/{name})", ""]
    file.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _qemu() -> str:
    said = subprocess.run(
        ["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return f"QEMU {said.split()[3]} on {platform.machine()}"
