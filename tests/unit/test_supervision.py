"""What systemd is told, and what is remembered of crashes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk import supervision
from kiosk.supervision import LOOP_CRASHES, LOOP_SECONDS, CrashCounter, Supervisor


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        yield listener


def test_systemd_is_told_and_children_cannot_speak_for_the_kiosk(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", listener.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    supervisor = Supervisor.from_environment()
    assert supervisor.ping_interval == 5
    supervisor.ready()
    supervisor.alive()
    supervisor.status("in service")
    supervisor.stopping()
    assert [listener.recv(100) for _ in range(4)] == [
        b"READY=1",
        b"WATCHDOG=1",
        b"STATUS=in service",
        b"STOPPING=1",
    ]
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)


def test_an_abstract_socket_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0kiosk-test")
        listener.settimeout(5)
        Supervisor("@kiosk-test").ready()
        assert listener.recv(100) == b"READY=1"


def test_nobody_is_told_where_there_is_nobody(tmp_path: Path) -> None:
    Supervisor().ready()
    Supervisor(str(tmp_path / "missing")).ready()


def test_only_ends_that_nobody_announced_are_crashes(tmp_path: Path) -> None:
    for _ in range(3):
        counter = CrashCounter(tmp_path)
        assert counter.started() == 0
        counter.ended_well()
    for crashes in range(LOOP_CRASHES):
        assert CrashCounter(tmp_path).started() == crashes
    assert CrashCounter(tmp_path).started() == LOOP_CRASHES
    CrashCounter(tmp_path).forget()
    assert CrashCounter(tmp_path).recent() == 0
    assert CrashCounter(tmp_path).started() == 1


def test_old_crashes_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(supervision, "_uptime", lambda: now)
    for _ in range(LOOP_CRASHES):
        CrashCounter(tmp_path).started()
    now += LOOP_SECONDS + 1
    assert CrashCounter(tmp_path).started() == 1


@pytest.mark.parametrize("content", ["", "nonsense", "1.0\n\x00\n", "nan"])
def test_a_broken_list_of_crashes_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "crashes").write_text(content)
    assert CrashCounter(tmp_path).started() == 0
