"""Odd tokens and cards that misbehave, on the real OpenSC and the real pcscd.

What the driver reads and how it fails here is what `kiosk.sandbox.embedded` answers too.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kiosk.hardware.catalogue import Catalogue
from kiosk.hardware.certificate import (
    CertificateRefused,
    CertificateUnreadable,
    NoTaxCode,
    TrustStore,
    WeakSignature,
    WrongUsage,
    read_identity,
)
from kiosk.hardware.readers import PcscWatcher
from kiosk.hardware.token import (
    Mechanism,
    PinLocked,
    Token,
    TokenCertificate,
    TokenError,
    TokenFailed,
    TokenInfo,
    TokenStalled,
)
from kiosk.hardware.token_client import Deadlines, HelperTokenDriver
from kiosk.sandbox.card import CardControl, CardProcess, Instruction
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import PIN
from tests.stack.parts import CONFIG, Pcscd
from tests.watching import Reports

pytestmark = pytest.mark.stack

MESSAGE = b"what the customer confirms"

Insert = Callable[[str], bytes]


def pin() -> memoryview:
    return memoryview(bytearray(PIN.encode()))


@pytest.fixture
async def driver(pcscd: Pcscd) -> AsyncIterator[HelperTokenDriver]:
    """The driver with the configuration that is shipped, and not much patience."""
    driver = HelperTokenDriver(
        Catalogue.load(CONFIG / "tokens.toml"),
        Deadlines(open=10, read=5, login=2, sign=2),
        opensc_conf=CONFIG / "opensc.conf",
    )
    yield driver
    await driver.close()


@pytest.fixture
def insert(card: CardControl, pcscd: Pcscd, sandbox_directory: Path) -> Insert:
    """Put a token in, wait until PC/SC shows it, and return its ATR."""
    pki = SandboxPki.open(sandbox_directory)

    def put_in(name: str) -> bytes:
        pki.leaves(name)
        card.insert(name)
        return atr_in(pcscd.reader)

    return put_in


def atr_in(reader: str) -> bytes:
    """ATR of the card in this reader, as soon as PC/SC shows one."""
    reports, watcher = Reports(), PcscWatcher()
    watcher.start(reports)
    try:
        state = reports.wait_for(lambda s: any(c.reader == reader for c in s.cards))
    finally:
        watcher.stop()
    return next(c.atr for c in state.cards if c.reader == reader)


async def opened(
    driver: HelperTokenDriver, reader: str, atr: bytes
) -> tuple[Token, TokenInfo, tuple[TokenCertificate, ...]]:
    token = await driver.open(reader, atr)
    return token, await token.find(), await token.certificates()


def verify(der: bytes, mechanism: Mechanism, signature: bytes) -> None:
    key = x509.load_der_x509_certificate(der).public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        half = len(signature) // 2
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        key.verify(encode_dss_signature(r, s), MESSAGE, ec.ECDSA(hashes.SHA384()))
        return
    assert isinstance(key, rsa.RSAPublicKey)
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if mechanism is Mechanism.PS256:
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    key.verify(signature, MESSAGE, scheme, hashes.SHA256())


async def use(
    token: Token,
    info: TokenInfo,
    certificate: TokenCertificate,
    mechanism: Mechanism = Mechanism.RS256,
) -> None:
    """Log in, sign, and verify the signature."""
    await token.login(info.serial, certificate.der, pin())
    signature = await token.sign(certificate.der, mechanism, MESSAGE)
    verify(certificate.der, mechanism, signature)


# Odd tokens.


@pytest.mark.parametrize(
    ("name", "mechanism"),
    [
        ("rsa-3072", Mechanism.RS256),
        ("rsa-3072", Mechanism.PS256),
        ("p-384", Mechanism.ES384),
        ("hostile-name", Mechanism.RS256),
        ("long-name", Mechanism.RS256),
    ],
)
async def test_login_and_sign(
    driver: HelperTokenDriver,
    pcscd: Pcscd,
    card: CardControl,
    insert: Insert,
    sandbox_directory: Path,
    name: str,
    mechanism: Mechanism,
) -> None:
    token, info, (certificate,) = await opened(driver, pcscd.reader, insert(name))
    trust = TrustStore.load(SandboxPki.open(sandbox_directory).trust_directory)
    assert trust.check(read_identity(certificate.der), datetime.now(UTC))
    await use(token, info, certificate, mechanism)
    assert card.status().verify_count == card.status().sign_count == 1


async def test_a_key_of_rsa_4096_is_read_but_opensc_may_not_use_it(
    driver: HelperTokenDriver, pcscd: Pcscd, card: CardControl, insert: Insert
) -> None:
    """OpenSC 0.23 has no RSA-4096 for PIV. A later one that has must sign correctly."""
    token, info, (certificate,) = await opened(driver, pcscd.reader, insert("rsa-4096"))
    assert read_identity(certificate.der).key_bits == 4096
    failure = ""
    try:
        await use(token, info, certificate)
    except TokenFailed as error:
        failure = error.reason
    assert failure in ("", "CKR_FUNCTION_NOT_SUPPORTED")
    assert card.status().sign_count == (0 if failure else 1)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sha1", WeakSignature),
        ("wrong-usage", WrongUsage),
        ("no-tax-code", NoTaxCode),
        ("broken", CertificateUnreadable),
        ("version-5", CertificateUnreadable),
    ],
)
async def test_a_certificate_that_the_kiosk_refuses(
    driver: HelperTokenDriver,
    pcscd: Pcscd,
    card: CardControl,
    insert: Insert,
    sandbox_directory: Path,
    name: str,
    reason: type[CertificateRefused],
) -> None:
    """OpenSC hands it over, so it is the kiosk's own check that refuses it."""
    _, _, (certificate,) = await opened(driver, pcscd.reader, insert(name))
    trust = TrustStore.load(SandboxPki.open(sandbox_directory).trust_directory)
    with pytest.raises(reason):
        trust.check(read_identity(certificate.der), datetime.now(UTC))
    assert card.status().verify_count == 0


