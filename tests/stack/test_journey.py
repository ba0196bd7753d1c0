"""The whole journey through a real pseudo-terminal on real parts.

The same customer walks it on the virtual card (real pcscd, real OpenSC, real APDUs), on
SoftHSM2 and on the embedded token; the service is spoken to over HTTP, the mail comes over
SMTP, and the QR code is read from the drawn screen.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kiosk.sandbox.card import CardControl
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import OLD_PASSWORD, PIN, STAFF_PIN
from kiosk.sandbox.server.run import SandboxServer, latest_mails
from kiosk.widgets.presses import DOUBLE_TAP
from tests.stack import module_kiosk
from tests.stack.journey import (
    CONFIRM,
    GOODBYE,
    INSERT,
    PIN_ASKED,
    REMOVE,
    SENT,
    USERNAME,
    WELCOME,
    Customer,
)
from tests.stack.parts import KioskCommand, Pcscd, write_config
from tests.stack.softhsm import MODULE, SoftToken
from tests.terminal.console import Console
from tests.terminal.qr import wait_for_qr


def assert_new_password_works(server: SandboxServer, directory: Path, username: str) -> None:
    """The mailed password logs in and wants to be changed; the old one does not log in."""
    found = re.search(r"mới là:\s+(\S+)", latest_mails(directory)[0].text)
    assert found
    password = found[1]
    with httpx.Client(base_url=server.url) as client:

        def login(**body: str) -> httpx.Response:
            return client.post("/v1/logins", json={"username": username, **body})

        assert login(password=OLD_PASSWORD).status_code == 401
        assert login(password=password).json() == {"status": "change_required"}
        changed = login(password=password, new_password="Mat-khau-moi-9")
        assert changed.json() == {"status": "ok"}
        assert login(password=password).status_code == 401


def walk(customer: Customer, directory: Path, server: SandboxServer, wrong_pin: str = "") -> None:
    """From the username to the mailbox, with a wrong PIN first if there is one."""
    console = customer.console
    before = len(latest_mails(directory))
    customer.enter_username("hoasen")
    if wrong_pin:
        customer.enter_pin(wrong_pin)
        console.wait("Mã PIN không chính xác", "P01")
        customer.press("enter")
    customer.enter_pin(PIN)
    console.wait(CONFIRM, "THƯƠNG MẠI HOA SEN", "0100000001", "hoasen", "•")
    assert "ketoan" not in console.text
    assert len(latest_mails(directory)) == before
    customer.confirm()
    console.wait("https://mail.google.com")
    wait_for_qr(console, "https://mail.google.com")
    console.wait_until(lambda: len(latest_mails(directory)) == before + 1, "the mail")
    assert latest_mails(directory)[0].recipient == "ketoan.hoasen@gmail.com"
    assert_new_password_works(server, directory, "hoasen")
    assert PIN.encode() not in console.raw
    customer.finish()


def test_the_journey_on_the_virtual_card(
    console: Console, card: CardControl, sandbox_directory: Path, server: SandboxServer
) -> None:
    customer = Customer(console)
    customer.start()
    card.insert("hoa-sen")
    console.wait(USERNAME, "THƯƠNG MẠI HOA SEN", "0100000001")
    walk(customer, sandbox_directory, server)
    assert card.status().verify_count == 1
    assert card.status().sign_count == 1
    card.remove()
    console.wait(GOODBYE)
    console.wait(WELCOME)
    assert "hoasen" not in console.text


def test_two_customers_one_after_the_other(
    console: Console, card: CardControl, sandbox_directory: Path
) -> None:
    """The second starts by plugging the token in; the first one's helper is gone."""
    customer = Customer(console)
    for token, username, organisation in (
        ("hoa-sen", "hoasen.kho", "HOA SEN"),
        ("binh-minh", "binhminh", "BÌNH MINH"),
    ):
        console.wait(WELCOME)
        card.insert(token)
        customer.agree()
        customer.enter_username(username)
        customer.enter_pin(PIN)
        console.wait(CONFIRM, organisation)
        customer.confirm()
        customer.finish()
        card.remove()
        console.wait(GOODBYE)
    assert len(latest_mails(sandbox_directory)) >= 2


