"""A hostile certificate before the whole kiosk: real card, real terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.sandbox.card import CardControl, Instruction
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import PIN, TOKENS_BY_NAME
from tests.stack.journey import CONFIRM, USERNAME, Customer
from tests.terminal.console import Console

pytestmark = pytest.mark.stack

SHOWN = "[red]A [@click=app.quit]C[/]D E"


def test_a_hostile_name_comes_out_as_harmless_text(
    console: Console, card: CardControl, sandbox_directory: Path
) -> None:
    """From the certificate on one screen, from the service's answer on another."""
    SandboxPki.open(sandbox_directory).leaves("hostile-name")
    customer = Customer(console)
    customer.start()
    card.insert("hostile-name")
    console.wait(USERNAME, SHOWN)
    customer.enter_username("hoasen")
    customer.enter_pin(PIN)
    console.wait(CONFIRM, SHOWN)
    console.settle()
    raw, name = bytes(console.raw), TOKENS_BY_NAME["hostile-name"].organisation
    for hostile in ("\x1b]0;B\x07", "A\x1b[2J", "\u202e", "\u200b"):
        assert hostile in name
        assert hostile.encode() not in raw
    customer.confirm()
    customer.finish()


def test_a_certificate_signed_with_sha1_is_told_with_its_code(
    console: Console, card: CardControl, sandbox_directory: Path
) -> None:
    SandboxPki.open(sandbox_directory).leaves("sha1")
    Customer(console).start()
    card.insert("sha1")
    console.wait("Chứng thư số dùng thuật toán cũ", "C12")
    assert card.status().verify_count == 0


def test_a_card_that_refuses_to_sign_is_told(console: Console, card: CardControl) -> None:
    card.refuse(0x6F00, Instruction.GENERAL_AUTHENTICATE)
    customer = Customer(console)
    customer.start()
    card.insert("hoa-sen")
    customer.enter_username("hoasen")
    customer.enter_pin(PIN)
    console.wait("Chưa đọc được USB Token", "K05")
    assert card.status().verify_count == 1
