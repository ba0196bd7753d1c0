"""What leaves the machine, by which way, and what the kiosk tells about itself."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from kiosk.config import ConfigError
from kiosk.service.client import ServiceClient
from kiosk.service.errors import AnswerLost, ServiceUnreachable
from tests.unit.service_lab import until
from tests.unit.talking import (
    DELIVERY,
    HEALTH,
    Proxy,
    Server,
    Writer,
    answer,
    be_silent,
    closed_port,
    talking_to,
)
from tests.unit.tls_lab import Ca


@pytest.fixture(autouse=True)
def _quick(short_back_off: None) -> None:
    """No test waits for the usual pauses."""


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
        "https://bhxh.example:99999",
        "https://bhxh.example:0",
        "https://[bhxh",
        "https://.example",
        "https://bhxh..example",
        f"https://{'x' * 64}.example",
        f"https://{'x.' * 130}example",
        "https://bhxh\\example",
        "https://bảohiểm.example",
        "https://xn--a.example",
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


async def test_a_client_can_be_used_again_after_closing() -> None:
    async with Server(answer(body=HEALTH)) as server, talking_to(server) as client:
        await client.health()
        await client.close()
        await client.close()
        await client.health()


def test_a_secret_in_an_address_is_not_printed() -> None:
    for options in (
        {"url": "https://u:geheim@h"},
        {"url": "https://h", "proxy": "http://u:geheim@h:1"},
    ):
        with pytest.raises(ConfigError) as caught:
            ServiceClient(kiosk_id="k1", **options)
        assert "geheim" not in str(caught.value)


async def test_connecting_has_a_time_limit_of_its_own_and_leaves_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        client = ServiceClient(url, "k1", timeout=60, connect_timeout=0.1)
        gc.disable()
        try:
            with pytest.raises(ServiceUnreachable, match="TimeoutError"):
                await asyncio.wait_for(client.request_reset("u", "p"), 10)
            # Closed, not merely forgotten: what is forgotten stays open until it is collected.
            with listening.accept()[0] as connection:
                connection.settimeout(5)
                while await asyncio.to_thread(connection.recv, 4096):
                    pass
        finally:
            gc.enable()
        await client.close()


async def test_a_name_server_that_hangs_holds_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    asked: list[str] = []
    real = socket.getaddrinfo

    def hang(host: Any, *args: Any, **options: Any) -> Any:
        asked.append(threading.current_thread().name)
        assert answered.wait(20)
        return real("127.0.0.1", *args, **options)

    async with Server(answer(body=HEALTH)) as server:
        client = ServiceClient(f"http://localhost:{server.port}", "k1", connect_timeout=0.05)
        monkeypatch.setattr(socket, "getaddrinfo", hang)
        for _ in range(5):
            with pytest.raises(ServiceUnreachable, match="TimeoutError"):
                await client.health()
        assert asked == ["name lookup"]
        answered.set()
        await client.health()
        await client.close()


def test_a_lookup_that_outlives_the_kiosk_is_silent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(20) and [])
    client = ServiceClient("http://localhost:1", "k1", connect_timeout=0.05)
    asyncio.run(client.warm_up())
    (lookup,) = (one for one in threading.enumerate() if one.name == "name lookup")
    assert lookup.daemon
    answered.set()
    lookup.join(10)
    assert caplog.text == ""


async def test_a_name_that_nobody_knows() -> None:
    client = ServiceClient("https://bhxh.invalid", "k1")
    with pytest.raises(ServiceUnreachable, match="gaierror"):
        await client.request_reset("u", "p")
    await client.close()


@pytest.mark.parametrize(
    "host", ["bhxh_test.example", "xn--bo-him-bd8b9j.example", "-a.example", "example."]
)
async def test_names_that_not_everybody_likes(ca: Ca, host: str) -> None:
    server_tls = ca.server(ca.issue("odd", host=host))
    async with (
        Server(answer(body=HEALTH), tls=server_tls) as server,
        Proxy(target=server.port) as proxy,
        talking_to(server, url=f"https://{host}", ca_file=str(ca.file), proxy=proxy.url) as client,
    ):
        await client.health()


async def test_closing_ends_what_is_under_way() -> None:
    async with Server(be_silent) as server, talking_to(server) as client:
        calling = asyncio.ensure_future(client.request_reset("u", "p"))
        await until(lambda: len(server.requests) == 1)
        await client.close()
        with pytest.raises(AnswerLost):
            await calling


async def test_an_address_with_a_path_and_of_ipv6() -> None:
    listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: Writer) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(body=HEALTH))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, sock=listening):
        address = f"[::1]:{listening.getsockname()[1]}"
        client = ServiceClient(f"http://{address}/bhxh/", "k1")
        await client.health()
        await client.close()
    assert seen[0].startswith(b"GET /bhxh/v1/health HTTP/1.1\r\nHost: " + address.encode())
