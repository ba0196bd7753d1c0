"""How long connections live, and the proxies on the way to the service."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from kiosk.config import ConfigError
from kiosk.service.client import ServiceClient
from kiosk.service.errors import Distrust, ServiceUnreachable, ServiceUntrusted
from tests.unit.service_lab import until
from tests.unit.talking import (
    ACCOUNTS,
    CHALLENGE,
    DELIVERY,
    HEALTH,
    RESET,
    Proxy,
    Server,
    answer,
    be_silent,
    closed_port,
    talking_to,
)
from tests.unit.tls_lab import Ca


@pytest.fixture(autouse=True)
def _quick(short_back_off: None) -> None:
    """No test waits for the usual pauses."""


@pytest.fixture
def tls(ca: Ca) -> ssl.SSLContext:
    return ca.server(ca.issue("server"))


# Connections


async def test_one_connection_for_a_whole_visit() -> None:
    answers = [
        answer(body=HEALTH),
        answer("201 Created", CHALLENGE),
        answer("201 Created", RESET),
        answer(body=DELIVERY),
        answer(body=DELIVERY),
    ]
    async with Server(*answers) as server, talking_to(server) as client:
        await client.health()
        await client.challenge((b"der",))
        await client.request_reset("u", "p")
        await client.confirm("r1", "key")
        await client.status("r1")
        assert (len(server.requests), server.connections) == (5, 1)


@pytest.mark.parametrize("way", ["plain", "TLS", "TLS, abruptly", "proxy"])
async def test_a_connection_closed_while_idle_is_no_lost_proof(
    ca: Ca, tls: ssl.SSLContext, way: str
) -> None:
    async with (
        Server(answer(body=ACCOUNTS), tls=None if way == "plain" else tls) as server,
        Proxy() as proxy,
        talking_to(
            server, ca_file=str(ca.file), proxy=proxy.url if way == "proxy" else ""
        ) as client,
    ):
        for turn in range(1, 6):
            await client.look_up_accounts("p")
            assert (len(server.requests), server.connections) == (turn, turn)
            await server.drop_connections(abruptly=way in ("TLS, abruptly", "proxy"))
            await until(lambda: not proxy.open)


async def test_an_idle_connection_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.service.transport.KEEP_ALIVE", 0.0)
    async with Server(answer(body=HEALTH)) as server, talking_to(server) as client:
        await client.health()
        await asyncio.sleep(0.01)
        await client.health()
        assert server.connections == 2


async def test_an_idle_connection_is_probed() -> None:
    def timers(ports: tuple[int, int]) -> list[str]:
        """Which timers run for connections between these ports (proc(5), /proc/net/tcp)."""
        lines = Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()
        table = [line.split() for line in lines]
        ends = [f"{port:04X}" for port in ports]
        return [one[5][:2] for one in table if [one[1][-4:], one[2][-4:]] == ends]

    async with Server(answer(body=HEALTH)) as server, talking_to(server) as client:
        await client.health()
        (writer,) = server.open
        ports = writer.get_extra_info("peername")[1], server.port
        # "02": the one of the probes. Another one may run while something is on its way.
        await until(lambda: timers(ports) == ["02"])


async def test_warming_up_leaves_a_connection_for_the_proof() -> None:
    async with Server(answer(body=HEALTH), answer(body=RESET)) as server:
        async with talking_to(server) as client:
            await client.warm_up()
            await client.request_reset("u", "p")
        assert server.connections == 1
        assert server.requests[0].startswith(b"GET /v1/health ")


@pytest.mark.parametrize("reply", [None, answer("500 Oops", b"", "text/html"), answer(body=b"?")])
async def test_warming_up_never_fails_and_asks_once(reply: bytes | None) -> None:
    async with Server(reply) as server, talking_to(server) as client:
        await client.warm_up()
        assert len(server.requests) == 1
    async with talking_to(server) as client:
        await client.warm_up()


async def test_warming_up_throws_a_dead_connection_away() -> None:
    # As if a router had forgotten the connection: it is open, and nothing comes back.
    async with (
        Server(answer(body=HEALTH), be_silent, answer(body=RESET)) as server,
        talking_to(server, 0.3) as client,
    ):
        for _ in range(2):
            await client.warm_up()
        await client.request_reset("u", "p")
        assert server.connections == 2


# Proxies


async def test_a_proxy_sees_where_to_and_nothing_else(
    ca: Ca, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    secret = tmp_path / "proxy"
    secret.write_text("kiosk:ge heim:é\n", encoding="utf-8")
    secret.chmod(0o600)
    async with (
        Server(answer(body=HEALTH), answer(body=RESET), tls=tls) as server,
        Proxy() as proxy,
        talking_to(
            server, ca_file=str(ca.file), proxy=proxy.url, proxy_credentials=str(secret)
        ) as client,
    ):
        await client.health()
        await client.request_reset("u", "p")
        assert proxy.asked == [
            b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
            b"Proxy-Authorization: Basic a2lvc2s6Z2UgaGVpbTrDqQ==\r\n\r\n"
            % (server.port, server.port)
        ]
        assert all(b"roxy" not in request for request in server.requests)


async def test_a_proxy_is_asked_by_name_and_the_certificate_is_for_the_name(ca: Ca) -> None:
    tls = ca.server(ca.issue("named", host="bhxh.example"))
    async with Server(answer(body=HEALTH), tls=tls) as server, Proxy(target=server.port) as proxy:
        options: dict[str, Any] = {"ca_file": str(ca.file), "proxy": proxy.url}
        async with talking_to(server, url="https://bhxh.example", **options) as client:
            await client.health()
        async with talking_to(server, url="https://other.example", **options) as client:
            with pytest.raises(ServiceUntrusted) as caught:
                await client.health()
        assert caught.value.reason is Distrust.WRONG_HOST
        asked = [line.split()[1] for line in proxy.asked]
        assert asked == [b"bhxh.example:443", b"other.example:443"]


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (answer("407 Proxy Authentication Required", b"<html>", "text/html"), "407 to CONNECT"),
        (answer("502 Bad Gateway", b"<html>", "text/html"), "502 to CONNECT"),
        (answer("302 Found", b"", headers="Location: http://127.0.0.1:1/\r\n"), "302 to CONNECT"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", "data ahead of the tunnel"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "no HTTP answer to CONNECT"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "no HTTP answer to CONNECT"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "CONNECT"),
        # Versions of Python call the same end by different names.
        (b"HTTP/1.1 200 OK\r\n\r\n", "TLS: (UNEXPECTED_EOF|SSLZeroReturnError)"),
    ],
    ids=["407", "502", "302", "data", "ssh", "endless", "nothing", "closed tunnel"],
)
async def test_a_proxy_that_makes_no_tunnel(
    ca: Ca, tls: ssl.SSLContext, refusal: bytes, reason: str
) -> None:
    async with (
        Server(answer(body=RESET), tls=tls) as server,
        Proxy(refusal) as proxy,
        talking_to(server, ca_file=str(ca.file), proxy=proxy.url) as client,
    ):
        with pytest.raises(ServiceUnreachable, match=reason):
            await client.confirm("r1", "key")
        # More often than there are places in the pool: none of them may be lost by a failure.
        for _ in range(4):
            with pytest.raises(ServiceUnreachable, match=reason):
                await client.request_reset("u", "p")
        assert server.requests == []
        proxy.refusal = b""
        await client.request_reset("u", "p")


async def test_a_silent_proxy_is_left_in_time(ca: Ca, tls: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = f"http://127.0.0.1:{listening.getsockname()[1]}"
        client = ServiceClient(
            "https://127.0.0.1:1", "k1", ca_file=str(ca.file), proxy=proxy, connect_timeout=0.1
        )
        for _ in range(3):
            with pytest.raises(ServiceUnreachable, match="TimeoutError"):
                await asyncio.wait_for(client.request_reset("u", "p"), 5)
        await client.close()


async def test_no_proxy_there(ca: Ca, tls: ssl.SSLContext) -> None:
    async with Server(answer(body=RESET), tls=tls) as server:
        proxy = f"http://127.0.0.1:{closed_port()}"
        async with talking_to(server, ca_file=str(ca.file), proxy=proxy) as client:
            with pytest.raises(ServiceUnreachable):
                await client.request_reset("u", "p")
        assert server.requests == []


async def test_plain_http_takes_no_proxy() -> None:
    proxy = f"http://127.0.0.1:{closed_port()}"
    async with Server(answer(body=HEALTH)) as server, talking_to(server, proxy=proxy) as client:
        await client.health()


@pytest.mark.parametrize(
    "proxy",
    [
        "127.0.0.1:3128",
        "http://p..q:3128",
        "http://.p:1",
        "https://p:3128",
        "socks5://p:1",
        "http://p",
        "http://p:3128/x",
        "http://p:x",
    ],
)
def test_what_is_no_proxy(proxy: str) -> None:
    with pytest.raises(ConfigError, match=r"service\.proxy: found .*expected http://host:port"):
        ServiceClient("https://bhxh.example", "k1", proxy=proxy)


@pytest.mark.parametrize("content", ["", "user", ":secret", "user:secret\nmore", "u\x01:s"])
def test_what_is_no_credentials_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "proxy"
    file.write_text(content)
    file.chmod(0o600)
    options = {"proxy": "http://p:3128", "proxy_credentials": str(file)}
    with pytest.raises(ConfigError, match=r"service\.proxy_credentials: .*user:password") as caught:
        ServiceClient("https://bhxh.example", "k1", **options)
    assert "secret" not in str(caught.value)


def test_credentials_that_others_can_read_or_that_serve_nothing(tmp_path: Path) -> None:
    file = tmp_path / "proxy"
    file.write_text("user:secret")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match=r"service\.proxy_credentials: .*mode 0644.*chmod 600"):
        ServiceClient("https://h", "k1", proxy="http://p:1", proxy_credentials=str(file))
    with pytest.raises(ConfigError, match=r"service\.proxy: found nothing"):
        ServiceClient("https://h", "k1", proxy_credentials=str(file))
