"""Keys are what was pressed, however slow the kiosk is at reading them."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections.abc import Iterator

import pytest
from textual import _parser, events
from textual.message import Message

from kiosk.keyboard import SIZES, KeyByKeyDriver


class Typed(KeyByKeyDriver):
    """The driver on a pipe."""

    def __init__(self) -> None:
        # The app and its terminal are not needed for reading.
        self._debug = False
        self.exit_event = threading.Event()
        self.fileno, self.writer = os.pipe()
        self.keys: list[str] = []
        self.others: list[Message] = []
        self.came = threading.Semaphore(0)

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.Key):
            self.keys.append(message.key)
            self.came.release()
        else:
            self.others.append(message)


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


@pytest.mark.parametrize(
    "sequence",
    [
        pytest.param(b"\x1b[:4A", id="no number"),
        pytest.param(b"\x1b[1114112u", id="no character has this number"),
        pytest.param(b"\x1b[99999999999999999999;5u", id="no machine has this number"),
        pytest.param(b"\x1b[48;1;1;0;0t\x1b[<0;1;1M", id="mouse on a screen without pixels"),
        pytest.param(b"\x1b[48;0;0;0;0t\x1b[<0;1;1M", id="mouse on a screen without cells"),
    ],
)
def test_a_sequence_that_nobody_can_read_is_dropped(driver: Typed, sequence: bytes) -> None:
    assert _read(driver, b"a" + sequence + b"b", 2) == ["a", "b"]


def test_keys_cannot_say_how_large_the_screen_is(driver: Typed) -> None:
    sizes = b"\x1b[48;99999;99999;1;1t\x1b[?2048;1$y"
    assert _read(driver, b"a" + sizes + b"\x1b[<0;7;3Mb", 2) == ["a", "b"]
    assert not [one for one in driver.others if isinstance(one, SIZES)]
    presses = [one for one in driver.others if isinstance(one, events.MouseDown)]
    assert [(press.x, press.y) for press in presses] == [(6, 2)]


def test_no_sequence_stops_the_keys(driver: Typed) -> None:
    chance = random.Random(7)  # noqa: S311
    middle = ["", ";", ":", "<", "?", "-", "0", "1", "48;", "1;", "9999", "1114112", "\u0663", "$"]
    ends = "ABCDHMPQRSZcmntuy~"
    sequences = [
        "\x1b[" + "".join(chance.choices(middle, k=chance.randrange(6))) + chance.choice(ends)
        for _ in range(2000)
    ]
    # None of these may begin a paste, in which keys are text.
    data = "".join(sequences).encode() + b"\x1b[A" + b"end"
    os.set_blocking(driver.writer, False)
    assert os.write(driver.writer, data) == len(data)
    thread = threading.Thread(target=driver.run_input_thread, daemon=True)
    thread.start()
    while driver.keys[-4:] != ["up", "e", "n", "d"]:
        assert driver.came.acquire(timeout=10), driver.keys[-10:]
    driver.exit_event.set()
    thread.join()
