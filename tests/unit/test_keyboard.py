"""Keys are what was pressed, however slow the kiosk is at reading them."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator

import pytest
from textual import _parser, events
from textual.message import Message

from kiosk.keyboard import KeyByKeyDriver


class Typed(KeyByKeyDriver):
    """The driver on a pipe."""

    def __init__(self) -> None:
        # The app and its terminal are not needed for reading.
        self._debug = False
        self.exit_event = threading.Event()
        self.fileno, self.writer = os.pipe()
        self.keys: list[str] = []
        self.came = threading.Semaphore(0)

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.Key):
            self.keys.append(message.key)
            self.came.release()


@pytest.fixture
def driver() -> Iterator[Typed]:
    typed = Typed()
    yield typed
    os.close(typed.writer)
    os.close(typed.fileno)


def _read(driver: Typed, data: bytes, keys: int) -> list[str]:
    os.write(driver.writer, data)
    thread = threading.Thread(target=driver.run_input_thread, daemon=True)
    thread.start()
    for _ in range(keys):
        assert driver.came.acquire(timeout=10), driver.keys
    driver.exit_event.set()
    thread.join()
    return driver.keys


def test_a_slow_kiosk_takes_no_function_key_for_escape(
    driver: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count()
    monkeypatch.setattr(_parser, "get_time", lambda: float(next(seconds)))
    assert _read(driver, b"\x1bOQa\x1b[Ab", 4) == ["f2", "a", "up", "b"]


def test_escape_alone_is_escape(driver: Typed) -> None:
    assert _read(driver, b"\x1b", 1) == ["escape"]
