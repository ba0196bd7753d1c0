"""The journey on further PKCS#11 modules that others wrote; see docs/modules.md."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.sandbox.card import CardControl, CardProcess
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import PIN
from kiosk.sandbox.server.run import SandboxServer
from tests.stack import module_kiosk, tpm
from tests.stack.journey import (
    CONFIRM,
    GOODBYE,
    PIN_ASKED,
    USERNAME,
    WELCOME,
    Customer,
)
from tests.stack.parts import KioskCommand, Pcscd, require, write_config
from tests.stack.test_journey import walk
from tests.stack.tpm import Tpm
from tests.terminal.console import Console

YKCS11 = tpm.LIBRARIES / "libykcs11.so.2"
WITHOUT_MODULES = "KIOSK_TEST_WITHOUT_MODULES"
WRONG_PIN = "87654321"

OnTpm = tuple[Console, Tpm]
"""The kiosk, and the TPM it is on."""


@pytest.fixture
def yubikey(pcscd: Pcscd, sandbox_directory: Path) -> Iterator[CardControl]:
    """A YubiKey, not put in yet. Its module knows one by the reader's name only."""
    require({"ykcs11": YKCS11.exists()}, WITHOUT_MODULES)
    name = pcscd.name
    pcscd.stop()
    pcscd.name = "Yubico YubiKey CCID"
    pcscd.start()
    with (
        tempfile.TemporaryDirectory(prefix="kiosk-card-") as folder,
        CardProcess(
            sandbox_directory,
            Path(folder) / "control",
            port=pcscd.port,
            program="tests.stack.yubikey_card",
        ) as process,
    ):
        yield process.control
    pcscd.stop()
    pcscd.name = name


@pytest.fixture
def kiosk_command(kiosk_command: KioskCommand, yubikey: CardControl) -> KioskCommand:
    """`kiosk run` with Yubico's module and no other."""
    catalogue = f'[default]\nmodules = ["{YKCS11}"]\n'
    kiosk_command.config.with_name("tokens.toml").write_text(catalogue, encoding="utf-8")
    return kiosk_command


def test_the_journey_on_ykcs11(
    console: Console, yubikey: CardControl, sandbox_directory: Path, server: SandboxServer
) -> None:
    customer = Customer(console)
    customer.start()
    yubikey.insert("hoa-sen")
    console.wait(USERNAME, "THƯƠNG MẠI HOA SEN", "0100000001")
    walk(customer, sandbox_directory, server, WRONG_PIN)
    assert yubikey.status().verify_count == 2
    assert yubikey.status().sign_count == 1
    yubikey.remove()
    console.wait(GOODBYE)
    console.wait(WELCOME)


def _to_pin(customer: Customer, yubikey: CardControl, token: str, username: str) -> None:
    customer.start()
    yubikey.insert(token)
    customer.enter_username(username)
    customer.console.wait(PIN_ASKED)


def test_a_key_on_a_curve_on_ykcs11(console: Console, yubikey: CardControl) -> None:
    customer = Customer(console)
    _to_pin(customer, yubikey, "binh-minh", "binhminh")
    customer.enter_pin(PIN)
    console.wait(CONFIRM, "BÌNH MINH")
    yubikey.remove()
    console.wait("USB Token đã được rút ra", "T01")


def test_a_key_that_asks_for_the_pin_at_each_use_on_ykcs11(
    console: Console, yubikey: CardControl
) -> None:
    customer = Customer(console)
    customer.start()
    yubikey.insert("two-certificates")
    console.wait("CHI NHÁNH HUẾ")
    customer.press("down")
    customer.press("enter")
    customer.enter_username("haichungthu")
    customer.enter_pin(PIN)
    console.wait(CONFIRM, "CHI NHÁNH HUẾ")
    assert yubikey.status().verify_count == 2
    assert yubikey.status().sign_count == 1


def test_wrong_pins_to_the_last_try_on_ykcs11(console: Console, yubikey: CardControl) -> None:
    customer = Customer(console)
    _to_pin(customer, yubikey, "hoa-sen", "hoasen")
    customer.enter_pin("90909090")
    console.wait("Mã PIN không chính xác", "P01")
    customer.press("enter")
    customer.enter_pin("90909091")
    console.wait("Đây là lần nhập cuối cùng", "P02")
    assert yubikey.status().tries_left == 1


def test_a_locked_token_on_ykcs11(console: Console, yubikey: CardControl) -> None:
    customer = Customer(console)
    customer.start()
    yubikey.insert("locked")
    console.wait("USB Token đã bị khóa", "P03")
    assert yubikey.status().verify_count == 0


def test_a_pin_too_long_for_ykcs11_is_not_tried(console: Console, yubikey: CardControl) -> None:
    """The module says that a PIN may have 48 characters, and refuses one of nine."""
    customer = Customer(console)
    _to_pin(customer, yubikey, "hoa-sen", "hoasen")
    customer.enter_pin(PIN + "9")
    console.wait("Mã PIN chưa đúng độ dài", "P06")
    assert yubikey.status().verify_count == 0
    customer.press("enter")
    customer.enter_pin(PIN)
    console.wait(CONFIRM)


@pytest.fixture
def on_tpm(sandbox_directory: Path, server: SandboxServer, tmp_path: Path) -> Iterator[OnTpm]:
    """The kiosk on a TPM that holds the first token's key and certificate."""
    require({name: file.exists() for name, file in tpm.PACKAGES.items()}, WITHOUT_MODULES)
    pki = SandboxPki.open(sandbox_directory)
    config = write_config(tmp_path, server.url, pki.trust_directory)
    # Not pytest's folder for temporary files: a socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="kiosk-tpm-") as folder:
        token = Tpm(Path(folder), PIN)
        with token.running():
            token.put("hoa-sen", *pki.leaf("hoa-sen"))
            command = module_kiosk.command(config, tpm.MODULE, token.environment)
            with Console(command) as console:
                yield console, token
                assert console.leave() == 0


def test_the_journey_on_tpm2_pkcs11(
    on_tpm: OnTpm, sandbox_directory: Path, server: SandboxServer
) -> None:
    """There is no PC/SC in this one."""
    console, token = on_tpm
    customer = Customer(console)
    customer.start()
    console.press("f5")
    console.wait(USERNAME, "THƯƠNG MẠI HOA SEN", "0100000001")
    walk(customer, sandbox_directory, server, WRONG_PIN)
    assert token.wrong_pins() == 1
    console.press("f5")
    console.wait(GOODBYE)


def test_a_tpm_locks_without_having_warned(on_tpm: OnTpm) -> None:
    """tpm2-pkcs11 tells neither the last try nor the lock before the PIN is presented."""
    console, token = on_tpm
    customer = Customer(console)
    customer.start()
    console.press("f5")
    customer.enter_username("hoasen")
    for misses in (1, 2, 3):
        customer.enter_pin(WRONG_PIN)
        console.wait("Mã PIN không chính xác", "P01")
        assert token.wrong_pins() == misses
        customer.press("enter")
    customer.enter_pin(PIN)
    console.wait("USB Token đã bị khóa", "P03")
