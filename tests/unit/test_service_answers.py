"""What the client makes of a service that talks nonsense."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Any

import pytest

from kiosk.service.errors import AnswerInvalid, AnswerLost, ServiceRefused
from kiosk.service.messages import Accounts
from kiosk.service.proof import is_username
from kiosk.service.transport import MAX_ANSWER
from tests.unit.talking import (
    ACCOUNTS,
    DELIVERY,
    HEALTH,
    RESET,
    Server,
    Writer,
    answer,
    problem,
    talking_to,
)


@pytest.mark.parametrize(
    "bad",
    [
        answer(body=b"x" * (MAX_ANSWER + 1)),
        answer(body=b"garbage"),
        answer(body=b"\xff\xfe"),
        answer(body=b"[" * 50_000),
        answer(body=HEALTH, content_type="text/html"),
        answer(body=HEALTH, headers="Content-Encoding: gzip\r\n"),
        answer(body={"status": "ok"}),
        answer(body=HEALTH | {"time": "1800000000"}),
        answer(body=HEALTH | {"time": -1}),
        answer(body=HEALTH | {"status": "fine"}),
        answer("302 Found", HEALTH, headers="Location: /v1/elsewhere\r\n"),
        answer("404 Not Found", b"<html>", "text/html"),
        problem("403 Forbidden", "Not a code"),
        answer("204 No Content", b""),
    ],
    ids=lambda value: value[:90].decode("latin-1"),
)
async def test_answers_that_the_contract_does_not_allow(bad: bytes) -> None:
    async with Server(bad) as server, talking_to(server) as client:
        with pytest.raises(AnswerInvalid):
            await client.health()
        assert len(server.requests) == 1


async def test_an_endless_answer_is_cut_off() -> None:
    async def pour(_request: bytes, writer: Writer) -> None:
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        while not writer.is_closing():
            writer.write(b" " * 16_384)
            await writer.drain()

    async with Server(pour) as server, talking_to(server) as client:
        with pytest.raises(AnswerInvalid):
            await asyncio.wait_for(client.health(), 5)


async def test_texts_come_without_what_a_terminal_obeys() -> None:
    evil = "A\x1b[2J\u202eB\nC\u0085\u2028D e\u0302"
    reply = answer(body=RESET | {"organisation": evil})
    async with Server(reply) as server, talking_to(server) as client:
        reset = await client.request_reset("u", "p")
    assert reset.organisation == "AB C D ê"
    assert reset.masked_email == "k•••@g•••.com"


@pytest.mark.parametrize(
    ("headers", "fields", "expected"),
    [
        ("Retry-After: 30\r\n", {}, 30),
        ("Retry-After: 30\r\n", {"retry_after": 99}, 30),
        ("", {"retry_after": 99}, 99),
        ("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n", {}, None),
        ("Retry-After: 999999\r\n", {}, 86_400),
        ("", {"retry_after": -5}, None),
    ],
)
async def test_how_long_to_wait(headers: str, fields: dict[str, int], expected: int | None) -> None:
    refused = problem("429 Slowly", "rate_limited", headers, **fields)
    async with Server(refused) as server, talking_to(server) as client:
        with pytest.raises(ServiceRefused) as caught:
            await client.challenge((b"der",))
    assert (caught.value.code, caught.value.status) == ("rate_limited", 429)
    assert caught.value.retry_after == expected


async def test_no_error_tells_what_was_sent_or_answered() -> None:
    bad = [answer(body=RESET | {"id": "geheim geheim"}), problem("403 No", "no_match"), None]
    for reply in bad:
        async with Server(reply) as server, talking_to(server) as client:
            with pytest.raises((AnswerInvalid, ServiceRefused, AnswerLost)) as caught:
                await client.request_reset("geheim", "geheim")
            assert "geheim" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("call", "good", "changes"),
    [
        ("reset", RESET, {"id": "../logins"}),
        ("reset", RESET, {"id": ""}),
        ("reset", RESET, {"id": 1}),
        ("reset", RESET, {"organisation": None}),
        ("reset", RESET, {"organisation": "x" * 201}),
        ("reset", RESET, {"masked_email": "x" * 255}),
        ("reset", RESET, {"reference": "bh 1"}),
        ("status", DELIVERY, {"status": "lost"}),
        ("status", DELIVERY, {"reference": "BH-1\n"}),
        ("status", DELIVERY, {"resends_left": -1}),
        ("status", DELIVERY, {"resends_left": 1.5}),
        ("status", DELIVERY, {"resend_after": 90_000}),
        ("status", DELIVERY, {"id": "r2"}),
        ("lookup", ACCOUNTS, {"usernames": ["u"] * 101}),
        ("lookup", ACCOUNTS, {"usernames": ["x" * 513]}),
        ("lookup", ACCOUNTS, {"usernames": [None]}),
        ("lookup", ACCOUNTS, {"usernames": "u"}),
        ("challenge", {"expires_in": 300}, {"challenge": "c" * 15}),
        ("challenge", {"expires_in": 300}, {"challenge": "c" * 65}),
        ("challenge", {"expires_in": 300}, {"challenge": "c" * 31 + "."}),
        ("challenge", {"challenge": "c" * 32}, {"expires_in": 0}),
    ],
)
async def test_values_that_the_contract_does_not_allow(
    call: str, good: dict[str, Any], changes: dict[str, Any]
) -> None:
    async with Server(answer(body=good | changes)) as server, talking_to(server) as client:
        calls = {
            "reset": lambda: client.request_reset("u", "p"),
            "status": lambda: client.status("r1"),
            "lookup": lambda: client.look_up_accounts("p"),
            "challenge": lambda: client.challenge((b"der",)),
        }
        with pytest.raises(AnswerInvalid):
            await calls[call]()
        assert len(server.requests) == 1


async def test_fields_of_a_newer_contract_are_ignored() -> None:
    newer = {"extra": {"deep": [1, 2, {"x": None}]}, "Id": "r2"}
    for call, body in (
        (lambda client: client.request_reset("u", "p"), RESET),
        (lambda client: client.status("r1"), DELIVERY),
        (lambda client: client.look_up_accounts("p"), ACCOUNTS),
        (lambda client: client.health(), HEALTH),
    ):
        replies = answer(body=body | newer), answer(body=body)
        async with Server(*replies) as server, talking_to(server) as client:
            assert await call(client) == await call(client)


async def test_an_answer_may_be_as_long_as_allowed_and_no_longer() -> None:
    padded = answer(body=b'{"status":"ok","time":1}'.ljust(MAX_ANSWER))
    async with Server(padded) as server, talking_to(server) as client:
        await client.health()
    longer = answer(body=b'{"status":"ok","time":1}'.ljust(MAX_ANSWER + 1))
    chunked = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"2000\r\n" + b" " * 0x2000 + b"\r\n" for _ in range(9))
        + b"0\r\n\r\n"
    )
    for reply in (longer, chunked):
        async with Server(reply) as server, talking_to(server) as client:
            with pytest.raises(AnswerInvalid, match="more than"):
                await client.health()


@pytest.mark.parametrize("where", ["header", "headers", "chunk extension", "trailer", "hints"])
async def test_endless_headers_are_cut_off(where: str) -> None:
    poured = 0

    async def pour(_request: bytes, writer: Writer) -> None:
        nonlocal poured
        begin, more = {
            "header": (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 8192),
            "headers": (b"HTTP/1.1 200 OK\r\n", b"X: x\r\n" * 1024),
            "chunk extension": (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
                b"x" * 8192,
            ),
            "trailer": (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                b"X: x\r\n" * 1024,
            ),
            "hints": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 256),
        }[where]
        writer.write(begin)
        while not writer.is_closing():
            writer.write(more)
            await writer.drain()
            poured += len(more)

    async with Server(pour) as server, talking_to(server, 1.0) as client:
        with pytest.raises(AnswerLost):
            await asyncio.wait_for(client.request_reset("u", "p"), 5)
    # What the sockets' buffers took is in it. Early hints are dropped one by one.
    assert poured < 16 * 1024 * 1024 or where == "hints"


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Type: application/json\r\n",
        "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n",
        "Content-Encoding: br\r\n",
    ],
)
async def test_headers_that_say_two_things_or_the_wrong_one(headers: str) -> None:
    reply = answer(body=HEALTH, headers=headers)
    async with Server(reply) as server, talking_to(server) as client:
        with pytest.raises(AnswerInvalid):
            await client.health()


# Usernames


SHOWN = ["hoasen", "a", "Hoa Sen", "Đặng Thị Ánh", "x" * 256, "user@company.vn", "𠀀", "\\n[bold]"]
HIDDEN = [
    "",
    " ",
    "hoasen ",
    "\u00a0hoasen",
    "hoa\u00a0sen",
    "hoa  sen",
    "hoa\tsen",
    "hoa\nsen",
    "hoa\x00sen",
    "hoa\x1b[31msen",
    "hoa\u200bsen",
    "hoa\u202esen",
    "hoa\u2028sen",
    "hoa\ufeffsen",
    "hoa\u00adsen",
    "hoa\ue000sen",
    "hoa\U000e0041sen",
    unicodedata.normalize("NFD", "Ánh"),
    "x" * 257,
]


async def test_a_username_is_shown_exactly_as_it_is_signed_or_not_at_all() -> None:
    mixed = [name for pair in zip(HIDDEN, SHOWN * 3, strict=False) for name in pair]
    reply = answer(body={"usernames": mixed})
    async with Server(reply) as server, talking_to(server) as client:
        accounts = await client.look_up_accounts("p")
    assert accounts == Accounts(tuple(SHOWN))
    assert all(is_username(name) for name in accounts.usernames)


@pytest.mark.parametrize("usernames", [[], HIDDEN])
async def test_no_username_may_be_left(usernames: list[str]) -> None:
    reply = answer(body={"usernames": usernames})
    async with Server(reply) as server, talking_to(server) as client:
        assert (await client.look_up_accounts("p")).usernames == ()
