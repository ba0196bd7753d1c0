"""Nobody waits while Python looks for garbage."""

from __future__ import annotations

import pytest

from kiosk.sandbox.card import CardControl
from kiosk.sandbox.scenario import PIN
from tests.stack.collecting_kiosk import COLLECTION
from tests.stack.journey import WELCOME, Customer
from tests.stack.parts import KioskCommand

pytestmark = pytest.mark.stack


def test_garbage_is_collected_after_the_visit_and_not_in_it(
    kiosk_command: KioskCommand, card: CardControl
) -> None:
    def collections() -> int:
        return kiosk_command.log.read_text(encoding="utf-8").count(COLLECTION)

    with kiosk_command.start("tests.stack.collecting_kiosk") as console:
        customer = Customer(console)
        for visit in range(1, 3):
            customer.start()
            card.insert("hoa-sen")
            customer.enter_username("hoasen")
            customer.enter_pin(PIN)
            customer.confirm()
            customer.finish()
            assert collections() == visit - 1
            card.remove()
            console.wait(WELCOME)
            console.wait_until(lambda visit=visit: collections() == visit, "a collection")  # type: ignore[misc]
        assert console.leave() == 0
