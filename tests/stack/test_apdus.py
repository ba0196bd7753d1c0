"""What a visit asks of the card, counted against a C program that asks for the least."""

from __future__ import annotations

import pytest

from kiosk.sandbox.card import CardControl
from kiosk.sandbox.scenario import PIN
from tests.speed.floor import Floor
from tests.stack.journey import CONFIRM, PIN_ASKED, Customer
from tests.stack.parts import Pcscd
from tests.terminal.console import Console

pytestmark = pytest.mark.stack


def test_a_visit_asks_the_card_for_little_more_than_it_must(
    console: Console, card: CardControl, pcscd: Pcscd
) -> None:
    customer = Customer(console)
    customer.start()
    card.insert("hoa-sen")
    customer.enter_username("hoasen")
    console.wait(PIN_ASKED)
    prepared = card.status().apdu_count
    customer.enter_pin(PIN)
    console.wait(CONFIRM)
    proved = card.status().apdu_count

    # Both have a card that was just put in. Its count begins anew.
    card.remove()
    with Floor(pcscd) as floor:
        floor.do("load")
        card.insert("hoa-sen")
        floor.do("event")
        floor.do("read")
        read = card.status().apdu_count
        floor.do("login", PIN)
        floor.do("sign")
        signed = card.status().apdu_count

    assert proved - prepared == signed - read
    assert proved <= 1.1 * signed
    assert card.status().verify_count == 2
    assert card.status().sign_count == 2
