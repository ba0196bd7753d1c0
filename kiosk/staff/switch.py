"""Pages 7 and 8: out of service and back, and starting the program anew."""

from __future__ import annotations

from kiosk.flow import StaffJobAsked, StaffTopic, StaffTopicAsked
from kiosk.staff.page import Action, Row, Say, StaffPage, Status

CONFIRM = "confirm"
"""The part of a page that asks whether it is meant."""


def switch_page(
    *, off: bool, part: str = "", failed: bool = False, lasting: bool = True
) -> StaffPage:
    """Make page 7: how it is, and on its part `confirm`, whether that shall change.

    Args:
        off: staff have taken the machine out of service.
        part: `CONFIRM` or nothing.
        failed: it could not be changed.
        lasting: it will still be so after a power cut.
    """
    title = Say("staff.switch.title")
    if part == CONFIRM:
        question = Say("staff.switch.sure_on" if off else "staff.switch.sure_off")
        return _question(StaffTopic.SWITCH, title, question)
    state = (
        Row(Say("staff.switch.is_off"), Status.WARNING, (Say("staff.switch.off_means"),))
        if off
        else Row(Say("staff.switch.is_on"), Status.OK, (Say("staff.switch.on_means"),))
    )
    rows = [state]
    if failed:
        rows.append(Row(Say("staff.switch.failed"), Status.FAILED))
    elif not lasting:
        rows.append(Row(Say("staff.switch.not_lasting"), Status.WARNING))
    action = Action(
        Say("staff.switch.turn_on" if off else "staff.switch.turn_off"),
        StaffTopicAsked(StaffTopic.SWITCH, CONFIRM),
    )
    return StaffPage(StaffTopic.SWITCH, title, tuple(rows), (action,))


def restart_page(part: str = "") -> StaffPage:
    """Make page 8."""
    title = Say("staff.restart.title")
    if part == CONFIRM:
        return _question(StaffTopic.RESTART, title, Say("staff.restart.sure"))
    action = Action(Say("staff.restart.do"), StaffTopicAsked(StaffTopic.RESTART, CONFIRM))
    return StaffPage(StaffTopic.RESTART, title, (Row(Say("staff.restart.how")),), (action,))


def _question(topic: StaffTopic, title: Say, question: Say) -> StaffPage:
    actions = (
        Action(Say("staff.no"), StaffTopicAsked(topic)),
        Action(Say("staff.yes"), StaffJobAsked(topic)),
    )
    return StaffPage(topic, title, (Row(question),), actions, part=CONFIRM)
