"""Before the PIN is asked for: token and service are asked at the same time."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

from kiosk import problems
from kiosk.effects import Tools, prepare_login
from kiosk.flow import Failed, PinReady
from kiosk.hardware.readers import Card
from kiosk.hardware.token import PinFlags, PinLocked, Token, TokenInfo
from kiosk.pin import PinBuffer
from kiosk.service.errors import ServiceUnreachable
from kiosk.service.messages import Challenge
from kiosk.session import UsableCertificate, Visit

INFO = TokenInfo(0, "0001", "", "", "", PinFlags(), (4, 8))
NONCE = "n" * 32


class Both:
    """A token and a service, neither of which answers before both were asked."""

    audience = "https://service.example"

    def __init__(self) -> None:
        self.token_asked, self.service_asked = asyncio.Event(), asyncio.Event()
        self.token_error: Exception | None = None
        self.service_error: Exception | None = None
        self.serial = INFO.serial
        self.late = False
        """The service fails when it is given up."""

    async def find(self, _certificate: bytes = b"") -> TokenInfo:
        self.token_asked.set()
        await self.service_asked.wait()
        if self.token_error is not None:
            raise self.token_error
        return TokenInfo(0, self.serial, "", "", "", PinFlags(), (4, 8))

    async def challenge(self, _chain: tuple[bytes, ...]) -> Challenge:
        self.service_asked.set()
        await self.token_asked.wait()
        if self.late:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        if self.service_error is not None:
            raise self.service_error
        return Challenge(NONCE, 60)


def visit_of(both: Both) -> Visit:
    identity = SimpleNamespace(der=b"der", key_type="RSA", curve="")
    visit = Visit(PinBuffer())
    visit.card = Card("Reader", b"\x3b\x00", 1)
    visit.token = cast(Token, both)
    visit.token_info = INFO
    visit.certificate = UsableCertificate(cast(Any, identity), (b"der",))
    visit.username = "hoasen"
    return visit


def tools_of(both: Both) -> Tools:
    return Tools(
        driver=cast(Any, None),
        trust=cast(Any, None),
        service=cast(Any, both),
        kiosk_id="test",
        mailboxes=cast(Any, None),
    )


async def test_neither_waits_for_the_other() -> None:
    both = Both()
    visit = visit_of(both)
    async with asyncio.timeout(5):
        assert await prepare_login(visit, tools_of(both)) == PinReady()
    assert visit.challenge == NONCE


async def test_what_is_wrong_with_the_token_is_told_first_and_alone() -> None:
    """The service's failure is nobody's then: it must not end the program."""
    both = Both()
    both.token_error, both.service_error = PinLocked(), ServiceUnreachable("gone")
    both.late = True
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: unheard.append(told))
    visit = visit_of(both)
    async with asyncio.timeout(5):
        event = await prepare_login(visit, tools_of(both))
    assert event == Failed(problems.PIN_LOCKED.code)
    # A task that ends with an exception which nobody took is told when it is thrown away.
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)
    del both, visit.token
    gc.collect()
    assert not unheard
    assert not visit.challenge


async def test_another_token_leaves_no_challenge_behind() -> None:
    both = Both()
    both.serial = "0002"
    visit = visit_of(both)
    async with asyncio.timeout(5):
        event = await prepare_login(visit, tools_of(both))
    assert event == Failed(problems.TOKEN_CHANGED.code)
    assert not visit.challenge
    assert len(asyncio.all_tasks()) == 1


async def test_a_service_that_fails_is_told() -> None:
    both = Both()
    both.service_error = ServiceUnreachable("gone")
    async with asyncio.timeout(5):
        event = await prepare_login(visit_of(both), tools_of(both))
    assert event == Failed(problems.SERVICE_UNREACHABLE.code)
