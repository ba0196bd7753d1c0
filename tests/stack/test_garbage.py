"""Nobody waits while Python looks for garbage."""

from __future__ import annotations

import pytest

from kiosk.sandbox.card import CardControl
from kiosk.sandbox.scenario import PIN
from tests.stack.collecting_kiosk import ASKED, BY_ITSELF
from tests.stack.journey import WELCOME, Customer
from tests.stack.parts import KioskCommand

pytestmark = pytest.mark.stack


def test_garbage_is_collected_when_the_kiosk_has_time(
    kiosk_command: KioskCommand, card: CardControl
) -> None:
    def times(collection: str) -> int:
        return kiosk_command.log.read_text(encoding="utf-8").count(collection)

    with kiosk_command.start("tests.stack.collecting_kiosk") as console:
        customer = Customer(console)
        for _ in range(2):
            customer.start()
            card.insert("hoa-sen")
            customer.enter_username("hoasen")
            customer.enter_pin(PIN)
            customer.confirm()
            customer.finish()
            before = times(ASKED)
            card.remove()
            console.wait(WELCOME)
            console.wait_until(lambda before=before: times(ASKED) > before, "a collection")  # type: ignore[misc]
        assert times(BY_ITSELF) == 0
        assert console.leave() == 0
