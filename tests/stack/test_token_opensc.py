"""The token driver with the real OpenSC, the real pcscd and a PIV card."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kiosk.hardware.catalogue import Catalogue
from kiosk.hardware.certificate import read_identity
from kiosk.hardware.readers import PcscWatcher
from kiosk.hardware.token import (
    Mechanism,
    ModuleMissing,
    PinLengthRefused,
    PinLocked,
    PinRefused,
    Token,
    TokenAbsent,
    TokenCertificate,
    TokenChanged,
    TokenFailed,
    TokenInfo,
    TokenNotRecognised,
    TokenStalled,
)
from kiosk.hardware.token_client import Deadlines, HelperTokenDriver
from kiosk.sandbox.card import CardControl
from kiosk.sandbox.scenario import PIN
from tests.stack.parts import Pcscd
from tests.watching import Reports

pytestmark = pytest.mark.stack

CONFIG = Path(__file__).parents[2] / "config"
MESSAGE = b"what the customer confirms"
WRONG = "87654321"


def pin(text: str) -> memoryview:
    return memoryview(bytearray(text.encode()))


@pytest.fixture
def reports(pcscd: Pcscd) -> Iterator[Reports]:
    """What PC/SC says, so that a test can wait until pcscd has seen the card move."""
    reports, watcher = Reports(), PcscWatcher()
    watcher.start(reports)
    yield reports
    watcher.stop()


@pytest.fixture
async def driver(pcscd: Pcscd) -> AsyncIterator[HelperTokenDriver]:
    """The driver with the configuration that is shipped."""
    driver = HelperTokenDriver(
        Catalogue.load(CONFIG / "tokens.toml"),
        Deadlines(open=10, read=10, login=10, sign=10),
        opensc_conf=CONFIG / "opensc.conf",
    )
    yield driver
    await driver.close()


@pytest.fixture
def insert(card: CardControl, reports: Reports) -> Callable[[str], bytes]:
    """Put a token in, wait until PC/SC shows it, and return its ATR."""

    def put_in(name: str) -> bytes:
        card.insert(name)
        return reports.wait_for(lambda state: bool(state.cards)).cards[0].atr

    return put_in


async def opened(
    driver: HelperTokenDriver, pcscd: Pcscd, atr: bytes
) -> tuple[Token, TokenInfo, tuple[TokenCertificate, ...]]:
    token = await driver.open(pcscd.reader, atr)
    return token, await token.find(), await token.certificates()


def verify(certificate: bytes, mechanism: Mechanism, signature: bytes) -> None:
    key = x509.load_der_x509_certificate(certificate).public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        half = len(signature) // 2
        der = encode_dss_signature(
            int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        )
        key.verify(der, MESSAGE, ec.ECDSA(hashes.SHA256()))
        return
    assert isinstance(key, rsa.RSAPublicKey)
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if mechanism is Mechanism.PS256:
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), hashlib.sha256().digest_size)
    key.verify(signature, MESSAGE, scheme, hashes.SHA256())


async def test_reads_whose_token_it_is_without_pin(
    driver: HelperTokenDriver, pcscd: Pcscd, card: CardControl, insert: Callable[[str], bytes]
) -> None:
    await driver.warm_up()
    atr = insert("hoa-sen")
    began = time.monotonic()
    token, info, certificates = await opened(driver, pcscd, atr)
    # 0.05 s is usual; a helper that was not warm takes four times as long.
    assert time.monotonic() - began < 1.0
    identity = read_identity(certificates[0].der)
    assert identity.organisation == "CÔNG TY TNHH THƯƠNG MẠI HOA SEN"
    assert identity.tax_code == "0100000001"
    assert len(certificates) == 1
    assert info.serial
    assert info.pin_length == (4, 8)
    assert card.status().verify_count == 0
    await token.close()


@pytest.mark.parametrize(
    ("name", "mechanism", "chosen"),
    [
        ("hoa-sen", Mechanism.RS256, 0),
        ("hoa-sen", Mechanism.PS256, 0),
        ("binh-minh", Mechanism.ES256, 0),
        ("two-certificates", Mechanism.RS256, 0),
        ("two-certificates", Mechanism.RS256, 1),
    ],
)
async def test_login_and_sign(
    driver: HelperTokenDriver,
    pcscd: Pcscd,
    card: CardControl,
    insert: Callable[[str], bytes],
    name: str,
    mechanism: Mechanism,
    chosen: int,
) -> None:
    token, info, certificates = await opened(driver, pcscd, insert(name))
    der = certificates[chosen].der
    await token.login(info.serial, der, pin(PIN))
    assert card.status().verify_count == 1
    verify(der, mechanism, await token.sign(der, mechanism, MESSAGE))
    # The second certificate's key (slot 9C) asks for the PIN at each use.
    assert card.status().verify_count == (2 if chosen == 1 else 1)
    assert card.status().sign_count == 1
    await token.close()


async def test_key_that_asks_at_each_use_signs_once_for_a_login(
    driver: HelperTokenDriver, pcscd: Pcscd, insert: Callable[[str], bytes]
) -> None:
    token, info, certificates = await opened(driver, pcscd, insert("two-certificates"))
    der = certificates[1].der
    await token.login(info.serial, der, pin(PIN))
    await token.sign(der, Mechanism.RS256, MESSAGE)
    with pytest.raises(TokenFailed):
        await token.sign(der, Mechanism.RS256, MESSAGE)


@pytest.mark.parametrize("chosen", [0, 1])
async def test_two_proofs_of_one_login(
    driver: HelperTokenDriver,
    pcscd: Pcscd,
    card: CardControl,
    insert: Callable[[str], bytes],
    chosen: int,
) -> None:
    """For an account lookup and the reset after it. A PIN is kept for a key that asks at each
    use until the signature that is said to be the last."""
    token, info, certificates = await opened(driver, pcscd, insert("two-certificates"))
    der = certificates[chosen].der
    await token.login(info.serial, der, pin(PIN))
    for final in (False, True):
        signature = await token.sign(der, Mechanism.RS256, MESSAGE, final=final)
        verify(der, Mechanism.RS256, signature)
    assert card.status().verify_count == (3 if chosen == 1 else 1)
    if chosen == 1:
        with pytest.raises(TokenFailed):
            await token.sign(der, Mechanism.RS256, MESSAGE)
        assert card.status().verify_count == 3


async def test_wrong_pins_to_the_lock(
    driver: HelperTokenDriver, pcscd: Pcscd, card: CardControl, insert: Callable[[str], bytes]
) -> None:
    token, info, certificates = await opened(driver, pcscd, insert("hoa-sen"))
    der = certificates[0].der
    with pytest.raises(PinRefused) as first:
        await token.login(info.serial, der, pin(WRONG))
    assert not first.value.flags.final_try
    with pytest.raises(PinRefused) as second:
        await token.login(info.serial, der, pin(WRONG))
    assert second.value.flags.final_try
    assert (await token.find()).flags.final_try
    with pytest.raises(PinLocked):
        await token.login(info.serial, der, pin(WRONG))
    assert card.status().verify_count == 3
    assert (await token.find()).flags.locked
    with pytest.raises(PinLocked):
        await token.login(info.serial, der, pin(PIN))
    assert card.status().verify_count == 3


async def test_second_login_tries_the_second_pin(
    driver: HelperTokenDriver, pcscd: Pcscd, insert: Callable[[str], bytes]
) -> None:
    token, info, certificates = await opened(driver, pcscd, insert("hoa-sen"))
    der = certificates[0].der
    await token.login(info.serial, der, pin(PIN))
    with pytest.raises(PinRefused):
        await token.login(info.serial, der, pin(WRONG))
    with pytest.raises(TokenFailed):
        await token.sign(der, Mechanism.RS256, MESSAGE)


@pytest.mark.parametrize("typed", ["123", "123456789", ""])
async def test_pin_of_impossible_length_costs_no_try(
    driver: HelperTokenDriver,
    pcscd: Pcscd,
    card: CardControl,
    insert: Callable[[str], bytes],
    typed: str,
) -> None:
    token, info, certificates = await opened(driver, pcscd, insert("hoa-sen"))
    with pytest.raises(PinLengthRefused):
        await token.login(info.serial, certificates[0].der, pin(typed))
    assert card.status().verify_count == 0


async def test_other_token_or_certificate_costs_no_try(
    driver: HelperTokenDriver, pcscd: Pcscd, card: CardControl, insert: Callable[[str], bytes]
) -> None:
    token, info, certificates = await opened(driver, pcscd, insert("hoa-sen"))
    der = certificates[0].der
    with pytest.raises(TokenChanged):
        await token.login("0000000000000000", der, pin(PIN))
    with pytest.raises(TokenChanged):
        await token.login(info.serial, der[:-1] + bytes([der[-1] ^ 1]), pin(PIN))
    assert card.status().verify_count == 0


async def test_token_pulled_out_before_login_and_before_signing(
    driver: HelperTokenDriver,
    pcscd: Pcscd,
    card: CardControl,
    insert: Callable[[str], bytes],
    reports: Reports,
) -> None:
    token, info, certificates = await opened(driver, pcscd, insert("hoa-sen"))
    der = certificates[0].der
    await token.login(info.serial, der, pin(PIN))
    card.remove()
    reports.wait_for(lambda state: not state.cards)
    with pytest.raises(TokenAbsent):
        await token.sign(der, Mechanism.RS256, MESSAGE)
    with pytest.raises(TokenAbsent):
        await token.login(info.serial, der, pin(PIN))
    with pytest.raises(TokenAbsent):
        await token.find()


async def test_another_token_in_the_same_reader_is_not_logged_in(
    driver: HelperTokenDriver,
    pcscd: Pcscd,
    card: CardControl,
    insert: Callable[[str], bytes],
    reports: Reports,
) -> None:
    token, info, certificates = await opened(driver, pcscd, insert("hoa-sen"))
    card.remove()
    reports.wait_for(lambda state: not state.cards)
    insert("foreign")
    before = card.status().verify_count
    with pytest.raises(TokenChanged):
        await token.login(info.serial, certificates[0].der, pin(PIN))
    assert card.status().verify_count == before


async def test_card_that_hangs_ends_with_the_deadline(
    pcscd: Pcscd, card: CardControl, insert: Callable[[str], bytes]
) -> None:
    driver = HelperTokenDriver(
        Catalogue.load(CONFIG / "tokens.toml"),
        Deadlines(open=10, read=10, login=0.5, sign=10),
        opensc_conf=CONFIG / "opensc.conf",
    )
    try:
        token, info, certificates = await opened(driver, pcscd, insert("hoa-sen"))
        card.hang(True)
        began = time.monotonic()
        with pytest.raises(TokenStalled) as stalled:
            await token.login(info.serial, certificates[0].der, pin(PIN))
        assert 0.4 < time.monotonic() - began < 2
        assert stalled.value.operation == "login"
    finally:
        card.hang(False)
        await driver.close()


async def test_no_token_in_this_reader(
    driver: HelperTokenDriver, pcscd: Pcscd, reports: Reports
) -> None:
    reports.wait_for(lambda state: state.available and not state.cards)
    token = await driver.open(pcscd.reader, b"\x3b\x00")
    with pytest.raises(TokenNotRecognised):
        await token.find()


async def test_family_whose_module_is_not_installed(
    driver: HelperTokenDriver, pcscd: Pcscd
) -> None:
    with pytest.raises(ModuleMissing):
        await driver.open(pcscd.reader, bytes.fromhex("3B6D000057443641018693"))


async def test_warm_helper_outlives_a_restart_of_pcscd(
    driver: HelperTokenDriver,
    pcscd: Pcscd,
    insert: Callable[[str], bytes],
    reports: Reports,
) -> None:
    await driver.warm_up()
    pcscd.stop()
    reports.wait_for(lambda state: not state.available)
    pcscd.start()
    _, _, certificates = await opened(driver, pcscd, insert("hoa-sen"))
    assert certificates
