"""What strangers may send to the sandbox's port: it answers or hangs up, and goes on."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest

from tests.service.raw import Wire, ask, connect, read_answer, request
from tests.unit.service_lab import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("abuse")) as lab:
        yield lab


@pytest.fixture(autouse=True)
def _goes_on_without_a_word(lab: Lab, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert ask(lab.url, request("GET", "/v1/health")).status == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def is_problem(wire: Wire, status: int, code: str) -> bool:
    kind = "content-type: application/problem+json" in wire.head
    return (wire.status, kind and wire.json["code"]) == (status, code)


def test_a_drip_of_a_request_is_cut_off(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.sandbox.server.connections.REQUEST_TIME", 0.3)
    head = request("POST", "/v1/staff-calls", {"id": "x"})
    for part in (b"GET /v1/he", head[:-4], b""):
        with connect(lab.url) as drip:
            drip.sendall(part)
            wire = read_answer(drip)
            assert wire.received == b"", part


def test_a_body_that_is_too_long(lab: Lab) -> None:
    long = request("POST", "/v1/challenges", {"chain": ["A" * 300_000]})
    assert is_problem(ask(lab.url, long), 400, "invalid_request")


def test_a_head_that_is_too_long(lab: Lab) -> None:
    wire = ask(lab.url, request("GET", "/v1/health", X_Long="a" * 200_000))
    assert wire.reset or wire.status == 400


@pytest.mark.parametrize(
    "noise",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\r\n" * 9],
)
def test_noise(lab: Lab, noise: bytes) -> None:
    with connect(lab.url, seconds=0.5) as connection:
        connection.sendall(noise)
        connection.shutdown(socket.SHUT_WR)
        assert read_answer(connection).status in (0, 400)


def test_methods_and_paths_that_are_none(lab: Lab) -> None:
    assert is_problem(ask(lab.url, request("GET", "/v1/nothing")), 404, "not_found")
    wire = ask(lab.url, request("PUT", "/v1/health"))
    assert is_problem(wire, 405, "invalid_request")
    assert "allow:" in wire.head


def test_another_host_name_is_not_served(lab: Lab) -> None:
    evil = request("GET", "/mail").replace(b"Host: 127.0.0.1", b"Host: evil.example")
    assert ask(lab.url, evil).status == 400


def test_hundreds_of_connections_that_say_nothing(lab: Lab) -> None:
    opened = [connect(lab.url) for _ in range(300)]
    assert ask(lab.url, request("GET", "/v1/health")).status == 200
    for one in opened:
        one.close()
