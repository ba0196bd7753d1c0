"""No PIN stays behind in the process that draws the screens."""

from __future__ import annotations

import secrets
import string

import pytest

from kiosk.sandbox.card import CardControl
from tests.stack.journey import PIN_ASKED, REMOVE, USERNAME, Customer
from tests.stack.memory import find_in_memory
from tests.terminal.console import Console


@pytest.fixture
def pin() -> str:
    """A PIN that is nowhere else; OpenSC takes eight characters of a PIV card."""
    return "".join(secrets.choice(string.ascii_letters) for _ in range(8))


def at_the_pin(console: Console, card: CardControl) -> Customer:
    customer = Customer(console)
    customer.start()
    card.insert("hoa-sen")
    console.wait(USERNAME)
    customer.enter_username("hoasen")
    console.wait(PIN_ASKED)
    return customer


def test_the_search_finds_what_is_there(console: Console, card: CardControl) -> None:
    """Without this, the tests below could pass because they look in the wrong place."""
    at_the_pin(console, card)
    assert find_in_memory(console.process.pid, "THƯƠNG MẠI HOA SEN")


def test_while_it_is_typed_it_is_in_one_place(
    console: Console, card: CardControl, pin: str
) -> None:
    at_the_pin(console, card)
    console.type(pin)
    found = find_in_memory(console.process.pid, pin)
    assert len(found) == 1, found
    assert found[0].startswith("utf-8")


@pytest.mark.parametrize("end", ["confirm", "cancel", "clear", "removal"])
def test_afterwards_it_is_nowhere(console: Console, card: CardControl, pin: str, end: str) -> None:
    customer = at_the_pin(console, card)
    console.type(pin)
    if end == "confirm":
        customer.press("enter")
        console.wait("Mã PIN không chính xác")
    elif end == "cancel":
        customer.click("Hủy")
        console.wait(REMOVE)
    elif end == "clear":
        customer.click("Xóa hết")
        console.wait_until(lambda: "●" not in console.text, "an empty PIN field")
    else:
        card.remove()
        console.wait("USB Token đã được rút ra")
    assert find_in_memory(console.process.pid, pin) == []
    assert pin.encode() not in console.raw
