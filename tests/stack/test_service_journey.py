"""The service's side of the journey, in a real terminal with the virtual card: a forgotten
username, mails that come back, and a service that fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kiosk.sandbox.card import CardControl
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import PIN
from kiosk.sandbox.server.run import SandboxServer, latest_mails
from kiosk.sandbox.server.tls import SandboxTls
from tests.stack.journey import (
    CONFIRM,
    INSERT,
    READING,
    REMOVE,
    SENT,
    USERNAME,
    WELCOME,
    Customer,
)
from tests.stack.parts import KioskCommand, Pcscd, write_config
from tests.terminal.console import Console

LOOK_UP = "Tôi quên tên đăng nhập"
CHOOSE_USERNAME = "Chọn tên đăng nhập"
TIME_FOR_AN_ORDER = 40


def start(customer: Customer, *, username_forgotten: bool = False) -> None:
    """From the welcome screen to "please insert your token"."""
    console = customer.console
    console.wait(WELCOME)
    customer.press("enter")
    console.wait("Tôi đồng ý")
    customer.press("tab")
    customer.press("enter")
    console.wait("Tôi nhớ tên đăng nhập", LOOK_UP)
    if username_forgotten:
        customer.press("down")
    customer.press("enter")
    console.wait(INSERT)


def to_confirm(customer: Customer, card: CardControl, token: str, username: str) -> None:
    start(customer)
    card.insert(token)
    customer.enter_username(username)
    customer.enter_pin(PIN)
    customer.console.wait(CONFIRM)


@pytest.mark.parametrize("token", ["hoa-sen", "two-certificates"])
def test_a_forgotten_username_is_found_with_one_pin(
    console: Console, card: CardControl, sandbox_directory: Path, token: str
) -> None:
    """The second certificate's key of a PIV card asks for the PIN at each use (slot 9C): the
    customer types it once all the same."""
    customer = Customer(console)
    start(customer, username_forgotten=True)
    card.insert(token)
    if token == "two-certificates":
        console.wait("Chọn chứng thư số")
        customer.press("down")
        customer.press("enter")
    customer.enter_pin(PIN)
    if token == "hoa-sen":
        console.wait(CHOOSE_USERNAME, "hoasen", "hoasen.kho")
        customer.press("down")
        customer.press("enter")
        console.wait(CONFIRM, "hoasen.kho")
    else:
        console.wait(CONFIRM, "haichungthu")
    assert USERNAME not in console.text
    before = len(latest_mails(sandbox_directory))
    customer.confirm()
    console.wait_until(lambda: len(latest_mails(sandbox_directory)) == before + 1, "the mail")
    assert card.status().sign_count == 2
    assert card.status().verify_count == (3 if token == "two-certificates" else 1)
    assert PIN.encode() not in console.raw
    customer.finish()
    card.remove()
    console.wait(WELCOME)


def test_a_mailbox_that_takes_no_mail_leads_to_the_hotline(
    console: Console, card: CardControl
) -> None:
    customer = Customer(console)
    to_confirm(customer, card, "binh-minh", "binhminh.sai")
    console.pass_time(READING)
    customer.press("enter")
    console.wait("Không gửi được đến email đã đăng ký", "S11")
    console.pass_time(1.0)
    customer.press("enter")
    console.wait("Vui lòng gọi tổng đài", "1800 1260")


def test_a_mail_that_comes_back_is_told_on_the_result_screen(
    console: Console, card: CardControl
) -> None:
    customer = Customer(console)
    to_confirm(customer, card, "binh-minh", "binhminh.tra")
    console.pass_time(READING)
    customer.press("enter")
    console.wait("Không gửi được đến email đã đăng ký", "S11", "BH-")


def test_a_lost_answer_is_asked_for_again_and_mails_once(
    console: Console, card: CardControl, sandbox_directory: Path, server: SandboxServer
) -> None:
    customer = Customer(console)
    to_confirm(customer, card, "hoa-sen", "hoasen")
    before = len(latest_mails(sandbox_directory))
    with server.faults.during("lost", call="confirm", times=2):
        customer.confirm()
    assert len(latest_mails(sandbox_directory)) == before + 1


def test_a_result_that_nobody_knows_becomes_known(
    console: Console, card: CardControl, sandbox_directory: Path, server: SandboxServer
) -> None:
    customer = Customer(console)
    to_confirm(customer, card, "hoa-sen", "hoasen")
    before = len(latest_mails(sandbox_directory))
    server.faults.set("lost", call="confirm")
    server.faults.set("500", call="status")
    console.pass_time(READING)
    customer.press("enter")
    console.wait("Chưa xác nhận được kết quả", "S07", "BH-", seconds=TIME_FOR_AN_ORDER)
    server.faults.clear()
    console.wait(SENT, seconds=TIME_FOR_AN_ORDER)
    assert len(latest_mails(sandbox_directory)) == before + 1


def test_a_service_that_is_away_or_wrong_is_seen_before_anybody_starts(
    console: Console, server: SandboxServer
) -> None:
    console.wait(WELCOME)
    for fault, code in (("503", "S01"), ("clock", "K01"), ("refuse", "S01")):
        with server.faults.during(fault):
            console.wait("Máy tạm ngừng phục vụ", code, seconds=20)
        console.wait(WELCOME, seconds=20)


def test_mutual_tls_end_to_end(
    pcscd: Pcscd, card: CardControl, sandbox_directory: Path, tmp_path: Path
) -> None:
    state = tmp_path / "mutual"
    for folder in ("keys", "certificates", "trust"):
        # The card's certificate is of the PKI that the card was made with.
        SandboxPki.open(sandbox_directory)
        shutil.copytree(sandbox_directory / folder, state / folder)
    with SandboxServer(state, tls="mutual") as server:
        tls = SandboxTls(state / "tls")
        certificate, key = tls.client_files("test")
        config = write_config(tmp_path, server.url, state / "trust")
        lines = f'ca_file = "{tls.ca_file}"\nclient_certificate = "{certificate}"\n'
        lines += f'client_key = "{key}"\nhealth_interval'
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("health_interval", lines), encoding="utf-8")
        with KioskCommand(config, tmp_path / "kiosk.log", pcscd).start() as console:
            customer = Customer(console)
            to_confirm(customer, card, "hoa-sen", "hoasen")
            customer.confirm()
            customer.finish()
            with server.faults.during("tls-expired"):
                card.remove()
                console.wait("Máy tạm ngừng phục vụ", "K07", seconds=30)
            console.wait(WELCOME, seconds=30)
            assert console.leave() == 0
    assert len(latest_mails(state)) == 1
    log = (tmp_path / "kiosk.log").read_text(encoding="utf-8")
    assert "the service's certificate has expired" in log


def test_a_card_that_is_pulled_while_a_username_is_chosen(
    console: Console, card: CardControl
) -> None:
    customer = Customer(console)
    start(customer, username_forgotten=True)
    card.insert("hoa-sen")
    customer.enter_pin(PIN)
    console.wait(CHOOSE_USERNAME, "hoasen.kho")
    card.remove()
    console.wait("USB Token đã được rút ra", "T01")
    assert "hoasen" not in console.text
    # Again from the token on, without being asked for the username.
    customer.press("enter")
    console.wait(INSERT)
    card.insert("hoa-sen")
    customer.enter_pin(PIN)
    console.wait(CHOOSE_USERNAME, "hoasen.kho")
    customer.press("escape")
    console.wait(REMOVE)
