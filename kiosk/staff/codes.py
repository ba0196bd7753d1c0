"""Page 3: what each problem's code means, and what to tell the customer."""

from __future__ import annotations

from kiosk import problems
from kiosk.flow import StaffTopic, StaffTopicAsked
from kiosk.problems import Problem, Shown
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
        *_shown(problem),
        Row(Say("staff.codes.do"), details=(problem_words(problem, "staff"),)),
    )
    letter = problem.code[0]
    back = Action(Say("button.back"), StaffTopicAsked(StaffTopic.CODES, letter))
    return StaffPage(StaffTopic.CODES, coded_title(problem), rows, (back,), part=problem.code)


def _shown(problem: Problem) -> tuple[Row, ...]:
    """What the customer reads."""
    own = problem_words(problem, "text")
    shared = _with_number(Say("out_of_service.text"))
    shown = Say("staff.codes.shown")
    match problem.shown:
        case Shown.VISIT:
            return (Row(shown, details=(own,)),)
        case Shown.CLOSED:
            return (Row(shown, details=(_with_number(own),)),)
        case Shown.PLAIN_PAGE:
            return (Row(shown, details=(own, shared)),)
        case Shown.OUT_OF_SERVICE:
            return (Row(shown, details=(Say("out_of_service.title"), shared)),)
        case Shown.BOTH:
            return (
                Row(Say("staff.codes.shown_in_visit"), details=(own,)),
                Row(
                    Say("staff.codes.shown_between"), details=(Say("out_of_service.title"), shared)
                ),
            )


def _with_number(text: Say) -> Say:
    """On the screen the hotline's number stands below it."""
    return Say("staff.codes.with_number", {"text": text})
