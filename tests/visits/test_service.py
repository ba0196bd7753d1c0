"""Whole visits: what the service says, and a service that is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk import flow, problems
from kiosk.flow import State
from kiosk.sandbox.scenario import PIN
from kiosk.sandbox.server.run import SandboxServer
from tests.visits.kiosk import Kiosk


@pytest.mark.parametrize("username", ["nobody", "nghiem", "HOASEN "])
async def test_a_wrong_username_is_told_and_may_be_typed_again(kiosk: Kiosk, username: str) -> None:
    await kiosk.to_pin(username.strip() if username.strip() != "HOASEN" else "hoasen2")
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.NO_MATCH, problems.SERVICE_NO_MATCH)
    assert len(kiosk.view.pin) == 0
    kiosk.do(flow.Retried())
    await kiosk.reaches(State.USERNAME)
    kiosk.do(flow.UsernameEntered("hoasen"))
    await kiosk.reaches(State.PIN)
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.CONFIRM)
    assert kiosk.mails == 0


async def test_service_down_before_the_pin(kiosk: Kiosk, server: SandboxServer) -> None:
    await kiosk.to_username()
    server.stop()
    kiosk.do(flow.UsernameEntered("hoasen"))
    await kiosk.reaches(State.PROBLEM, problems.SERVICE_UNREACHABLE)
    kiosk.assert_erased()
    assert kiosk.driver.token("hoa-sen").tries_left == 3


async def test_service_down_at_confirm_was_surely_not_sent_and_may_be_sent_again(
    kiosk: Kiosk, server: SandboxServer, directory: Path
) -> None:
    await kiosk.to_confirm()
    port = int(server.url.rsplit(":", 1)[1])
    server.stop()
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SEND_FAILED, problems.SERVICE_SEND_FAILED)
    again = SandboxServer(directory, http_port=port)
    again.start()
    try:
        kiosk.do(flow.Retried())
        await kiosk.reaches(State.SENT)
        await kiosk.until(lambda: kiosk.mails == 1, "the mail")
    finally:
        again.stop()


async def test_service_down_is_seen_on_the_welcome_screen_and_heals(
    kiosk: Kiosk, server: SandboxServer, directory: Path
) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    server.stop()
    await kiosk.reaches(State.OUT_OF_SERVICE, problems.SERVICE_UNREACHABLE)
    again = SandboxServer(directory, http_port=port)
    again.start()
    try:
        await kiosk.reaches(State.WELCOME)
    finally:
        again.stop()
