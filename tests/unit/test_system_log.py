"""The log goes to journald, and waits for it in no case."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk import system_log
from kiosk.system_log import KEPT, LONGEST, PATIENCE, SystemLog

QUICK = 0.5
"""Seconds: far below what anybody notices, far above what it takes."""


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    """Listens, and takes nothing until a test asks it to."""
    with listening(tmp_path) as listener:
        yield listener


@pytest.fixture
def handler(journald: socket.socket, tmp_path: Path) -> Iterator[SystemLog]:
    handler = SystemLog(tmp_path / "log")
    yield handler
    handler.close()


def listening(folder: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(folder / "log"))
    listener.settimeout(5)
    return listener


def write(handler: SystemLog, text: str, level: int = logging.INFO) -> None:
    handler.handle(logging.makeLogRecord({"name": "kiosk", "levelno": level, "msg": text}))


def test_lines_have_their_levels_and_wait_for_a_journal_that_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_log, "JOURNAL_SOCKET", tmp_path / "log")
    root = logging.getLogger()
    before = list(root.handlers)
    system_log.log_to_journal()
    try:
        logging.getLogger("kiosk.app").critical("crash: here")
        with listening(tmp_path) as journald:
            logging.getLogger("kiosk.app").info("went on")
            # Priority 10 is user.crit, 14 is user.info (RFC 5424, section 6.2.1).
            assert journald.recv(1000) == b"<10>kiosk: kiosk.app: crash: here"
            assert journald.recv(1000) == b"<14>kiosk: kiosk.app: went on"
    finally:
        for handler in set(root.handlers) - set(before):
            root.removeHandler(handler)
            handler.close()


def test_a_journal_that_takes_nothing_holds_nothing_up(
    journald: socket.socket, handler: SystemLog
) -> None:
    lines = KEPT * 3
    began = time.monotonic()
    for number in range(lines):
        write(handler, f"line {number}")
    assert time.monotonic() - began < QUICK
    # It takes again: what was kept comes in its order, the newest last, and the rest is told.
    heard: list[str] = []
    while not (told := [line for line in heard if "lines were lost" in line]):
        heard += [journald.recv(1000).decode() for _ in range(2)]
        write(handler, "further")
    kept = [int(line.rpartition(" ")[2]) for line in heard if ": line " in line]
    assert kept == sorted(kept)
    assert kept[-1] == lines - 1
    assert len(kept) >= KEPT
    further = sum(line.endswith("further") for line in heard)
    lost = int(told[0].split()[2])
    assert len(kept) + lost + further >= lines


def test_the_end_waits_a_moment_for_a_journal_that_hangs(
    journald: socket.socket, handler: SystemLog
) -> None:
    for number in range(KEPT * 2):
        write(handler, f"line {number}")
    began = time.monotonic()
    handler.close()
    assert time.monotonic() - began < PATIENCE + QUICK


def test_the_last_lines_come_although_the_journal_was_busy(
    journald: socket.socket, handler: SystemLog
) -> None:
    for number in range(KEPT):
        write(handler, f"line {number}")
    write(handler, "crash: here", logging.CRITICAL)
    heard: list[bytes] = []

    def read() -> None:
        while not heard or b"crash: here" not in heard[-1]:
            heard.append(journald.recv(1000))

    reader = threading.Thread(target=read)
    reader.start()
    handler.close()
    reader.join(5)
    assert heard[-1] == b"<10>kiosk: kiosk: crash: here"


def test_a_journal_that_was_started_anew_is_found(
    journald: socket.socket, handler: SystemLog, tmp_path: Path
) -> None:
    write(handler, "before")
    journald.close()
    (tmp_path / "log").unlink()
    write(handler, "meanwhile")
    with listening(tmp_path) as again:
        write(handler, "x" * LONGEST)
        write(handler, "after")
        assert again.recv(1000) == b"<14>kiosk: kiosk: meanwhile"
        assert len(again.recv(LONGEST * 2)) == LONGEST
        assert again.recv(1000) == b"<14>kiosk: kiosk: after"
