"""Page 2: the last visits, from the audit journal, which holds nothing of whom they were for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kiosk import problems
from kiosk.audit import AuditError, Record
from kiosk.audit_verify import newest
from kiosk.flow import Effect, StaffTopic, StaffTopicAsked
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
    ordered: bool = False
    """A mail was ordered, and nothing says yet what came of that."""
    doubted: bool = False
    """An order was made of which nobody knows what came of it."""
    mailed: bool = False
    """The service has taken an order."""

    @property
    def unknown(self) -> bool:
        """Whether nobody knows if a mail was sent."""
        return (self.ordered or self.doubted) and not self.mailed

    def take(self, record: Record) -> None:
        """Learn from one line of the journal."""
        self.reference = record.reference or self.reference
        self.tax_code = record.tax_code or self.tax_code
        if record.what == "visit ended":
            self.ended, self.outcome = True, record.outcome
            self.mailed = self.mailed or record.outcome in _SETTLED
        elif record.effect == Effect.SEND.value and record.what == "effect begun":
            self.ordered = True
        elif record.effect == Effect.SEND.value and record.what == "effect done":
            self.ordered = False
            # A later order with a clear answer says nothing of the one before, unless a mail
            # has left: all orders of a visit are one to the service.
            self.doubted = self.doubted or record.outcome not in _CLEAR
            self.mailed = self.mailed or record.outcome in _SETTLED
            if record.outcome == "MailBounced":
                self.outcome = problems.SERVICE_MAIL_BOUNCED.code


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
        visit.take(record)
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
    details: tuple[Text, ...] = ()
    opens = None
    if problem is not None:
        details, opens = (coded_title(problem),), StaffTopicAsked(StaffTopic.CODES, problem.code)
    if visit.unknown:
        return Row(
            line,
            Status.WARNING,
            (*details, Say("staff.visits.unknown")),
            Say("staff.visits.unknown_do"),
            opens,
        )
    if problem is None:
        details = (_ending(visit),)
    return Row(line, details=details, opens=opens)


def _ending(visit: PastVisit) -> Text:
    """What became of a visit that met no problem."""
    if visit.mailed:
        return _SENT
    if not visit.ended:
        return Say("staff.visits.broken_off")
    return _OUTCOMES.get(visit.outcome, Say("staff.visits.left"))


_SENT = Say("staff.visits.sent")

_OUTCOMES: Mapping[str, Text] = {
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

_SETTLED = frozenset({"sent", "Sent", "MailBounced", problems.SERVICE_MAIL_BOUNCED.code})
"""Outcomes, of a visit or an order, after which it is known that the service has mailed."""

_CLEAR = _SETTLED | problems.BY_CODE.keys() - {problems.SERVICE_RESULT_UNKNOWN.code}
"""Outcomes of an order that leave no doubt: a problem's code says that nothing was done."""
