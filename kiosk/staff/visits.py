"""Page 2: the last visits, from the audit journal, which holds nothing of whom they were for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kiosk import problems
from kiosk.audit import AuditError, Record, newest
from kiosk.flow import StaffTopic, StaffTopicAsked
from kiosk.staff.page import Row, Say, StaffPage, Status, Text
from kiosk.staff.wording import coded_title

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
    ended: bool = False
    outcome: str = ""
    """A problem's code, the name of an event, a word of the recorder's such as `sent`, or
    nothing."""


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
        if record.what == "visit ended":
            visit.ended, visit.outcome = True, record.outcome
    return list(reversed(found.values()))


def visits_page(directory: Path) -> StaffPage:
    """Make the page; reads the journal in this folder, so not on an event loop."""
    title = Say("staff.visits.title")
    try:
        visits = past_visits(newest(directory, LINES))[:SHOWN]
    except AuditError:
        return StaffPage(
            StaffTopic.VISITS, title, (Row(Say("staff.visits.unreadable"), Status.FAILED),)
        )
    return StaffPage(StaffTopic.VISITS, title, visit_rows(visits))


def visit_rows(visits: Iterable[PastVisit]) -> tuple[Row, ...]:
    """One row for each visit."""
    return tuple(map(_row, visits)) or (Row(Say("staff.visits.none")),)


def _row(visit: PastVisit) -> Row:
    line = "  ".join(
        part for part in (f"{visit.began:%d/%m %H:%M}", visit.reference, visit.tax_code) if part
    )
    problem = problems.BY_CODE.get(visit.outcome)
    if problem is not None:
        opens = StaffTopicAsked(StaffTopic.CODES, problem.code)
        return Row(line, details=(coded_title(problem),), opens=opens)
    if not visit.ended:
        return Row(line, details=(Say("staff.visits.broken_off"),))
    return Row(line, details=(_OUTCOMES.get(visit.outcome, Say("staff.visits.left")),))


_OUTCOMES: Mapping[str, Text] = {
    "sent": Say("staff.visits.sent"),
    "Declined": Say("staff.visits.declined"),
    "ForgotUsername": Say("staff.visits.hotline"),
    "NoToken": Say("staff.visits.hotline"),
    "LostMailbox": Say("staff.visits.hotline"),
    "NotMyEmail": Say("staff.visits.hotline"),
    "cancelled": Say("staff.visits.cancelled"),
    "timed out": Say("staff.visits.timed_out"),
    "interrupted": Say("staff.visits.interrupted"),
}
"""What the journal's words for an outcome mean."""