@pytest.mark.parametrize("name", ["truncated", "huge-name"])
async def test_a_certificate_that_opensc_does_not_show(
    driver: HelperTokenDriver, pcscd: Pcscd, insert: Insert, name: str
) -> None:
    _, _, certificates = await opened(driver, pcscd.reader, insert(name))
    assert certificates == ()


async def test_a_certificate_without_its_key(
    driver: HelperTokenDriver, pcscd: Pcscd, card: CardControl, insert: Insert
) -> None:
    """PIV has no list of keys: OpenSC believes in one until the card refuses to sign."""
    token, info, (certificate,) = await opened(driver, pcscd.reader, insert("no-key"))
    await token.login(info.serial, certificate.der, pin())
    with pytest.raises(TokenFailed, match="CKR_DATA_INVALID"):
        await token.sign(certificate.der, Mechanism.RS256, MESSAGE)
    assert card.status().verify_count == 1
    assert card.status().sign_count == 0


# Cards that misbehave.


async def test_a_card_that_hangs_at_the_pin(
    driver: HelperTokenDriver, pcscd: Pcscd, card: CardControl, insert: Insert
) -> None:
    card.hang(True, Instruction.VERIFY)
    token, info, (certificate,) = await opened(driver, pcscd.reader, insert("hoa-sen"))
    with pytest.raises(TokenStalled) as stalled:
        await token.login(info.serial, certificate.der, pin())
    assert stalled.value.operation == "login"
    assert card.status().verify_count == 1, "the PIN was presented, though not answered"
    assert card.status().tries_left == 3


