"""Whole visits: way B, time, staff and languages."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kiosk import flow
from kiosk.config import TimeSection
from kiosk.flow import Overlay, State
from kiosk.hours import OpeningHours, Span
from kiosk.machine import Machine
from kiosk.sandbox.scenario import ACCOUNTS
from kiosk.sandbox.server.run import SandboxServer
from kiosk.view import StaffCall
from tests.visits.kiosk import Kiosk


async def test_not_my_email_leads_to_the_hotline_with_staff_called(kiosk: Kiosk) -> None:
    await kiosk.to_confirm()
    kiosk.do(flow.NotMyEmail())
    await kiosk.reaches(State.HOTLINE)
    await kiosk.until(lambda: kiosk.view.staff is StaffCall.TOLD, "the word that staff know")
    assert kiosk.view.lost_mailbox
    kiosk.assert_erased()


async def test_the_way_by_telephone_knows_what_led_there(kiosk: Kiosk) -> None:
    kiosk.do(flow.Started(), flow.Agreed(), flow.LostMailbox())
    assert kiosk.view.state is State.HOTLINE
    assert kiosk.view.lost_mailbox
    kiosk.do(flow.Back(), flow.ForgotUsername())
    assert not kiosk.view.lost_mailbox
    kiosk.do(flow.Back(), flow.LostMailbox(), flow.PrintAsked())
    assert kiosk.view.lost_mailbox
    kiosk.do(flow.Finished())
    await kiosk.reaches(State.WELCOME)
    assert not kiosk.view.lost_mailbox


async def test_way_b_needs_no_token(kiosk: Kiosk) -> None:
    kiosk.do(flow.Started(), flow.Agreed(), flow.ForgotUsername())
    assert kiosk.view.state is State.HOTLINE
    assert kiosk.view.support.telephone_url == "tel:18001260"
    kiosk.do(flow.Finished())
    await kiosk.reaches(State.GOODBYE)


async def test_idle_asks_counts_down_and_erases(directory: Path, server: SandboxServer) -> None:
    times = TimeSection(idle=0.3, idle_result=0.3, question=5, goodbye=0.05)
    kiosk = Kiosk(directory, server.url, times)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    await kiosk.to_pin()
    kiosk.type_pin("1234")
    await kiosk.until(lambda: kiosk.view.overlay is Overlay.TIME_OUT, "the question")
    for _ in range(10):
        kiosk.do(flow.MoreTimeAsked())
        assert kiosk.view.state is State.PIN
        await kiosk.until(lambda: kiosk.view.overlay is Overlay.TIME_OUT, "the question again")
    await kiosk.until(lambda: kiosk.view.countdown < 5, "the countdown")
    await kiosk.reaches(State.REMOVE_TOKEN)
    kiosk.assert_erased()
    kiosk.reader.remove()
    await kiosk.reaches(State.WELCOME)
    await kiosk.controller.stop()
    assert not kiosk.crashes


async def test_no_time_out_while_a_token_is_forgotten(
    directory: Path, server: SandboxServer
) -> None:
    times = TimeSection(idle=0.1, idle_result=0.1, question=5, goodbye=0.05)
    kiosk = Kiosk(directory, server.url, times)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    kiosk.reader.insert("hoa-sen")
    await kiosk.reaches(State.CONSENT)
    kiosk.do(flow.Declined())
    shown = len(kiosk.views)
    await asyncio.sleep(0.5)
    assert kiosk.view.state is State.REMOVE_TOKEN
    assert {(view.state, view.overlay) for view in kiosk.views[shown:]} <= {
        (State.REMOVE_TOKEN, flow.Overlay.NONE)
    }
    await kiosk.controller.stop()


async def test_the_language_goes_back_for_the_next_customer(kiosk: Kiosk) -> None:
    kiosk.do(flow.Started())
    kiosk.controller.toggle_language()
    assert kiosk.view.language == "en"
    kiosk.do(flow.Declined())
    await kiosk.reaches(State.WELCOME)
    assert kiosk.view.language == "vi"


async def test_staff_are_called_and_the_step_stays(kiosk: Kiosk) -> None:
    await kiosk.to_username()
    kiosk.do(flow.StaffCalled())
    assert (kiosk.view.state, kiosk.view.overlay) == (State.USERNAME, Overlay.STAFF_CALL)
    kiosk.do(flow.StaffCallCancelled())
    assert (kiosk.view.state, kiosk.view.overlay) == (State.USERNAME, Overlay.NONE)


async def test_plugging_in_answers_the_time_out_question(kiosk: Kiosk) -> None:
    await kiosk.to_insert()
    kiosk.do(flow.IdleElapsed())
    assert kiosk.view.overlay is Overlay.TIME_OUT
    kiosk.reader.insert("hoa-sen")
    await kiosk.reaches(State.USERNAME)
    assert kiosk.view.overlay is Overlay.NONE


async def test_staff_are_said_to_be_called_only_when_they_are(
    kiosk: Kiosk, server: SandboxServer
) -> None:
    kiosk.do(flow.Started(), flow.StaffCalled())
    await kiosk.until(lambda: kiosk.view.staff is StaffCall.TOLD, "the word that staff know")
    kiosk.do(flow.StaffCallCancelled())
    assert kiosk.view.staff is StaffCall.NONE
    server.stop()
    kiosk.do(flow.StaffCalled())
    await kiosk.until(lambda: kiosk.view.staff is StaffCall.FAILED, "the word that they do not")


async def test_a_staff_call_on_the_welcome_screen_belongs_to_the_visit(kiosk: Kiosk) -> None:
    kiosk.do(flow.StaffCalled())
    await kiosk.until(lambda: kiosk.view.staff is StaffCall.TOLD, "the word that staff know")
    kiosk.do(flow.StaffCallClosed(), flow.Started())
    assert kiosk.view.staff is StaffCall.TOLD
    kiosk.do(flow.Declined())
    await kiosk.reaches(State.WELCOME)
    assert kiosk.view.staff is StaffCall.NONE


async def test_a_staff_call_on_the_welcome_screen_does_not_stay(
    directory: Path, server: SandboxServer
) -> None:
    times = TimeSection(idle=0.2, idle_result=0.2, question=5, goodbye=0.05)
    kiosk = Kiosk(directory, server.url, times)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    kiosk.do(flow.StaffCalled())
    await kiosk.until(lambda: kiosk.view.overlay is Overlay.NONE, "the welcome screen")
    kiosk.controller.toggle_language()
    assert kiosk.view.language == "en"
    await kiosk.until(lambda: kiosk.view.language == "vi", "the usual language")
    await kiosk.controller.stop()


async def test_a_language_stays_while_somebody_is_there(
    directory: Path, server: SandboxServer
) -> None:
    times = TimeSection(idle=0.4, idle_result=0.4, question=5, goodbye=0.05)
    kiosk = Kiosk(directory, server.url, times)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    loop = asyncio.get_running_loop()
    kiosk.controller.toggle_language()
    started = loop.time()
    # What an earlier press has set in motion does not take away what a later one has chosen.
    while loop.time() - started < 3 * times.idle:
        kiosk.controller.touched()
        assert kiosk.view.language == "en"
        await asyncio.sleep(times.idle / 8)
    kiosk.controller.toggle_language()
    kiosk.controller.toggle_language()
    touched = loop.time()
    await kiosk.until(lambda: kiosk.view.language == "vi", "the usual language")
    assert loop.time() - touched >= times.idle * 0.9
    # A customer's choice outlives the time after which a passer-by's is forgotten.
    kiosk.controller.toggle_language()
    kiosk.do(flow.Started())
    await kiosk.until(lambda: kiosk.view.overlay is Overlay.TIME_OUT, "the time-out question")
    assert kiosk.view.language == "en"
    await kiosk.controller.stop()


def test_every_account_has_a_token() -> None:
    from kiosk.sandbox.scenario import TOKENS

    assert {a.tax_code for a in ACCOUNTS} <= {t.tax_code for t in TOKENS}


async def test_todays_hours_are_told(directory: Path, server: SandboxServer) -> None:
    assert Kiosk(directory, server.url).view.hours == ()
    all_day = OpeningHours([[Span.parse("00:00-24:00")]] * 7)
    kiosk = Kiosk(directory, server.url, machine=Machine(hours=all_day))
    assert kiosk.view.hours == ("00:00-24:00",)
