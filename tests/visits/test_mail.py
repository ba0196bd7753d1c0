"""Whole visits: the order to mail, and what becomes of the mail."""

from __future__ import annotations

import pytest

from kiosk import delivery, flow, problems
from kiosk.flow import State
from kiosk.problems import Problem
from kiosk.sandbox.server.run import SandboxServer
from kiosk.service.errors import AnswerLost, ServiceRefused
from kiosk.service.messages import Delivery
from kiosk.view import StaffCall
from tests.visits.kiosk import Kiosk


async def test_removing_the_token_while_sending_changes_nothing(kiosk: Kiosk) -> None:
    await kiosk.to_confirm()
    kiosk.do(flow.SendConfirmed())
    kiosk.reader.remove()
    await kiosk.reaches(State.SENT)
    await kiosk.until(lambda: kiosk.mails == 1, "the mail")
    kiosk.do(flow.Finished())
    await kiosk.reaches(State.GOODBYE)


async def test_no_email_yet_sends_once_more_and_then_refuses(kiosk: Kiosk) -> None:
    await kiosk.to_confirm()
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    kiosk.do(flow.NoEmailYet(), flow.ResendAsked())
    await kiosk.reaches(State.SENT)
    assert kiosk.view.resent
    await kiosk.until(lambda: kiosk.mails == 2, "the second mail")
    for _ in range(10):
        kiosk.do(flow.NoEmailYet(), flow.ResendAsked())
        await kiosk.until(lambda: kiosk.view.state is not State.RESENDING, "an answer")
        if kiosk.view.state is State.RESEND_FAILED:
            break
    assert kiosk.view.problem is problems.SERVICE_RESEND_REFUSED
    kiosk.do(flow.Back())
    assert kiosk.view.state is State.SENT


class Mailer:
    """Answers in the place of the service after the order, as the contract allows."""

    def __init__(self, kiosk: Kiosk, *answers: str) -> None:
        self._answers = list(answers)
        self.resends_left: int | None = None
        self.resend_after = 0
        self._client = kiosk.client

    async def _answer(self, reset_id: str, *_: str) -> Delivery:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer == "lost":
            raise AnswerLost("test")
        return Delivery(reset_id, answer, "BH-TEST", self.resends_left, self.resend_after)  # type: ignore[arg-type]

    def then(self, answer: str) -> None:
        """Answer this from now on."""
        self._answers = [answer]

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for call in ("confirm", "resend", "status"):
            monkeypatch.setattr(self._client, call, self._answer)


