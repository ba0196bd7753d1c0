"""How much a customer has to press and to look at until the mail is on its way."""

from __future__ import annotations

import pytest

from kiosk.i18n import translator
from kiosk.sandbox.card import CardControl
from kiosk.sandbox.scenario import PIN
from tests.conftest import FIGURE
from tests.stack.journey import SENT, WELCOME, Customer
from tests.terminal.console import Console

pytestmark = [pytest.mark.stack, pytest.mark.alone]

MOST_PRESSES = 6
"""Beyond typing the username and the PIN, from the welcome screen to "sent"."""

MOST_SCREENS = 9
"""Different ones, those included on which the customer waits."""

TITLES = (
    *(f"{screen}.title" for screen in ("welcome", "consent", "case", "insert", "username")),
    *(f"{screen}.title" for screen in ("pin", "confirm", "sent")),
    *(f"busy.{work}.title" for work in ("reading", "preparing", "verifying", "sending")),
)


class CountingCustomer(Customer):
    """Counts presses, and what was on the screen."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.presses = 0
        self.seen: list[str] = []
        t = translator("vi")
        titles = {key: t(key) for key in TITLES}
        pump = console.pump

        def look(seconds: float = 0.05) -> None:
            pump(seconds)
            shown = [key for key, title in titles.items() if console.shows(title)]
            self.seen += [key for key in shown if key not in self.seen]

        console.pump = look  # type: ignore[method-assign]

    def press(self, key: str) -> None:
        self.presses += 1
        super().press(key)

    def agree(self) -> None:
        """By the number on the button, where there is one; else Tab leads to it."""
        t = translator("vi")
        self.console.wait(t("consent.agree"))
        if self.console.shows(f"1 {t('consent.agree')}"):
            self.press("1")
        else:
            self.press("tab")
            self.press("enter")
        self.console.wait(t("case.title"))
        self.press("enter")


def test_few_presses_and_few_screens_lead_to_the_mail(
    console: Console, card: CardControl, record_property: pytest.FixtureRequest
) -> None:
    customer = CountingCustomer(console)
    console.wait(WELCOME)
    # Plugging in is what everybody has to do; it is also how a visit begins.
    card.insert("hoa-sen")
    customer.agree()
    customer.enter_username("hoasen")
    customer.enter_pin(PIN)
    customer.confirm()
    console.wait(SENT)
    assert {"welcome.title", "consent.title", "pin.title", "sent.title"} <= set(customer.seen)
    assert customer.presses <= MOST_PRESSES, customer.presses
    assert len(customer.seen) <= MOST_SCREENS, customer.seen
    record_property(  # type: ignore[operator]
        FIGURE,
        f"shortest way: {customer.presses} presses, {len(customer.seen)} screens: "
        + ", ".join(key.removesuffix(".title") for key in customer.seen),
    )
