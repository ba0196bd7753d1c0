"""One customer's visit at the kiosk, with the moments that figures are made of."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kiosk.sandbox.scenario import PIN
from tests.speed.apdus import Apdu, card_time
from tests.speed.floor import Floor
from tests.speed.lab import Lab, TimedConsole
from tests.stack.journey import CONFIRM, PIN_ASKED, READING, SENT, WELCOME, Customer

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
    sent: float
    """From the key that confirms the order to "sent" on the screen."""
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


def visit(lab: Lab, console: TimedConsole) -> VisitTimes:
    """Walk the whole way, from the welcome screen to the welcome screen."""
    customer = Customer(console)
    reader = lab.reader
    customer.start()
    # What the kiosk gets ready meanwhile is not what is measured.
    console.settle()
    start = reader.record.mark
    with Floor(reader.pcscd) as bare_loop:
        bare_loop.begin("event")
        inserted = reader.insert()
        identity = console.moment(IDENTITY)
        event = bare_loop.result()
    read = tuple(reader.record.since(start))
    console.type("hoasen")
    customer.console.settle()
    mark = reader.record.mark
    pin_asked = press(console, PIN_SCREEN)
    console.wait(PIN_ASKED)
    prepare = tuple(reader.record.since(mark))
    console.type(PIN)
    console.settle()
    mark = reader.record.mark
    pressed = time.monotonic()
    console.press("enter")
    console.wait(CONFIRM)
    proof = tuple(reader.record.since(mark))
    time.sleep(READING)
    console.settle()
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
        sent=sent,
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
