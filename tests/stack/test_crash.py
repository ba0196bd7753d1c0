"""A crash ends the process with 70, erases the visit, and shows and logs no value."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.stack.journey import PIN_ASKED, USERNAME, Customer
from tests.terminal.console import Console


@pytest.mark.parametrize("way", ["handler", "task", "callback", "thread", "input", "panic"])
def test_a_crash_tells_where_and_nothing_else(tmp_path: Path, way: str) -> None:
    told = "RuntimeError at unknown" if way == "panic" else "ValueError at crashing_kiosk.py:"
    with Console(
        [sys.executable, "-m", "tests.stack.crashing_kiosk", str(tmp_path), way]
    ) as console:
        customer = Customer(console)
        console.wait("F6", seconds=40)
        customer.start()
        console.press("f5")
        console.wait(USERNAME)
        customer.enter_username("hoasen")
        console.wait(PIN_ASKED)
        console.type("4711")
        console.press("f6")
        assert console.ended() == 70
        assert console.shows(f"stopped because of a fault: {told}")
    written = bytes(console.raw) + (tmp_path / "kiosk.log").read_bytes()
    for word in (b"secret-of-a-local", b"4711", b"Traceback"):
        assert word not in written
    # The terminal is left as it was found: main screen, cursor on, mouse off.
    end = bytes(console.raw)[-2000:]
    assert b"\x1b[?1049l" in end
    assert b"\x1b[?25h" in end
    assert b"\x1b[?1003l" in end


@pytest.mark.parametrize("queue", ["app", "screen"])
def test_a_screen_that_hangs_gives_no_sign_of_life(tmp_path: Path, queue: str) -> None:
    """So that the watchdog sees it, although the event loop turns."""
    signs: list[float] = []

    def listen(told: socket.socket) -> None:
        while message := told.recv(100):
            if message == b"WATCHDOG=1":
                signs.append(time.monotonic())

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        thread = threading.Thread(target=listen, args=(told,))
        thread.start()
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        command = [sys.executable, "-m", "tests.stack.crashing_kiosk", str(tmp_path), queue]
        try:
            with Console(command, env=environment) as console:
                console.wait("F6", seconds=40)
                console.wait_until(lambda: len(signs) > 5, "signs of life")
                console.press("f6")
                # Twenty of its intervals; it had given one each.
                console.wait_until(lambda: time.monotonic() - signs[-1] > 2, "silence")
                assert console.process.isalive()
                os.kill(console.process.pid, signal.SIGKILL)
        finally:
            told.shutdown(socket.SHUT_RDWR)
            thread.join(10)
