"""Page 3: what each problem's code means, and what to tell the customer."""

from __future__ import annotations

from kiosk import problems
from kiosk.flow import StaffTopic, StaffTopicAsked
from kiosk.problems import Problem
from kiosk.staff.page import Action, Row, Say, StaffPage
from kiosk.staff.wording import coded_title, problem_words

GROUPS = {
    "K": "staff.codes.kiosk",
    "T": "staff.codes.token",
    "C": "staff.codes.certificate",
    "P": "staff.codes.pin",
    "S": "staff.codes.service",
}
"""Whose matter a code is, by its letter."""


def codes_page(part: str) -> StaffPage:
    """Make the page.

    Args:
        part: a code: all about it; a letter: the codes of its group; else the groups.
    """
    code = part.upper()
    if code in problems.BY_CODE:
        return _problem(problems.BY_CODE[code])
    if code in GROUPS:
        rows = tuple(
            Row(coded_title(problem), opens=StaffTopicAsked(StaffTopic.CODES, problem.code))
            for problem in problems.ALL
            if problem.code.startswith(code)
        )
        back = Action(Say("button.back"), StaffTopicAsked(StaffTopic.CODES))
        return StaffPage(StaffTopic.CODES, Say(GROUPS[code]), rows, (back,), part=code)
    rows = tuple(
        Row(
            Say("staff.coded", {"code": letter, "title": Say(key)}),
            opens=StaffTopicAsked(StaffTopic.CODES, letter),
        )
        for letter, key in GROUPS.items()
    )
    hint = Say("staff.codes.unknown", {"code": code}) if code else Say("staff.codes.hint")
    return StaffPage(StaffTopic.CODES, Say("staff.codes.title"), (*rows, Row(hint)))


def _problem(problem: Problem) -> StaffPage:
    rows = (
        Row(Say("staff.codes.shown"), details=(problem_words(problem, "text"),)),
        Row(Say("staff.codes.do"), details=(problem_words(problem, "staff"),)),
    )
    letter = problem.code[0]
    back = Action(Say("button.back"), StaffTopicAsked(StaffTopic.CODES, letter))
    return StaffPage(StaffTopic.CODES, coded_title(problem), rows, (back,), part=problem.code)
