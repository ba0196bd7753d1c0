"""One customer's visit at the kiosk, with the moments that figures are made of."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kiosk.sandbox.scenario import PIN
from tests.speed.apdus import Apdu, card_time
from tests.speed.floor import Floor
from tests.speed.lab import KIOSK, QUICK, Lab, TimedConsole
from tests.stack.journey import (
    BETWEEN_PRESSES,
    CONFIRM,
    PIN_ASKED,
    READING,
    SENT,
    WELCOME,
    Customer,
)

IDENTITY = "HOA SEN"
"""Of the organisation's name; it is on the screen that asks for the username first."""

PIN_SCREEN = "Nhập mã PIN"


@dataclass(frozen=True, slots=True)
class VisitTimes:
    """Seconds between moments, and what the card was asked."""

    event: float
    """From the card's insertion to PC/SC's event in a bare loop beside the kiosk."""
    first_command: float
    """From the insertion to the kiosk's first command to the card."""
    identity: float
    """From the insertion to the organisation's name on the screen."""
    pin_asked: float
    """From the key that confirms the username to the screen that asks for the PIN."""
    proof: float
    """From the key that confirms the PIN to the card's answer with the signature."""
    delivered: float
    """From there to the first byte of the proof at the service."""
    sent: float
    """From the key that confirms the order to "sent" on the screen."""
    served: float
    """Of that, what the service had the order for."""
    read_apdus: tuple[Apdu, ...]
    """Until the identity was shown."""
    prepare_apdus: tuple[Apdu, ...]
    """Until the PIN was asked for."""
    proof_apdus: tuple[Apdu, ...]
    """From the PIN to the screen that asks whether all is right."""
    apdus: int
    """Commands of the whole visit, whenever they came."""

    @property
    def waited(self) -> float:
        """Seconds that the customer waited for token and screen: from PC/SC's event to the
        identity, from the username to the question for the PIN, from the PIN to the proof."""
        return self.identity - self.event + self.pin_asked + self.proof

    @property
    def proof_card_time(self) -> float:
        """Seconds that the card itself took for login and signature."""
        return card_time(self.proof_apdus)

    @property
    def card_time(self) -> float:
        """Seconds that the card itself took, in all."""
        return card_time((*self.read_apdus, *self.prepare_apdus, *self.proof_apdus))


class QuickCustomer(Customer):
    """Somebody who does not look at the screen before they press; `QUICK` takes their presses."""

    def _pace(self) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a customer behaves."""

    customer: type[Customer]
    calm: float
    """Seconds without a change on the screen before they go on."""
    reading: float
    """Seconds that they read what they are about to confirm."""
    program: tuple[str, ...]
    """The kiosk that understands them."""

    @property
    def rest(self) -> float:
        """Seconds for which the service has rested when the order comes."""
        return self.reading + (0.0 if self.customer is QuickCustomer else BETWEEN_PRESSES)


PERSON = Manner(Customer, 0.3, READING, KIOSK)
HURRIED = Manner(QuickCustomer, 0.1, 0.1, QUICK)


def visit(lab: Lab, console: TimedConsole, manner: Manner, phase: float) -> VisitTimes:
    """Walk the whole way, from the welcome screen to the welcome screen.

    Args:
        lab: where.
        console: the kiosk's terminal.
        manner: who comes; the kiosk has to be one for them.
        phase: seconds to wait before the token is put in; see `phases`.
    """
    customer = manner.customer(console)
    reader = lab.reader
    customer.start()
    # What the kiosk gets ready meanwhile is not what is measured.
    console.calm(manner.calm)
    start = reader.record.mark
    with Floor(reader.pcscd) as bare_loop:
        bare_loop.begin("event")
        inserted = reader.insert(phase)
        identity = console.moment(IDENTITY)
        event = bare_loop.result()
    read = tuple(reader.record.since(start))
    console.type("hoasen")
    console.calm(manner.calm)
    mark = reader.record.mark
    pin_asked = press(console, PIN_SCREEN)
    console.wait(PIN_ASKED)
    prepare = tuple(reader.record.since(mark))
    console.type(PIN)
    console.calm(manner.calm)
    mark = reader.record.mark
    pressed = time.monotonic()
    console.press("enter")
    console.wait(CONFIRM)
    proof = tuple(reader.record.since(mark))
    time.sleep(manner.reading)
    console.calm(manner.calm)
    confirmed = time.monotonic()
    sent = press(console, SENT)
    apdus = len(reader.record.since(start))
    customer.finish()
    reader.remove()
    console.wait(WELCOME)
    return VisitTimes(
        event=event - inserted,
        first_command=read[0].came - inserted,
        identity=identity - inserted,
        pin_asked=pin_asked,
        proof=proof[-1].answered - pressed,
        delivered=lab.service_log.proof(pressed) - proof[-1].answered,
        sent=sent,
        served=lab.service_log.order(confirmed),
        read_apdus=read,
        prepare_apdus=prepare,
        proof_apdus=proof,
        apdus=apdus,
    )


def press(console: TimedConsole, text: str) -> float:
    """Press Enter; seconds until this text comes."""
    pressed = time.monotonic()
    console.press("enter")
    return console.moment(text) - pressed