@pytest.fixture
def simulated(sandbox_directory: Path, tmp_path: Path) -> Iterator[tuple[Console, Path]]:
    state = tmp_path / "demo"
    command = [sys.executable, "-m", "kiosk", "demo", "--token", "embedded", "--state", str(state)]
    with Console(command) as console:
        yield console, state


def test_the_journey_on_the_embedded_token_in_the_demo(
    simulated: tuple[Console, Path],
) -> None:
    console, state = simulated
    customer = Customer(console)
    console.wait(WELCOME, "F5", "F10", seconds=40)
    customer.start()
    assert console.shows("MÔ PHỎNG")
    console.press("f5")
    customer.enter_username("hoasen")
    customer.enter_pin(PIN)
    customer.confirm()
    console.wait("https://mail.google.com")
    wait_for_qr(console, "https://mail.google.com")
    console.wait_until(lambda: len(latest_mails(state)) == 1, "the mail")
    console.press("f8")
    console.wait("ketoan.hoasen@gmail.com")
    console.press("escape")
    console.wait(SENT)
    customer.finish()
    console.press("f5")
    console.wait(GOODBYE)
    console.press("f10")
    assert console.ended() == 0
    assert not _children_of_the_demo(state)


def test_a_demo_that_staff_mode_restarts_says_why_it_ends(
    simulated: tuple[Console, Path],
) -> None:
    console, _state = simulated
    console.wait(WELCOME, seconds=40)
    console.press("f11", "f12")
    console.wait("Nhập mã PIN nhân viên")
    console.type(STAFF_PIN)
    console.press("enter")
    for seen, key in (("Tình trạng máy", "8"), ("mất vài giây", "enter"), ("ngay bây giờ?", "tab")):
        console.wait(seen)
        # A press right after the one before counts as its double tap.
        console.pass_time(0.5)
        console.press(key)
    console.press("enter")
    assert console.ended() == 0
    assert console.shows("page 8 has ended the program")


def test_a_second_demo_on_the_same_folder_is_refused(simulated: tuple[Console, Path]) -> None:
    console, state = simulated
    console.wait(WELCOME, seconds=40)
    command = [sys.executable, "-m", "kiosk", "demo", "--token", "embedded", "--state", str(state)]
    with Console(command) as second:
        assert second.ended() == 1
        assert second.shows("a demo is running on", "already")
    console.press("f5")
    console.wait("Tôi đồng ý")


def test_ctrl_c_ends_the_demo_and_everything_it_started(simulated: tuple[Console, Path]) -> None:
    console, state = simulated
    console.wait(WELCOME, seconds=40)
    assert _children_of_the_demo(state)
    console.press("ctrl+c")
    assert console.ended() == 0
    assert not _children_of_the_demo(state)


def test_a_killed_demo_leaves_nothing_running(simulated: tuple[Console, Path]) -> None:
    console, state = simulated
    console.wait(WELCOME, seconds=40)
    os.kill(console.process.pid, signal.SIGKILL)
    assert console.ended() == -signal.SIGKILL
    # The sandbox takes a moment to end by itself.
    from kiosk.sandbox.processes import wait_for

    assert wait_for(lambda: not _children_of_the_demo(state), 10)


def _children_of_the_demo(state: Path) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                command = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if str(state).encode() in command and b"demo" not in command.split(b"\0")[3:4]:
                found.append(command.decode())
    return found


def test_the_journey_on_softhsm(
    sandbox_directory: Path, server: SandboxServer, tmp_path: Path
) -> None:
    """Another real module behind the same port; there is no PC/SC in this one."""
    pki = SandboxPki.open(sandbox_directory)
    soft = SoftToken(tmp_path, PIN)
    key, certificate = pki.leaf("hoa-sen")
    soft.put("hoa-sen", certificate, key, "01")
    path = write_config(tmp_path, server.url, pki.trust_directory)
    with Console(module_kiosk.command(path, MODULE, soft.environment)) as console:
        customer = Customer(console)
        customer.start()
        console.press("f5")
        walk(customer, sandbox_directory, server)
        console.press("f5")
        console.wait(GOODBYE)
        assert console.leave() == 0


