"""Staff mode on a real terminal: the keys that open it, and what stays of the PIN: nothing."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from kiosk.audit_verify import newest
from kiosk.sandbox.card import CardControl
from kiosk.staff.pin_hash import make_hash
from tests.stack.memory import find_in_memory
from tests.stack.parts import KioskCommand
from tests.terminal.console import Console

WELCOME = "Quý khách cần có"
LOGIN = "Dành cho nhân viên VNPT"
CHORD = "\x1b[23~\x1b[24~"
"""F11 and F12, as a terminal sends two keys that go down together."""


def _digits() -> str:
    return "".join(secrets.choice("0123456789") for _ in range(12))


@pytest.fixture
def pin() -> str:
    """Twelve digits that are nowhere else."""
    return _digits()


@pytest.fixture
def desk(kiosk_command: KioskCommand, pin: str) -> Iterator[Console]:
    """`kiosk run` with staff mode, at its welcome screen."""
    config = kiosk_command.config
    text = config.read_text().replace('id = "test"\n', 'id = "test"\nstate_directory = "state"\n')
    config.write_text(f'{text}[staff]\npin_hash = "{make_hash(bytearray(pin.encode()))}"\n')
    (config.parent / "state").mkdir()
    with kiosk_command.start() as console:
        console.wait(WELCOME)
        yield console
    assert pin not in kiosk_command.log.read_text(encoding="utf-8")
    for file in (config.parent / "state").rglob("*"):
        if file.is_file():
            assert pin.encode() not in file.read_bytes()


def opened(desk: Console) -> None:
    desk.press(CHORD)
    desk.wait(LOGIN)


def test_while_it_is_typed_it_is_in_one_place(desk: Console, pin: str) -> None:
    opened(desk)
    desk.type(pin)
    found = find_in_memory(desk.process.pid, pin)
    assert len(found) == 1, found
    assert found[0].startswith("utf-8")


@pytest.mark.parametrize("end", ["right", "wrong", "left"])
def test_afterwards_it_is_nowhere(desk: Console, pin: str, end: str) -> None:
    opened(desk)
    typed = _digits() if end == "wrong" else pin
    desk.type(typed)
    if end == "left":
        desk.press("escape")
        desk.wait(WELCOME)
    else:
        desk.press("enter")
        desk.wait("Tình trạng máy" if end == "right" else "Mã PIN không đúng")
    assert find_in_memory(desk.process.pid, typed) == []
    assert typed.encode() not in desk.raw


def test_a_real_token_is_tested_and_a_restart_ends_the_program_well(
    desk: Console, pin: str, card: CardControl, kiosk_command: KioskCommand
) -> None:
    opened(desk)
    desk.type(pin)
    desk.press("enter")
    desk.wait("Tình trạng máy")
    card.insert("hoa-sen")
    desk.press("4")
    desk.wait("không cần mã PIN")
    desk.pass_time(0.5)
    desk.press("enter")
    desk.wait("THƯƠNG MẠI HOA SEN", "rồi mã PIN")
    desk.press("8")
    desk.wait("mất vài giây")
    desk.pass_time(0.5)
    desk.press("enter")
    desk.wait("ngay bây giờ?")
    desk.pass_time(0.5)
    desk.press("tab")
    desk.press("enter")
    assert desk.ended() == 0
    log = kiosk_command.log.read_text(encoding="utf-8")
    assert "HOA SEN" not in log
    whats = [r.what for r in newest(kiosk_command.config.parent / "state" / "audit", 50)]
    assert "staff admitted" in whats
    assert whats[-2:] == ["restart by staff", "stopped"]
