"""The pages of staff mode say what is so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kiosk import problems
from kiosk.audit import Journal
from kiosk.flow import StaffTopic, StaffTopicAsked
from kiosk.hardware.readers import ReaderState
from kiosk.staff.codes import GROUPS, codes_page
from kiosk.staff.health import health_page
from kiosk.staff.page import MOST_ACTIONS, Row, Say, StaffPage, Status, Text
from kiosk.staff.switch import CONFIRM, restart_page, switch_page
from kiosk.staff.visits import SHOWN, visits_page
from tests.screens.staff_gallery import STAFF_VIEWS, health


def keys(page: StaffPage) -> dict[str, Row]:
    return {row.text.key: row for row in page.rows if isinstance(row.text, Say)}


def plain(text: Text) -> str:
    if isinstance(text, str):
        return text
    return text.key + "".join(f" {plain(value)}" for value in text.values.values())


def test_all_is_well() -> None:
    page = health_page(health(readers=ReaderState(True, ("A reader",))))
    assert {row.status for row in page.rows} == {Status.OK}
    assert keys(page)["staff.health.readers"].details == ("A reader",)
    assert keys(page)["staff.health.hours"].details == ("07:30-11:30, 13:00-17:00",)


@pytest.mark.parametrize(
    ("problem", "part"),
    [
        (problems.KIOSK_PCSC_DOWN, "readers"),
        (problems.KIOSK_NO_READER, "readers"),
        (problems.SERVICE_UNREACHABLE, "service"),
        (problems.KIOSK_NOT_KNOWN, "service"),
        (problems.KIOSK_SERVICE_UNTRUSTED, "service"),
        (problems.KIOSK_CLOCK, "clock"),
        (problems.KIOSK_DISK, "disk"),
        (problems.KIOSK_CLOSED, "hours"),
        (problems.KIOSK_CONFIG, "configuration"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.code,
)
def test_a_broken_part_has_its_code_and_what_to_do(problem: problems.Problem, part: str) -> None:
    rows = keys(health_page(health(problem)))
    broken = {key for key, row in rows.items() if row.status is Status.FAILED}
    assert broken == {"staff.health.not_serving", f"staff.health.{part}"}
    row = rows[f"staff.health.{part}"]
    assert problem.code in plain(row.details[0])
    assert row.advice is not None
    assert plain(row.advice).startswith(f"problem.{problem.key}.staff")
    assert row.opens == StaffTopicAsked(StaffTopic.CODES, problem.code)


def test_a_kiosk_that_staff_have_taken_out_says_where_it_is_put_back() -> None:
    row = keys(health_page(health(problems.KIOSK_TAKEN_OUT)))["staff.health.not_serving"]
    assert row.advice is not None
    assert "staff.switch.turn_on" in plain(row.advice)
    assert row.opens == StaffTopicAsked(StaffTopic.SWITCH)


def test_a_clock_is_not_right_before_somebody_has_told_the_time() -> None:
    never = replace(health(), service_known=False)
    for state in (never, health(problems.SERVICE_UNREACHABLE)):
        row = keys(health_page(state))["staff.health.clock"]
        assert row.status is Status.RUNNING
        assert Say("staff.health.clock_unknown") in row.details


@pytest.mark.parametrize("problem", problems.ALL, ids=lambda p: p.code)
def test_every_code_is_found_by_typing_and_by_picking(problem: problems.Problem) -> None:
    page = codes_page(problem.code.lower())
    assert problem.code in plain(page.title)
    assert plain(page.rows[-1].details[0]).split()[0] == f"problem.{problem.key}.staff"
    groups = [row.opens for row in codes_page("").rows]
    assert StaffTopicAsked(StaffTopic.CODES, problem.code[0]) in groups
    picks = [row.opens for row in codes_page(problem.code[0]).rows]
    assert StaffTopicAsked(StaffTopic.CODES, problem.code) in picks


def test_every_letter_has_a_group_and_no_other_code_is_made_up() -> None:
    assert {problem.code[0] for problem in problems.ALL} == set(GROUPS)
    page = codes_page("K99")
    assert "K99" in plain(page.rows[-1].text)
    assert all(row.opens is not None for row in page.rows[:-1])


def test_visits_come_from_the_journal_newest_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append("started", detail="1.0")
    for number, outcome in enumerate(["sent", "P03", "", "ForgotUsername"]):
        name = f"v{number}"
        journal.append("visit begun", visit=name)
        journal.append("effect done", visit=name, effect="read token", outcome="TokenRead")
        facts = {"reference": f"R-{number}", "tax_code": "01******01"} if outcome else {}
        journal.append("visit ended", visit=name, outcome=outcome, **facts)
    journal.append("visit begun", visit="open")
    journal.close()
    rows = visits_page(tmp_path).rows
    assert [plain(row.details[0]).split()[0] for row in rows] == [
        "staff.visits.broken_off",
        "staff.visits.hotline",
        "staff.visits.left",
        "staff.coded",
        "staff.visits.sent",
    ]
    assert "R-0" in plain(rows[-1].text)
    assert "01******01" in plain(rows[-1].text)
    assert rows[3].opens == StaffTopicAsked(StaffTopic.CODES, "P03")


BEGUN = ("effect begun", "")
UNKNOWN = ["staff.visits.unknown"]
SENT = ["staff.visits.sent"]


@pytest.mark.parametrize(
    ("orders", "ended", "told"),
    [
        # The plug was pulled, or the kiosk crashed, while the order was on its way.
        ([BEGUN], None, UNKNOWN),
        ([BEGUN, ("effect done", "broken off")], None, UNKNOWN),
        ([BEGUN, ("effect done", "broken off")], "", UNKNOWN),
        ([BEGUN, ("effect done", "OutcomeUnknown")], "S07", ["staff.coded", *UNKNOWN]),
        ([BEGUN, ("effect done", "OutcomeUnknown")], "T01", ["staff.coded", *UNKNOWN]),
        # The second press did not reach the service; what became of the first is not known.
        (
            [BEGUN, ("effect done", "broken off"), BEGUN, ("effect done", "S06")],
            "S06",
            ["staff.coded", *UNKNOWN],
        ),
        # It was asked after, and the service has said so.
        ([BEGUN, ("effect done", "OutcomeUnknown")], "sent", ["staff.visits.sent"]),
        ([BEGUN, ("effect done", "OutcomeUnknown")], "S11", ["staff.coded"]),
        ([BEGUN, ("effect done", "Sent")], "sent", ["staff.visits.sent"]),
        ([BEGUN, ("effect done", "Sent")], None, ["staff.visits.sent"]),
        ([BEGUN, ("effect done", "MailBounced")], None, ["staff.coded"]),
        # It was given up before it left, and the customer was told so.
        ([BEGUN, ("effect done", "Sent"), ("mail followed", "S08")], "S08", ["staff.coded"]),
        (
            [BEGUN, ("effect done", "OutcomeUnknown"), ("mail followed", "S08")],
            "cancelled",
            ["staff.visits.cancelled"],
        ),
        # The power went before the visit ended.
        ([BEGUN, ("effect done", "OutcomeUnknown"), ("mail followed", "Sent")], None, SENT),
        ([BEGUN, ("effect done", "Sent"), ("mail followed", "MailBounced")], None, ["staff.coded"]),
        # After a mail that came back the customer began anew: another order, another key.
        (
            [BEGUN, ("effect done", "MailBounced"), BEGUN, ("effect done", "OutcomeUnknown")],
            "S07",
            ["staff.coded", *UNKNOWN],
        ),
        ([BEGUN, ("effect done", "MailBounced"), BEGUN], None, ["staff.coded", *UNKNOWN]),
        ([BEGUN, ("effect done", "MailBounced"), BEGUN, ("effect done", "Sent")], "sent", SENT),
        # What came back is not passed over because the customer went on and then left.
        ([BEGUN, ("effect done", "MailBounced")], "cancelled", ["staff.coded"]),
        # A refused repetition says nothing of the order before.
        (
            [BEGUN, ("effect done", "broken off"), BEGUN, ("effect done", "S08")],
            "S08",
            ["staff.coded", *UNKNOWN],
        ),
        # Certainly nothing was sent.
        ([BEGUN, ("effect done", "S06")], "S06", ["staff.coded"]),
        ([BEGUN, ("effect done", "S06")], "", ["staff.visits.left"]),
        ([], "", ["staff.visits.left"]),
    ],
)
def test_nobody_is_told_that_nothing_was_sent_where_that_is_not_known(
    orders: list[tuple[str, str]], ended: str | None, told: list[str], tmp_path: Path
) -> None:
    journal = Journal(tmp_path)
    journal.append("visit begun", visit="v")
    for what, outcome in orders:
        effect = "" if what == "mail followed" else "send"
        journal.append(what, visit="v", effect=effect, outcome=outcome, reference="BH-1")
    if ended is not None:
        journal.append("visit ended", visit="v", outcome=ended)
    journal.close()
    (row,) = visits_page(tmp_path).rows
    assert [plain(detail).split()[0] for detail in row.details] == told
    doubtful = "staff.visits.unknown" in told
    assert (row.status is Status.WARNING) is doubtful
    assert (row.advice == Say("staff.visits.unknown_do")) is doubtful


def test_a_journal_that_is_empty_or_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    assert [plain(row.text) for row in visits_page(tmp_path).rows] == ["staff.visits.none"]
    (tmp_path / "audit.jsonl").mkdir()
    row = visits_page(tmp_path).rows[0]
    assert (plain(row.text), row.status) == ("staff.visits.unreadable", Status.FAILED)


def test_a_long_journal_makes_a_page_of_bounded_length(tmp_path: Path) -> None:
    lines = "".join(
        f'{{"seq":{n},"time":"2026-11-25T01:02:03.000Z","what":"visit begun","visit":"v{n}"}}\n'
        for n in range(1, 5000)
    )
    (tmp_path / "audit.jsonl").write_text(lines)
    assert len(visits_page(tmp_path).rows) == SHOWN


def test_what_cannot_be_taken_back_is_asked_first() -> None:
    for off in (False, True):
        assert StaffTopicAsked(StaffTopic.SWITCH, CONFIRM) in [
            action.event for action in switch_page(off=off).actions
        ]
    assert all(
        isinstance(action.event, StaffTopicAsked)
        for page in (switch_page(off=False), restart_page())
        for action in page.actions
    )


def test_no_page_has_more_buttons_than_the_screen() -> None:
    for view in STAFF_VIEWS.values():
        if (page := view.staff_mode.page) is not None:
            assert len(page.actions) <= MOST_ACTIONS
