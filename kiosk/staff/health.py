"""Page 1: how each part of the kiosk is, at a glance."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kiosk import __version__
from kiosk.flow import StaffTopic
from kiosk.hardware.readers import ReaderState
from kiosk.problems import Problem
from kiosk.staff.page import Row, Say, StaffPage, Status, Text
from kiosk.staff.wording import coded_title, troubled
from kiosk.text import clean_text

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Condition:
    """What the kiosk knows of itself at one moment."""

    readers: ReaderState | None
    """None: not looked at yet."""
    troubles: tuple[Problem, ...]
    """All that keeps the kiosk from serving; customers see the code of the first."""
    service_known: bool
    """Whether the service has been asked and what came of it is known."""
    kiosk_id: str
    since: datetime
    """When the program began, local time."""
    now: datetime
    """Local time."""
    disk: Path
    """A folder on the disk that the kiosk writes to."""
    hours: tuple[str, ...] = ()
    """Today's opening hours, such as `07:30-11:30`."""


def health_page(condition: Condition) -> StaffPage:
    """Make the page. What is broken carries its problem's code and what to do."""
    rows = (
        _serving(condition),
        _part(condition, "staff.health.readers", ("K02", "K03"), *_readers(condition)),
        _part(
            condition,
            "staff.health.service",
            ("S01", "K06", "K07"),
            status=Status.OK if condition.service_known else Status.RUNNING,
        ),
        _part(condition, "staff.health.clock", ("K01",), f"{condition.now:%H:%M:%S  %d/%m/%Y}"),
        _part(condition, "staff.health.disk", ("K08",), _free(condition.disk)),
        _part(
            condition,
            "staff.health.hours",
            ("K11",),
            ", ".join(condition.hours) or Say("staff.health.always"),
        ),
        _part(condition, "staff.health.configuration", ("K09",), condition.kiosk_id),
        Row(
            Say("staff.health.program"),
            Status.OK,
            (
                Say(
                    "staff.health.version",
                    {
                        "version": __version__,
                        "since": f"{condition.since:%H:%M  %d/%m/%Y}",
                        "python": platform.python_version(),
                    },
                ),
            ),
        ),
    )
    return StaffPage(StaffTopic.HEALTH, Say("staff.health.title"), rows)


def _serving(condition: Condition) -> Row:
    """What customers see now."""
    if not condition.troubles:
        return Row(Say("staff.health.serving"), Status.OK)
    first = condition.troubles[0]
    return Row(Say("staff.health.not_serving"), Status.FAILED, (coded_title(first),))


def _part(
    condition: Condition,
    key: str,
    codes: tuple[str, ...],
    *details: Text,
    status: Status = Status.OK,
) -> Row:
    """A part that these problems speak of."""
    for problem in condition.troubles:
        if problem.code in codes:
            return troubled(Say(key), problem)
    return Row(Say(key), status, details)


def _readers(condition: Condition) -> tuple[Text, ...]:
    names = condition.readers.readers if condition.readers else ()
    return tuple(clean_text(name, 60) for name in names) or (Say("staff.health.no_reader"),)


def _free(folder: Path) -> Text:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return Say("staff.health.disk_unknown")
    return Say("staff.health.free", {"megabytes": f"{free // _MEGABYTE}"})