async def sent(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> Mailer:
    """From the welcome screen to the result, with a mail that has left."""
    await kiosk.to_confirm()
    mailer = Mailer(kiosk, "sent")
    mailer.install(monkeypatch)
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    return mailer


@pytest.mark.parametrize(
    ("answers", "state", "problem"),
    [
        (("bounced",), State.MAIL_BOUNCED, problems.SERVICE_MAIL_BOUNCED),
        (("pending", "pending", "sent"), State.SENT, None),
        (("pending", "bounced"), State.MAIL_BOUNCED, problems.SERVICE_MAIL_BOUNCED),
        (("pending", "lost"), State.SENT, None),
        (("expired",), State.PROBLEM, problems.SERVICE_RESET_EXPIRED),
        (("lost",), State.RESULT_UNKNOWN, problems.SERVICE_RESULT_UNKNOWN),
    ],
)
async def test_what_is_said_after_the_order_is_what_the_service_says(
    kiosk: Kiosk,
    monkeypatch: pytest.MonkeyPatch,
    answers: tuple[str, ...],
    state: State,
    problem: Problem | None,
) -> None:
    monkeypatch.setattr(delivery, "PENDING_INTERVAL", 0.01)
    await kiosk.to_confirm()
    Mailer(kiosk, *answers).install(monkeypatch)
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(state, problem)
    assert kiosk.view.reference.startswith("BH-") or state is State.PROBLEM
    assert kiosk.view.delivery == {"lost": "pending", "expired": "", "bounced": "bounced"}.get(
        answers[-1], answers[-1]
    ) or state in (State.RESULT_UNKNOWN, State.PROBLEM)


@pytest.fixture
def _quick_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the mail asked after all the time, so that no test waits for the usual pace."""
    monkeypatch.setattr(delivery, "FOLLOW_TICK", 0.01)
    monkeypatch.setattr(delivery, "FOLLOW_INTERVALS", (0.0,))
    monkeypatch.setattr(delivery, "PENDING_PATIENCE", 0.02)
    monkeypatch.setattr(delivery, "PENDING_INTERVAL", 0.01)


@pytest.mark.usefixtures("_quick_questions")
async def test_the_result_screen_follows_the_mail(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kiosk.to_confirm()
    many = ["pending"] * 9
    Mailer(kiosk, *many, "lost", "pending", "sent", "lost", "delivered").install(monkeypatch)
    kiosk.do(flow.SendConfirmed())
    await kiosk.until(lambda: kiosk.view.delivery == "delivered", "the mail's arrival")
    seen = [view.delivery for view in kiosk.views if view.state is State.SENT]
    assert list(dict.fromkeys(seen)) == ["pending", "sent", "delivered"]


@pytest.mark.usefixtures("_quick_questions")
@pytest.mark.parametrize("looking", [State.SENT, State.NO_EMAIL])
async def test_a_mail_that_comes_back_is_told_and_leads_to_the_hotline(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch, looking: State
) -> None:
    mailer = await sent(kiosk, monkeypatch)
    if looking is State.NO_EMAIL:
        kiosk.do(flow.NoEmailYet())
    reference = kiosk.view.reference
    mailer.then("bounced")
    await kiosk.reaches(State.MAIL_BOUNCED, problems.SERVICE_MAIL_BOUNCED)
    assert kiosk.view.reference == reference != ""
    kiosk.do(flow.LostMailbox())
    await kiosk.reaches(State.HOTLINE)
    await kiosk.until(lambda: kiosk.view.staff is StaffCall.TOLD, "staff")


@pytest.mark.usefixtures("_quick_questions")
async def test_an_unknown_result_becomes_known_when_the_service_is_back(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kiosk.to_confirm()
    mailer = Mailer(kiosk, "lost")
    mailer.install(monkeypatch)
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.RESULT_UNKNOWN)
    mailer.then("pending")
    await kiosk.until(lambda: kiosk.view.delivery == "pending", "an answer")
    assert kiosk.view.state is State.RESULT_UNKNOWN, "pending does not say whether it was ordered"
    mailer.then("sent")
    await kiosk.reaches(State.SENT)


@pytest.mark.usefixtures("_quick_questions")
async def test_nobody_is_asked_after_a_visit_is_over(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kiosk.to_confirm()
    Mailer(kiosk, "pending").install(monkeypatch)
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    following = kiosk.controller._following
    assert following is not None
    assert not following.done()
    kiosk.do(flow.Finished())
    await kiosk.until(following.done, "the end of the questions")


@pytest.mark.usefixtures("_quick_questions")
@pytest.mark.parametrize("looking", [State.SENT, State.NO_EMAIL, State.RESULT_UNKNOWN])
async def test_an_order_that_was_given_up_is_not_called_sent(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch, looking: State
) -> None:
    await kiosk.to_confirm()
    mailer = Mailer(kiosk, "lost" if looking is State.RESULT_UNKNOWN else "pending")
    mailer.install(monkeypatch)
    kiosk.do(flow.SendConfirmed())
    await kiosk.until(lambda: kiosk.view.state in (State.SENT, State.RESULT_UNKNOWN), "a result")
    if looking is State.NO_EMAIL:
        kiosk.do(flow.NoEmailYet())
    assert kiosk.view.state is looking
    mailer.then("expired")
    await kiosk.reaches(State.PROBLEM, problems.SERVICE_RESET_EXPIRED)


@pytest.mark.usefixtures("_quick_questions")
async def test_a_further_mail_that_was_given_up_leaves_the_first_where_it_was(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailer = await sent(kiosk, monkeypatch)
    mailer.then("expired")
    kiosk.do(flow.NoEmailYet(), flow.ResendAsked())
    await kiosk.reaches(State.RESEND_FAILED, problems.SERVICE_RESEND_FAILED)
    kiosk.do(flow.Back())
    assert (kiosk.view.state, kiosk.view.delivery) == (State.SENT, "sent")


@pytest.mark.usefixtures("_quick_questions")
async def test_an_order_that_is_given_up_after_a_failed_resend_is_not_called_sent(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kiosk.to_confirm()
    mailer = Mailer(kiosk, "pending")
    mailer.install(monkeypatch)
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    kiosk.do(flow.NoEmailYet())
    mailer.then("expired")
    kiosk.do(flow.ResendAsked())
    await kiosk.reaches(State.PROBLEM, problems.SERVICE_RESET_EXPIRED)


@pytest.mark.usefixtures("_quick_questions")
@pytest.mark.parametrize("mailed", [True, False])
async def test_an_unknown_resend_that_turns_out_to_be_given_up(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch, mailed: bool
) -> None:
    mailer = await sent(kiosk, monkeypatch)
    kiosk.controller._visit.mailed = mailed
    mailer.then("lost")
    kiosk.do(flow.NoEmailYet(), flow.ResendAsked())
    await kiosk.reaches(State.RESULT_UNKNOWN)
    following = kiosk.controller._following
    assert following is not None
    mailer.then("expired")
    if mailed:
        await kiosk.reaches(State.SENT)
        return
    await kiosk.reaches(State.PROBLEM, problems.SERVICE_RESET_EXPIRED)
    await kiosk.until(following.done, "the end of the questions")


@pytest.mark.usefixtures("_quick_questions")
async def test_the_mail_is_followed_after_a_failed_resend_as_well(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailer = await sent(kiosk, monkeypatch)

    async def refuse(*_: str) -> Delivery:
        raise ServiceRefused("rate_limited", 429, retry_after=25)

    monkeypatch.setattr(kiosk.client, "resend", refuse)
    kiosk.do(flow.NoEmailYet(), flow.ResendAsked())
    await kiosk.reaches(State.RESEND_FAILED, problems.SERVICE_RESEND_FAILED)
    assert kiosk.view.resend_wait == 25, "too early is not used up"
    kiosk.do(flow.Back())
    mailer.then("bounced")
    await kiosk.reaches(State.MAIL_BOUNCED)


async def test_another_reset_of_the_same_visit_is_not_called_sent_again(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailer = await sent(kiosk, monkeypatch)
    kiosk.do(flow.NoEmailYet(), flow.ResendAsked())
    await kiosk.reaches(State.SENT)
    assert kiosk.view.resent
    mailer.then("bounced")
    await kiosk.reaches(State.MAIL_BOUNCED)
    kiosk.do(flow.LostMailbox(), flow.Back(), flow.RememberedUsername())
    await kiosk.reaches(State.USERNAME)
    assert not kiosk.view.resent


@pytest.mark.usefixtures("_quick_questions")
async def test_a_mail_is_sent_again_only_within_the_services_limits(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kiosk.to_confirm()
    mailer = Mailer(kiosk, "sent")
    mailer.install(monkeypatch)
    mailer.resends_left, mailer.resend_after = 1, 1
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    kiosk.do(flow.NoEmailYet())
    assert (kiosk.view.resends_left, kiosk.view.resend_wait) == (1, 1)
    mailer.resend_after = 0
    await kiosk.until(lambda: kiosk.view.resend_wait == 0, "the end of the wait")
    mailer.resends_left = 0
    kiosk.do(flow.ResendAsked())
    await kiosk.reaches(State.SENT)
    assert kiosk.view.resends_left == 0


async def test_a_lost_answer_to_resend_is_unknown(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kiosk.to_confirm()
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)
    Mailer(kiosk, "lost").install(monkeypatch)
    kiosk.do(flow.NoEmailYet(), flow.ResendAsked())
    await kiosk.reaches(State.RESULT_UNKNOWN, problems.SERVICE_RESULT_UNKNOWN)


async def test_a_token_pulled_while_sending_is_missed_before_sending_again(
    kiosk: Kiosk, server: SandboxServer
) -> None:
    await kiosk.to_confirm()
    server.stop()
    kiosk.do(flow.SendConfirmed())
    kiosk.reader.remove()
    await kiosk.reaches(State.TOKEN_REMOVED, problems.TOKEN_REMOVED)
    assert kiosk.mails == 0
