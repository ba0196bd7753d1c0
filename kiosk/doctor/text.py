"""A report as text, for a plain terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from kiosk.doctor.findings import Finding, Report, Status

WIDTH = 100
"""Columns of the widest line: longer ones are hard to read."""
_NARROWEST = 40
_MARGIN = 9
"""Columns of the status at the left."""

_COLOURS = {
    Status.OK: "\x1b[32m",
    Status.WARNING: "\x1b[33m",
    Status.FAILED: "\x1b[31m",
    Status.SKIPPED: "\x1b[2m",
}
_PLAIN = "\x1b[0m"


def as_text(report: Report, *, colour: bool = False, width: int = WIDTH) -> str:
    """Write the report: each finding with its status, and below it what to do.

    Args:
        report: what was found.
        colour: whether the terminal shows the colours of ECMA-48.
        width: the terminal's columns; at least 40 and at most 100 are used.
    """
    width = min(max(width, _NARROWEST), WIDTH)
    lines = textwrap.wrap(f"kiosk doctor {report.subject}", width, break_on_hyphens=False)
    for finding in (*report.findings, report.conclusion):
        lines += ["", *_lines(finding, 0, colour, width - _MARGIN)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _lines(finding: Finding, depth: int, colour: bool, width: int) -> Iterator[str]:
    status = finding.status.value.ljust(_MARGIN)
    if colour:
        status = f"{_COLOURS[finding.status]}{status}{_PLAIN}"
    indent = "  " * depth
    for number, line in enumerate(_wrapped(indent, finding.text, indent + "  ", width)):
        yield (status if number == 0 else " " * _MARGIN) + line
    if finding.advice:
        for line in _wrapped(indent + "  → ", finding.advice, indent + "    ", width):
            yield " " * _MARGIN + line
    for part in finding.parts:
        yield from _lines(part, depth + 1, colour, width)


def _wrapped(first: str, text: str, others: str, width: int) -> list[str]:
    wrapper = textwrap.TextWrapper(
        width,
        initial_indent=first,
        break_on_hyphens=False,
    )
    lines: list[str] = []
    for paragraph in text.split("\n"):
        wrapper.subsequent_indent = others
        lines += wrapper.wrap(paragraph) or [""]
        wrapper.initial_indent = others
    return lines
