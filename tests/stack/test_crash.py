"""A crash ends the process with 70, erases the visit, and shows and logs no value."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.stack.journey import PIN_ASKED, USERNAME, Customer
from tests.terminal.console import Console


@pytest.mark.parametrize("way", ["handler", "task", "callback"])
def test_a_crash_tells_where_and_nothing_else(tmp_path: Path, way: str) -> None:
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
        assert console.shows("stopped because of a fault: ValueError at crashing_kiosk.py:")
    written = bytes(console.raw) + (tmp_path / "kiosk.log").read_bytes()
    for word in (b"secret-of-a-local", b"4711", b"Traceback"):
        assert word not in written
    # The terminal is left as it was found: main screen, cursor on, mouse off.
    end = bytes(console.raw)[-2000:]
    assert b"\x1b[?1049l" in end
    assert b"\x1b[?25h" in end
    assert b"\x1b[?1003l" in end
