"""A report as text, for a plain terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from kiosk.doctor.findings import Finding, Report, Status

WIDTH = 100
_MARGIN = 9
"""Columns of the status at the left."""

_COLOURS = {Status.OK: "\x1b[32m", Status.WARNING: "\x1b[33m", Status.FAILED: "\x1b[31m"}
_PLAIN = "\x1b[0m"


def as_text(report: Report, *, colour: bool = False) -> str:
    """Write the report: each finding with its status, and below it what to do."""
    lines = textwrap.wrap(f"kiosk doctor {report.subject}", WIDTH, break_on_hyphens=False)
    for finding in (*report.findings, report.conclusion):
        lines += ["", *_lines(finding, 0, colour)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _lines(finding: Finding, depth: int, colour: bool) -> Iterator[str]:
    status = finding.status.value.ljust(_MARGIN)
    if colour:
        status = f"{_COLOURS[finding.status]}{status}{_PLAIN}"
    indent = "  " * depth
    for number, line in enumerate(_wrapped(indent, finding.text, indent + "  ")):
        yield (status if number == 0 else " " * _MARGIN) + line
    if finding.advice:
        for line in _wrapped(indent + "  → ", finding.advice, indent + "    "):
            yield " " * _MARGIN + line
    for part in finding.parts:
        yield from _lines(part, depth + 1, colour)


def _wrapped(first: str, text: str, others: str) -> list[str]:
    wrapper = textwrap.TextWrapper(
        WIDTH - _MARGIN,
        initial_indent=first,
        break_on_hyphens=False,
    )
    lines: list[str] = []
    for paragraph in text.split("\n"):
        wrapper.subsequent_indent = others
        lines += wrapper.wrap(paragraph) or [""]
        wrapper.initial_indent = others
    return lines
