"""What a check finds. Text and JSON are made of the same findings."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one run."""

    subject: str
    """What was looked at: the command's options and the configuration."""
    findings: tuple[Finding, ...]
    conclusion: Finding
    """What it comes to; only this decides about the exit code."""

    @property
    def in_order(self) -> bool:
        """Whether the kiosk would serve."""
        return self.conclusion.status is not Status.FAILED

    def as_json(self) -> str:
        """The report for programs."""
        report = {
            "kiosk": __version__,
            "subject": self.subject,
            "in_order": self.in_order,
            "findings": self.findings,
            "conclusion": self.conclusion,
        }
        return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
