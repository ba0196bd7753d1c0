"""Page 2: the last visits, from the audit journal, which holds nothing of whom they were for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import islice
from pathlib import Path

from kiosk import problems
from kiosk.audit import (
    CANCELLED,
    EFFECT_BEGUN,
    EFFECT_DONE,
    INTERRUPTED,
    MAIL_FOLLOWED,
    SENT,
    TIMED_OUT,
    VISIT_ENDED,
    AuditError,
    Record,
)
from kiosk.audit_verify import newest_first
from kiosk.flow import Effect, StaffTopic, StaffTopicAsked
from kiosk.problems import Problem
from kiosk.staff.page import Row, Say, StaffPage, Status, Text
from kiosk.staff.wording import coded_title

LINES = 3000
"""Of the journal, that are looked at; a visit has about a dozen."""

SHOWN = 100
"""Visits."""

MORE = 10
"""Visits that are looked at beside them."""


class Mail(Enum):
    """What is known of a visit's mail."""

    NONE = "none"
    """Nothing has left, and nothing will."""
    UNKNOWN = "unknown"
    """It was ordered, and nobody knows what came of that."""
    SENT = "sent"
    """The service has taken the order, or has carried it out."""
    BOUNCED = "bounced"


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
    """An order has begun, and no line says yet what came of that."""
    mail: Mail = Mail.NONE
    """What is known apart from that order."""

    @property
    def unknown(self) -> bool:
        """Whether nobody knows if a mail was sent."""
        return self.mail is Mail.UNKNOWN or (self.ordered and self.mail is not Mail.SENT)

    @property
    def problem(self) -> Problem | None:
        """What went wrong, if anything did."""
        bounced = problems.SERVICE_MAIL_BOUNCED if self.mail is Mail.BOUNCED else None
        return problems.BY_CODE.get(self.outcome, bounced)

    def take(self, record: Record) -> None:
        """Learn from one line of the journal."""
        self.reference = record.reference or self.reference
        self.tax_code = record.tax_code or self.tax_code
        if record.what == VISIT_ENDED:
            self.ended, self.outcome = True, record.outcome
            self.mail = _TOLD.get(record.outcome, self.mail)
        elif record.what == MAIL_FOLLOWED:
            given_up = record.outcome == problems.SERVICE_RESET_EXPIRED.code
            self.mail = Mail.NONE if given_up else _TOLD.get(record.outcome, self.mail)
        elif record.effect == Effect.SEND.value and record.what == EFFECT_BEGUN:
            self.ordered = True
        elif record.effect == Effect.SEND.value and record.what == EFFECT_DONE:
            self.ordered = False
            # That this order did nothing says nothing of one before, which may have the same
            # key (it is repeated) or another (the customer has begun anew in the same visit).
            if record.outcome not in _NOTHING_DONE:
                self.mail = _TOLD.get(record.outcome, Mail.UNKNOWN)
        elif record.effect == Effect.RESEND.value and record.outcome == "MailBounced":
            self.mail = Mail.BOUNCED


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
        visits = past_visits(_of_the_last_visits(newest_first(directory)))[:SHOWN]
    except AuditError:
        return StaffPage(
            StaffTopic.VISITS, title, (Row(Say("staff.visits.unreadable"), Status.FAILED),)
        )
    return StaffPage(StaffTopic.VISITS, title, visit_rows(visits))


def _of_the_last_visits(records: Iterable[Record]) -> list[Record]:
    """The lines of as many visits as are shown, and of a few more, because what an effect has come
    to may be written when the next visit has begun.

    Args:
        records: from the newest on.

    Returns:
        the oldest of them first.
    """
    found: list[Record] = []
    visits: set[str] = set()
    for record in islice(records, LINES):
        visits.add(record.visit)
        if len(visits) > SHOWN + MORE:
            break
        found.append(record)
    return found[::-1]


def visit_rows(visits: Iterable[PastVisit]) -> tuple[Row, ...]:
    """One row for each visit."""
    return tuple(map(_row, visits)) or (Row(Say("staff.visits.none")),)


def _row(visit: PastVisit) -> Row:
    line = "  ".join(
        part for part in (f"{visit.began:%d/%m %H:%M}", visit.reference, visit.tax_code) if part
    )
    problem = visit.problem
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
    if visit.mail is Mail.SENT:
        return Say("staff.visits.sent")
    if not visit.ended:
        return Say("staff.visits.broken_off")
    return _OUTCOMES.get(visit.outcome, Say("staff.visits.left"))


_OUTCOMES: Mapping[str, Text] = {
    "Declined": Say("staff.visits.declined"),
    "ForgotUsername": Say("staff.visits.hotline"),
    "NoToken": Say("staff.visits.hotline"),
    "LostMailbox": Say("staff.visits.hotline"),
    "NotMyEmail": Say("staff.visits.hotline"),
    CANCELLED: Say("staff.visits.cancelled"),
    TIMED_OUT: Say("staff.visits.timed_out"),
    INTERRUPTED: Say("staff.visits.interrupted"),
}
"""What the journal's words for an outcome mean."""

_TOLD: Mapping[str, Mail] = {
    SENT: Mail.SENT,
    "Sent": Mail.SENT,
    "MailBounced": Mail.BOUNCED,
    problems.SERVICE_MAIL_BOUNCED.code: Mail.BOUNCED,
}
"""Outcomes that say what became of the mail, whichever line they are in."""

_NOTHING_DONE = problems.BY_CODE.keys() - {
    problems.SERVICE_RESULT_UNKNOWN.code,
    problems.SERVICE_MAIL_BOUNCED.code,
}
"""Outcomes of an order that leave no doubt: nothing was done."""
