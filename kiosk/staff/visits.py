"""Page 2: the last visits, from the audit journal, which holds nothing of whom they were for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kiosk import problems
from kiosk.audit import AuditError, Record, newest
from kiosk.flow import StaffTopic, StaffTopicAsked
from kiosk.staff.page import Row, Say, StaffPage, Status, Text

LINES = 3000
"""Of the journal, that are looked at; a visit has about a dozen."""

SHOWN = 100
"""Visits."""


@dataclass(slots=True)
class PastVisit:
    """What the journal says of one visit."""

    began: datetime
    """Local time."""
    reference: str = ""
    tax_code: str = ""
    """Masked."""
    outcome: str = ""
    """Of the last line that has one: a problem's code or an event's name."""


def past_visits(records: Iterable[Record]) -> list[PastVisit]:
    """Gather the lines of each visit; the newest visit first."""
    found: dict[str, PastVisit] = {}
    for record in records:
        if not record.visit:
            continue
        visit = found.get(record.visit)
        if visit is None:
            try:
                began = datetime.fromisoformat(record.time).astimezone()
            except ValueError:
                continue
            visit = found[record.visit] = PastVisit(began)
        visit.reference = record.reference or visit.reference
        visit.tax_code = record.tax_code or visit.tax_code
        visit.outcome = record.outcome or visit.outcome
    return list(reversed(found.values()))


def visits_page(directory: Path | None) -> StaffPage:
    """Make the page; reads the journal, so not on an event loop.

    Args:
        directory: the journal's; None: the configuration has none.
    """
    title = Say("staff.visits.title")
    if directory is None:
        return StaffPage(StaffTopic.VISITS, title, (Row(Say("staff.visits.off")),))
    try:
        visits = past_visits(newest(directory, LINES))[:SHOWN]
    except AuditError:
        return StaffPage(
            StaffTopic.VISITS, title, (Row(Say("staff.visits.unreadable"), Status.FAILED),)
        )
    rows = tuple(map(_row, visits)) or (Row(Say("staff.visits.none")),)
    return StaffPage(StaffTopic.VISITS, title, rows)


def _row(visit: PastVisit) -> Row:
    line = "  ".join(
        part for part in (f"{visit.began:%d/%m %H:%M}", visit.reference, visit.tax_code) if part
    )
    problem = problems.BY_CODE.get(visit.outcome)
    if problem is not None:
        title = Say(f"problem.{problem.key}.title", {"date": "…"})
        outcome: Text = Say("staff.coded", {"code": problem.code, "title": title})
        return Row(line, details=(outcome,), opens=StaffTopicAsked(StaffTopic.CODES, problem.code))
    return Row(line, details=(_OUTCOMES.get(visit.outcome, visit.outcome or "—"),))


_OUTCOMES: dict[str, Text] = {
    "Sent": Say("staff.visits.sent"),
    "Finished": Say("staff.visits.finished"),
}
"""What an event's name as an outcome means; others are shown as they are."""