def _to_username(customer: Customer, card: CardControl, token: str = "hoa-sen") -> None:
    customer.start()
    card.insert(token)
    customer.console.wait(USERNAME)


def test_pulling_the_token_while_it_is_read(console: Console, card: CardControl) -> None:
    """The card hangs, so that the customer is quicker than the reading."""
    customer = Customer(console)
    customer.start()
    card.hang(True)
    card.insert("hoa-sen")
    console.wait("Đang đọc USB Token")
    card.remove()
    console.wait("USB Token đã được rút ra", "T01")


def test_pulling_the_token_while_it_logs_in(
    console: Console, card: CardControl, sandbox_directory: Path
) -> None:
    customer = Customer(console)
    before = len(latest_mails(sandbox_directory))
    _to_username(customer, card)
    customer.enter_username("hoasen")
    console.wait(PIN_ASKED)
    card.hang(True)
    customer.enter_pin(PIN)
    console.wait("không rút")
    assert PIN_ASKED not in console.text
    card.remove()
    console.wait("USB Token đã được rút ra", "T01")
    assert len(latest_mails(sandbox_directory)) == before


def test_a_held_enter_key_sends_nothing(
    console: Console, card: CardControl, sandbox_directory: Path
) -> None:
    """From the PIN screen, as a keyboard repeats: after half a second, 30 times a second."""
    customer = Customer(console)
    before = len(latest_mails(sandbox_directory))
    _to_username(customer, card)
    customer.enter_username("hoasen")
    console.wait(PIN_ASKED)
    console.type(PIN)
    customer.press("enter")
    console.pass_time(0.5)
    for _ in range(90):
        console.press("enter")
        console.pass_time(0.033)
    console.wait(CONFIRM)
    assert len(latest_mails(sandbox_directory)) == before
    customer.confirm()


def test_a_kiosk_without_trust_files_says_so_and_ends_with_2(
    kiosk_command: KioskCommand, tmp_path: Path
) -> None:
    empty = tmp_path / "no-trust"
    empty.mkdir()
    text = kiosk_command.config.read_text(encoding="utf-8")
    directory = re.sub(r'directory = ".*"', f'directory = "{empty}"', text)
    kiosk_command.config.write_text(directory, encoding="utf-8")
    with kiosk_command.start() as console:
        assert console.ended() == 2
        assert console.shows("no-trust", "expected")
        assert "Traceback" not in console.text


STEPS = ("username", "pin", "pin half typed", "pin wrong", "confirm")


@pytest.mark.parametrize("step", STEPS)
def test_pulling_the_token_at_each_step_stops_with_nothing_sent(
    console: Console, card: CardControl, sandbox_directory: Path, step: str
) -> None:
    customer = Customer(console)
    before = len(latest_mails(sandbox_directory))
    _to_username(customer, card)
    if step != "username":
        customer.enter_username("hoasen")
        console.wait(PIN_ASKED)
    if step == "pin half typed":
        console.type("1234")
    if step == "pin wrong":
        customer.enter_pin("90909090")
        console.wait("Mã PIN không chính xác", "P01")
    if step == "confirm":
        customer.enter_pin(PIN)
        console.wait(CONFIRM)
    card.remove()
    console.wait("USB Token đã được rút ra", "T01")
    assert "hoasen" not in console.text
    assert len(latest_mails(sandbox_directory)) == before


@pytest.mark.parametrize(
    ("token", "title", "code"),
    [
        ("expired", "Chứng thư số đã hết hạn", "C02"),
        ("future", "Chứng thư số chưa có hiệu lực", "C03"),
        ("foreign", "Chứng thư số này không do VNPT-CA cấp", "C04"),
        ("empty", "Không tìm thấy chứng thư số", "C01"),
        ("locked", "USB Token đã bị khóa", "P03"),
    ],
)
def test_a_token_that_cannot_be_used_has_its_own_screen_and_code(
    console: Console, card: CardControl, token: str, title: str, code: str
) -> None:
    customer = Customer(console)
    customer.start()
    card.insert(token)
    console.wait(title, code)
    assert card.status().verify_count == 0
    # OpenSC asks for the tries with an empty VERIFY, which is no try.