async def test_a_card_that_hangs_at_the_signature(
    driver: HelperTokenDriver, pcscd: Pcscd, card: CardControl, insert: Insert
) -> None:
    card.hang(True, Instruction.GENERAL_AUTHENTICATE)
    token, info, (certificate,) = await opened(driver, pcscd.reader, insert("hoa-sen"))
    await token.login(info.serial, certificate.der, pin())
    with pytest.raises(TokenStalled) as stalled:
        await token.sign(certificate.der, Mechanism.RS256, MESSAGE)
    assert stalled.value.operation == "sign"
    assert card.status().verify_count == 1
    assert card.status().sign_count == 0


async def test_a_card_that_hung_works_again_when_it_was_pulled_out(
    driver: HelperTokenDriver, pcscd: Pcscd, card: CardControl, insert: Insert
) -> None:
    card.hang(True, Instruction.VERIFY)
    token, info, (certificate,) = await opened(driver, pcscd.reader, insert("hoa-sen"))
    with pytest.raises(TokenStalled):
        await token.login(info.serial, certificate.der, pin())
    await token.close()
    card.hang(False)
    card.swap("hoa-sen")
    token, info, (certificate,) = await opened(driver, pcscd.reader, atr_in(pcscd.reader))
    await use(token, info, certificate)
    assert card.status().verify_count == 2


@pytest.mark.parametrize(
    ("word", "ins", "error"),
    [
        (0x6983, Instruction.VERIFY, PinLocked),
        (0x6F00, Instruction.VERIFY, TokenFailed),
        (0x6581, Instruction.GENERAL_AUTHENTICATE, TokenFailed),
    ],
)
async def test_a_card_that_refuses(
    driver: HelperTokenDriver,
    pcscd: Pcscd,
    card: CardControl,
    insert: Insert,
    word: int,
    ins: Instruction,
    error: type[TokenError],
) -> None:
    card.refuse(word, ins)
    token, info, (certificate,) = await opened(driver, pcscd.reader, insert("hoa-sen"))
    with pytest.raises(error) as caught:
        await use(token, info, certificate)
    assert type(caught.value) is error
    assert card.status().verify_count == 1
    assert card.status().sign_count == 0


@pytest.mark.parametrize("seed", range(4))
async def test_a_card_that_talks_garbage_is_no_token_or_an_empty_one(
    driver: HelperTokenDriver, pcscd: Pcscd, card: CardControl, insert: Insert, seed: int
) -> None:
    card.garbage(True, seed=seed)
    atr = insert("hoa-sen")
    began = time.monotonic()
    try:
        _, _, certificates = await opened(driver, pcscd.reader, atr)
    except TokenError:
        pass
    else:
        assert certificates == ()
    assert time.monotonic() - began < 16, "ends with the deadlines of opening and reading"
    assert card.status().verify_count == 0


@pytest.mark.parametrize("seed", range(4))
async def test_garbage_after_the_certificate_was_read_makes_no_signature(
    driver: HelperTokenDriver, pcscd: Pcscd, card: CardControl, insert: Insert, seed: int
) -> None:
    token, info, (certificate,) = await opened(driver, pcscd.reader, insert("hoa-sen"))
    card.garbage(True, seed=seed)
    with pytest.raises((TokenError, InvalidSignature)):
        await use(token, info, certificate)
    assert card.status().verify_count <= 1, "a PIN is presented once"
    assert card.status().sign_count == 0


async def test_of_two_tokens_the_one_in_the_named_reader_is_used(
    driver: HelperTokenDriver,
    pcscd: Pcscd,
    card: CardControl,
    insert: Insert,
    sandbox_directory: Path,
) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="kiosk-card-") as folder,
        CardProcess(sandbox_directory, Path(folder) / "second", pcscd.second_port) as second,
    ):
        insert("hoa-sen")
        second.control.insert("p-384")
        atr = atr_in(pcscd.second_reader)
        token, info, (certificate,) = await opened(driver, pcscd.second_reader, atr)
        assert read_identity(certificate.der).organisation == "CÔNG TY TNHH ĐƯỜNG CONG"
        await use(token, info, certificate, Mechanism.ES384)
        assert second.control.status().verify_count == 1
        assert card.status().verify_count == 0
