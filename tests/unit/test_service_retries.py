"""What is known after a failure, and what is sent again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kiosk.service.client import TRIES, ServiceClient
from kiosk.service.errors import AnswerLost, ServiceRefused, ServiceUnreachable
from tests.unit.service_lab import Lab, until
from tests.unit.talking import (
    ACCOUNTS,
    CHALLENGE,
    DELIVERY,
    HEALTH,
    RESET,
    Act,
    Server,
    Writer,
    answer,
    be_silent,
    closed_port,
    problem,
    talking_to,
    then_close,
)


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.service.client._BACK_OFF", (0.005, 0.01))


Call = Callable[[ServiceClient], Awaitable[Any]]

QUESTIONS: dict[str, tuple[Call, bytes]] = {
    "health": (lambda client: client.health(), answer(body=HEALTH)),
    "challenge": (lambda client: client.challenge((b"der",)), answer("201 C", CHALLENGE)),
    "status": (lambda client: client.status("r1"), answer(body=DELIVERY)),
    "call": (lambda client: client.call_staff("c1"), answer("204 No Content", b"")),
    "cancel": (lambda client: client.cancel_staff_call("c1"), answer("204 No Content", b"")),
}
"""Calls that may be repeated, and what answers them."""

PROOFS: dict[str, tuple[Call, bytes]] = {
    "reset": (lambda client: client.request_reset("u", "p"), answer("201 C", RESET)),
    "lookup": (lambda client: client.look_up_accounts("p"), answer(body=ACCOUNTS)),
}
"""Calls that are made once."""

AWAY = problem("503 Away", "unavailable")
BROKEN: dict[str, Act] = {
    "cut": None,
    "500": answer("500 Oops", b"", "text/html"),
    "503": answer("503 Away", b"", "text/html"),
    "500 problem": problem("500 Oops", "broken"),
    "half": then_close(answer(body=HEALTH)[:-3]),
    "no HTTP": then_close(b"nonsense\r\n\r\n"),
    "endless header": then_close(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 400_000),
}
"""After these nobody knows what was done."""

questions = pytest.mark.parametrize(("call", "good"), QUESTIONS.values(), ids=QUESTIONS)
proofs = pytest.mark.parametrize(("call", "good"), PROOFS.values(), ids=PROOFS)


@questions
@pytest.mark.parametrize("bad", BROKEN.values(), ids=BROKEN)
async def test_a_question_is_asked_again(call: Call, good: bytes, bad: Act) -> None:
    for replies in ((bad, good), (bad, bad, good)):
        async with Server(*replies) as server, talking_to(server) as client:
            await call(client)
            assert len(server.requests) == len(replies)


@questions
async def test_a_question_is_not_asked_for_ever(call: Call, good: bytes) -> None:
    async with Server(None) as server, talking_to(server) as client:
        with pytest.raises(AnswerLost):
            await call(client)
        assert len(server.requests) == TRIES
        assert len(set(server.requests)) == 1


@questions
async def test_a_question_waits_for_a_service_that_is_away(call: Call, good: bytes) -> None:
    for headers in ("", "Retry-After: 0\r\n"):
        away = problem("503 Away", "unavailable", headers)
        async with Server(away, away, good) as server, talking_to(server) as client:
            await call(client)
        async with Server(away) as server, talking_to(server) as client:
            with pytest.raises(ServiceRefused, match="503 unavailable"):
                await call(client)
            assert len(server.requests) == TRIES


async def test_it_waits_as_long_as_it_is_told_if_that_is_short() -> None:
    away = problem("503 Away", "unavailable", "Retry-After: 1\r\n")
    async with Server(away, answer(body=HEALTH)) as server, talking_to(server) as client:
        began = time.monotonic()
        await client.health()
        assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    "refusal",
    [
        problem("503 Away", "unavailable", "Retry-After: 3\r\n"),
        problem("503 Away", "unavailable", retry_after=3),
        problem("429 Slowly", "rate_limited", "Retry-After: 1\r\n"),
        problem("403 Who", "kiosk_unknown"),
    ],
)
async def test_a_no_or_a_long_wait_is_told_at_once(refusal: bytes) -> None:
    async with Server(refusal) as server, talking_to(server) as client:
        with pytest.raises(ServiceRefused):
            await client.health()
        assert len(server.requests) == 1


async def test_all_tries_of_a_question_together_have_an_end() -> None:
    async with Server(be_silent) as server, talking_to(server, 0.4) as client:
        began = time.monotonic()
        with pytest.raises(AnswerLost):
            await client.health()
        assert time.monotonic() - began < 1.5
        assert len(server.requests) == 2


@proofs
@pytest.mark.parametrize("bad", [*BROKEN.values(), AWAY], ids=[*BROKEN, "away"])
async def test_a_proof_that_has_left_is_never_sent_again(call: Call, good: bytes, bad: Act) -> None:
    async with Server(bad, good) as server, talking_to(server) as client:
        with pytest.raises((AnswerLost, ServiceRefused)):
            await call(client)
        assert len(server.requests) == 1


@proofs
async def test_a_proof_waits_for_a_service_that_is_just_coming(
    call: Call, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.service.client._BACK_OFF", (0.5, 0.5))
    port = closed_port()
    client = ServiceClient(f"http://127.0.0.1:{port}", "k1")
    calling = asyncio.ensure_future(call(client))
    # The first connection is refused; the next ones come after 1 and after 3 s.
    await asyncio.sleep(0.1)
    assert not calling.done()
    async with Server(good, port=port) as server:
        await calling
        assert len(server.requests) == 1
    await client.close()


@pytest.mark.parametrize("call", [one for one, _ in (*QUESTIONS.values(), *PROOFS.values())])
async def test_a_service_that_stays_away(call: Call) -> None:
    client = ServiceClient(f"http://127.0.0.1:{closed_port()}", "k1")
    with pytest.raises(ServiceUnreachable):
        await call(client)
    await client.close()


async def test_kiosks_do_not_come_back_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.service.client._BACK_OFF", (0.1, 0.3))
    clients = [ServiceClient("http://127.0.0.1:1", "k1") for _ in range(50)]
    for attempt in (1, 2):
        waits = {client._back_off(attempt) for client in clients}
        assert len(waits) == len(clients)
        assert 0.1 * 2**attempt <= min(waits) < max(waits) <= 0.3 * 2**attempt


async def test_a_cancelled_call_leaves_the_client_usable() -> None:
    async with Server(be_silent) as server, talking_to(server) as client:
        for number in range(6):
            calling = asyncio.ensure_future(client.request_reset("u", "p"))
            await until(lambda n=number: len(server.requests) > n)  # type: ignore[misc]
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
        server.answers = [answer(body=RESET)]
        await client.request_reset("u", "p")


# After it was sent


async def test_silence_is_a_lost_answer() -> None:
    async with Server(be_silent) as server, talking_to(server, 0.2) as client:
        began = time.monotonic()
        with pytest.raises(AnswerLost):
            await client.request_reset("u", "p")
        assert time.monotonic() - began < 2
        assert len(server.requests) == 1


async def test_a_dripping_answer_ends_with_the_time() -> None:
    async def drip(_request: bytes, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.05)

    async with Server(drip) as server, talking_to(server, 0.4) as client:
        with pytest.raises(AnswerLost):
            await asyncio.wait_for(client.request_reset("u", "p"), 5)


async def test_half_an_answer_is_none() -> None:
    async def half(_request: bytes, writer: Writer) -> None:
        writer.write(answer(body=RESET)[:-10])
        await writer.drain()

    async with Server(half) as server, talking_to(server) as client:
        with pytest.raises(AnswerLost):
            await client.request_reset("u", "p")


async def test_an_order_is_put_again_with_the_same_key() -> None:
    async with Server(None, None, answer(body=DELIVERY)) as server, talking_to(server) as client:
        assert (await client.confirm("r1", "the-key")).reference == "BH-1"
        assert len(server.requests) == 3
        assert all(b"Idempotency-Key: the-key\r\n" in request for request in server.requests)


@pytest.mark.parametrize(
    "last",
    [
        None,
        answer("500 Oops", b"", "text/html"),
        answer("502 Bad Gateway", b"<html>", "text/html"),
        problem("500 Oops", "broken"),
        answer(body=b"garbage"),
        answer(body=DELIVERY | {"id": "r2"}),
        answer("302 Found", b"", headers="Location: http://127.0.0.1:1/\r\n"),
    ],
    ids=["cut", "500", "502", "500 problem", "garbage", "another reset", "redirect"],
)
async def test_an_order_whose_outcome_nobody_knows(last: bytes | None) -> None:
    async with Server(last) as server, talking_to(server) as client:
        with pytest.raises(AnswerLost):
            await client.confirm("r1", "key")
        assert len(server.requests) == TRIES


@pytest.mark.parametrize("code", ["unavailable", "rate_limited"])
async def test_a_refused_repetition_tells_nothing_about_the_first(code: str) -> None:
    status = "503 Away" if code == "unavailable" else "429 Slowly"
    async with Server(None, problem(status, code)) as server, talking_to(server) as client:
        with pytest.raises(AnswerLost):
            await client.resend("r1", "key")


async def test_once_sent_a_service_that_went_away_is_no_comfort() -> None:
    async with Server(None) as server, talking_to(server) as client:

        async def cut_and_leave(_request: bytes, _writer: Writer) -> None:
            server.stop_listening()

        server.answers = [cut_and_leave]
        with pytest.raises(AnswerLost):
            await client.confirm("r1", "key")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [("503 Away", "unavailable"), ("410 Gone", "reset_expired"), ("429 Slow", "rate_limited")],
)
async def test_a_plain_no_to_an_order_is_believed(status: str, code: str) -> None:
    async with Server(problem(status, code)) as server, talking_to(server) as client:
        with pytest.raises(ServiceRefused) as caught:
            await client.confirm("r1", "key")
        assert (caught.value.code, len(server.requests)) == (code, 1)


async def test_all_tries_of_an_order_together_have_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kiosk.service.client.ORDER_PATIENCE", 1.0)

    async with Server(be_silent) as server, talking_to(server, 0.6) as client:
        began = time.monotonic()
        with pytest.raises(AnswerLost):
            await client.confirm("r1", "key")
        assert time.monotonic() - began < 1.5


async def test_the_real_service_mails_once_though_the_answer_was_lost(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        port = int(lab.url.rpartition(":")[2])

        async def carry_and_cut(request: bytes, _writer: Writer) -> None:
            await carry(request)

        async def carry_through(request: bytes, writer: Writer) -> None:
            writer.write(await carry(request))
            await writer.drain()

        async def carry(request: bytes) -> bytes:
            reader, upstream = await asyncio.open_connection("127.0.0.1", port)
            upstream.write(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            try:
                return await reader.read()
            finally:
                upstream.close()
                await upstream.wait_closed()

        direct = lab.client()
        reset = await lab.open_reset(direct)
        async with Server(carry_and_cut, carry_and_cut, carry_through) as proxy:
            broken = lab.client(proxy.url)
            delivery = await broken.confirm(reset.id, "key")
            await broken.close()
            assert len(proxy.requests) == 3
        assert delivery == await direct.status(reset.id)
        assert len(lab.mailed_passwords("ketoan.hoasen@gmail.com")) == 1
        await direct.close()
