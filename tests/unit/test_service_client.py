"""What the client makes of a service that is away, breaks off, or talks nonsense."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kiosk.config import ConfigError
from kiosk.service.client import TRIES, ServiceClient
from kiosk.service.errors import (
    AnswerInvalid,
    AnswerLost,
    ServiceRefused,
    ServiceUnreachable,
)
from kiosk.service.transport import MAX_ANSWER
from tests.unit.service_lab import Lab

Writer = asyncio.StreamWriter


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.service.client._BACK_OFF", (0.005, 0.01))


HEALTH = {"status": "ok", "time": 1_800_000_000}
RESET = {
    "id": "r1",
    "organisation": "CÔNG TY",
    "tax_code": "0100000001",
    "masked_email": "k•••@g•••.com",
}
DELIVERY = {"id": "r1", "status": "sent", "reference": "BH-1"}


def answer(
    status: str = "200 OK",
    body: Any = None,
    content_type: str = "application/json",
    headers: str = "",
) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{headers}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def problem(status: str, code: str, headers: str = "", **fields: Any) -> bytes:
    return answer(status, {"code": code} | fields, "application/problem+json", headers)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)


class Server:
    """A server that answers each request with the next of the given answers.

    None breaks the connection off after the request; a function is called.
    """

    def __init__(self, *answers: bytes | Callable[[bytes, Writer], Awaitable[None]] | None) -> None:
        self._answers = list(answers)
        self._connections: set[asyncio.Task[Any]] = set()
        self.requests: list[bytes] = []
        self.port = 0

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop_listening()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections)

    def stop_listening(self) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while True:
                self.requests.append(await read_request(reader))
                act = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if callable(act):
                    await act(self.requests[-1], writer)
                    return
                if act is None:
                    return
                writer.write(act)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def talking_to(server: Server, patience: float = 5.0) -> AsyncIterator[ServiceClient]:
    client = ServiceClient(server.url, "k1", timeout=patience)
    try:
        yield client
    finally:
        await client.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


# Before anything is sent


@pytest.mark.parametrize(
    "url",
    [
        "http://bhxh.example",
        "http://192.168.1.9:8080",
        "http://localhost.evil.example",
        "http://127.0.0.1@evil.example",
        "https://user:secret@bhxh.example",
        "https://bhxh.example/?a=b",
        "ftp://127.0.0.1",
        "https://",
    ],
)
def test_addresses_that_are_not_safe(url: str) -> None:
    with pytest.raises(ConfigError, match=r"service\.url"):
        ServiceClient(url, "k1")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1/", "http://localhost:1"])
def test_plain_http_to_this_machine(url: str) -> None:
    assert ServiceClient(url, "k1").audience == url.rstrip("/")


@pytest.mark.parametrize("content", [None, "not PEM"])
def test_a_ca_file_that_is_none(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"service\.ca_file"):
        ServiceClient("https://bhxh.example", "k1", ca_file=str(file))


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_nobody_there(scheme: str) -> None:
    client = ServiceClient(f"{scheme}://127.0.0.1:{closed_port()}", "k1")
    for call in (client.health(), client.confirm("r1", "key"), client.request_reset("u", "p")):
        with pytest.raises(ServiceUnreachable):
            await call
    await client.close()


async def test_no_tls_there() -> None:
    async with Server(answer(body=DELIVERY)) as server:
        client = ServiceClient(server.url.replace("http:", "https:"), "k1", timeout=0.5)
        with pytest.raises(ServiceUnreachable):
            await client.confirm("r1", "key")
        await client.close()
        assert server.requests == []


async def test_an_unanswered_tls_greeting_sends_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        client = ServiceClient(f"https://127.0.0.1:{port}", "k1", timeout=0.3)
        with pytest.raises(ServiceUnreachable):
            await client.confirm("r1", "key")
        await client.close()


async def test_identifiers_stay_within_their_place() -> None:
    client = ServiceClient("http://127.0.0.1:1", "k1")
    for call in (client.status("../logins"), client.confirm("r1", "a\r\nb"), client.call_staff("")):
        with pytest.raises(ValueError, match="identifier"):
            await call


# After it was sent


async def test_silence_is_a_lost_answer() -> None:
    async def be_silent(_request: bytes, _writer: Writer) -> None:
        await asyncio.sleep(30)

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

        server._answers = [cut_and_leave]
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

    async def be_silent(_request: bytes, _writer: Writer) -> None:
        await asyncio.sleep(30)

    async with Server(be_silent) as server, talking_to(server, 0.6) as client:
        began = time.monotonic()
        with pytest.raises(AnswerLost):
            await client.confirm("r1", "key")
        assert time.monotonic() - began < 1.5


async def test_questions_are_asked_again_and_proofs_are_not() -> None:
    async with Server(None, answer(body=HEALTH)) as server, talking_to(server) as client:
        assert (await client.health()).time == HEALTH["time"]
    async with Server(None, answer(body=RESET)) as server, talking_to(server) as client:
        with pytest.raises(AnswerLost):
            await client.request_reset("u", "p")


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


# Answers


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


async def test_what_a_kiosk_tells_about_itself_and_what_it_keeps() -> None:
    cookie = answer(body=HEALTH, headers="Set-Cookie: visit=1\r\n")
    async with Server(cookie) as server, talking_to(server) as client:
        for _ in range(2):
            await client.health()
    for request in server.requests:
        assert b"\r\nKiosk-Id: k1\r\n" in request
        assert b"\r\nAccept-Encoding: identity\r\n" in request
        assert b"cookie" not in request.lower()


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    async with Server(answer(body=HEALTH)) as server, talking_to(server) as client:
        await client.health()


async def test_no_error_tells_what_was_sent_or_answered() -> None:
    bad = [answer(body=RESET | {"id": "geheim geheim"}), problem("403 No", "no_match"), None]
    for reply in bad:
        async with Server(reply) as server, talking_to(server) as client:
            with pytest.raises((AnswerInvalid, ServiceRefused, AnswerLost)) as caught:
                await client.request_reset("geheim", "geheim")
            assert "geheim" not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_a_client_can_be_used_again_after_closing() -> None:
    async with Server(answer(body=HEALTH)) as server, talking_to(server) as client:
        await client.health()
        await client.close()
        await client.close()
        await client.health()
