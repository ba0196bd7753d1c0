"""The PIN buffer leaves nothing behind."""

from __future__ import annotations

import copy
import pickle

import pytest

from kiosk.pin import PinBuffer


def _typed(text: str) -> PinBuffer:
    pin = PinBuffer()
    for character in text:
        assert pin.append(character)
    return pin


def test_what_was_typed_is_what_the_token_gets() -> None:
    pin = _typed("12Ab!é")
    assert len(pin) == 6
    with pin.view() as view:
        assert bytes(view) == "12Ab!é".encode()


def test_backspace_takes_a_whole_character_and_zeroes_it() -> None:
    pin = _typed("1é")
    pin.backspace()
    assert len(pin) == 1
    assert bytes(pin._bytes) == b"1" + bytes(PinBuffer.CAPACITY - 1)
    pin.backspace()
    pin.backspace()
    assert len(pin) == 0


def test_wipe_leaves_zeroes_in_the_same_memory() -> None:
    pin = _typed("12345678")
    memory = pin._bytes
    pin.wipe()
    assert pin._bytes is memory
    assert bytes(memory) == bytes(PinBuffer.CAPACITY)
    assert len(pin) == 0


def test_a_full_buffer_refuses_and_never_grows() -> None:
    pin = _typed("x" * PinBuffer.CAPACITY)
    assert not pin.append("y")
    assert len(pin) == PinBuffer.CAPACITY


def test_it_cannot_be_shown_copied_or_pickled() -> None:
    pin = _typed("87654321")
    assert "87654321" not in f"{pin} {pin!r}"
    with pytest.raises(TypeError):
        copy.copy(pin)
    with pytest.raises(TypeError):
        pickle.dumps(pin)
