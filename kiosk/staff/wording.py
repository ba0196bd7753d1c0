"""How a problem is named on the pages of staff mode."""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.flow import StaffTopic, StaffTopicAsked
from kiosk.i18n import ABSENT_VALUE
from kiosk.problems import Problem
from kiosk.staff.page import Row, Say, Status, Text


def problem_words(problem: Problem, part: str, facts: Mapping[str, str] | None = None) -> Say:
    """The problem's `title`, `text` or `staff`."""
    values = {"date": ABSENT_VALUE, "time": ABSENT_VALUE, **(facts or {})}
    return Say(f"problem.{problem.key}.{part}", values)


def coded_title(problem: Problem, facts: Mapping[str, str] | None = None) -> Say:
    """The code and the title, as in "K02 The card reader does not work"."""
    title = problem_words(problem, "title", facts)
    return Say("staff.coded", {"code": problem.code, "title": title})


def troubled(
    text: Text,
    problem: Problem,
    status: Status = Status.FAILED,
    facts: Mapping[str, str] | None = None,
) -> Row:
    """A thing with a problem: what it is called and what staff do. Picking it shows all of it."""
    return Row(
        text,
        status,
        (coded_title(problem, facts),),
        problem_words(problem, "staff", facts),
        StaffTopicAsked(StaffTopic.CODES, problem.code),
    )
