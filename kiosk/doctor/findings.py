"""What a check finds. Text and JSON are made of the same findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from kiosk import __version__


class Status(Enum):
    """How it is with one thing."""

    OK = "ok"
    WARNING = "warning"
    """It works, or it is in doubt."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not looked at: it does not apply here, or something else has to be mended first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    """What it is about, for programs: `module`, `certificate`."""
    status: Status
    text: str
    advice: str = ""
    """What to do, where something is to be done."""
    facts: dict[str, Any] = field(default_factory=dict)
    """The same for programs, and what is too long for people."""
    parts: tuple[Finding, ...] = ()
    """What was found inside it."""


def ok(name: str, text: str, /, **facts: Any) -> Finding:
    """Something that is in order."""
    return Finding(name, Status.OK, text, facts=facts)


def warning(name: str, text: str, advice: str = "", /, **facts: Any) -> Finding:
    """Something that is in doubt, or will be wrong one day."""
    return Finding(name, Status.WARNING, text, advice, facts)


def failed(name: str, text: str, advice: str = "", /, **facts: Any) -> Finding:
    """Something that has to be mended."""
    return Finding(name, Status.FAILED, text, advice, facts)


def skipped(name: str, reason: str, /, **facts: Any) -> Finding:
    """Something that was not looked at, and why."""
    return Finding(name, Status.SKIPPED, f"not looked at: {reason}", facts=facts)


def worst(findings: Iterable[Finding]) -> Status:
    """The worst status of them; nothing at all is in order, and so is what nobody looked at."""
    found = {finding.status for finding in findings}
    return next((one for one in (Status.FAILED, Status.WARNING) if one in found), Status.OK)


def group(name: str, title: str, parts: Iterable[Finding]) -> Finding:
    """Put what was found of one subject under a line that says how much is wrong.

    Args:
        name: the subject, for programs.
        title: the subject, for people.
        parts: what was found.
    """
    inside = tuple(parts)
    if inside and all(one.status is Status.SKIPPED for one in inside):
        return Finding(name, Status.SKIPPED, title, parts=inside)
    counts = {
        word: sum(one.status is status for one in inside)
        for word, status in (("failed", Status.FAILED), ("in doubt", Status.WARNING))
    }
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return Finding(name, worst(inside), f"{title}: {told or 'in order'}", parts=inside)


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one run."""

    subject: str
    """What was looked at: the command's options and the configuration."""
    findings: tuple[Finding, ...]
    conclusion: Finding
    """What it comes to; only this decides about the exit code."""
    fault: bool = False
    """Whether the doctor itself failed at something."""

    @property
    def in_order(self) -> bool:
        """Whether the kiosk would serve, as far as that was found out."""
        return self.conclusion.status in (Status.OK, Status.WARNING)

    def as_json(self) -> str:
        """The report for programs."""
        report = {
            "kiosk": __version__,
            "subject": self.subject,
            "in_order": self.in_order,
            "fault": self.fault,
            "findings": self.findings,
            "conclusion": self.conclusion,
        }
        return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