def test_wrong_pins_to_the_last_try_and_then_stop(console: Console, card: CardControl) -> None:
    customer = Customer(console)
    _to_username(customer, card)
    customer.enter_username("hoasen")
    customer.enter_pin("90909090")
    console.wait("Mã PIN không chính xác", "P01")
    assert card.status().verify_count == 1
    customer.press("enter")
    customer.enter_pin("90909091")
    console.wait("Đây là lần nhập cuối cùng", "P02")
    assert card.status().verify_count == 2
    assert card.status().tries_left == 1
    # The first button, which Enter presses, is to stop.
    customer.press("enter")
    console.wait(REMOVE)
    assert card.status().verify_count == 2


def test_a_wrong_username_is_told_neutrally(
    console: Console, card: CardControl, sandbox_directory: Path
) -> None:
    customer = Customer(console)
    before = len(latest_mails(sandbox_directory))
    _to_username(customer, card)
    customer.enter_username("khong-co")
    customer.enter_pin(PIN)
    console.wait("Không thể cấp lại mật khẩu với thông tin này", "S03")
    assert len(latest_mails(sandbox_directory)) == before


def test_service_down_takes_the_kiosk_out_of_service_and_it_heals(
    console: Console, server: SandboxServer, sandbox_directory: Path
) -> None:
    console.wait(WELCOME)
    port = int(server.url.rsplit(":", 1)[1])
    server.stop()
    console.wait("Máy tạm ngừng phục vụ", "S01", seconds=20)
    again = SandboxServer(sandbox_directory, http_port=port)
    again.start()
    try:
        console.wait(WELCOME, seconds=20)
    finally:
        again.stop()


def test_service_down_in_the_middle_of_a_visit(
    console: Console, card: CardControl, server: SandboxServer
) -> None:
    customer = Customer(console)
    _to_username(customer, card)
    server.stop()
    customer.enter_username("hoasen")
    console.wait("S01")
    assert card.status().verify_count == 0


def test_pcscd_away_and_back(console: Console, pcscd: Pcscd, card: CardControl) -> None:
    console.wait(WELCOME)
    pcscd.stop()
    console.wait("Máy tạm ngừng phục vụ", "K02")
    pcscd.start()
    console.wait(WELCOME)
    customer = Customer(console)
    _to_username(customer, card)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_end_the_kiosk_in_order(kiosk_command: KioskCommand, number: int) -> None:
    with kiosk_command.start() as console:
        console.wait(WELCOME)
        assert console.leave(number) == 0
        assert "Traceback" not in console.text


def test_a_hang_up_of_the_terminal_ends_the_kiosk(kiosk_command: KioskCommand) -> None:
    """Without a controlling terminal, so that no SIGHUP does it."""
    with kiosk_command.start(controlling_terminal=False) as console:
        console.wait(WELCOME)
        console.hang_up()
        assert console.ended() == 0


def test_no_key_leads_out(console: Console) -> None:
    console.wait(WELCOME)
    console.press("ctrl+c", "ctrl+q", "ctrl+z", "ctrl+x", "f10", "escape")
    console.settle()
    # A lone Escape is a key of its own only a moment later, and Enter is no double tap then.
    console.pass_time(2 * DOUBLE_TAP)
    console.press("enter")
    console.wait("Tôi đồng ý")
    console.press("escape")
    console.settle()
    assert console.process.isalive()


def test_a_second_language(console: Console) -> None:
    console.wait(WELCOME)
    console.press("f2")
    console.wait("Reset your VNPT-BHXH password")
    Customer(console).press("f2")
    console.wait(WELCOME)
    assert INSERT not in console.text
