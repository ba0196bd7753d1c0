"""The embedded reader and token: the same answers as the virtual card behind OpenSC."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kiosk.hardware.readers import Card, ReaderState, ReaderWatcher
from kiosk.hardware.token import (
    KeyMissing,
    Mechanism,
    PinFlags,
    PinLengthRefused,
    PinLocked,
    PinRefused,
    Token,
    TokenAbsent,
    TokenChanged,
    TokenDriver,
    TokenFailed,
)
from kiosk.sandbox.embedded import EmbeddedDriver, EmbeddedReader, Hang, Operation
from kiosk.sandbox.hand import HandError, TokenHand
from kiosk.sandbox.piv import ATR
from kiosk.sandbox.pki import SandboxPki

RIGHT = memoryview(b"12345678")
WRONG = memoryview(b"87654321")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> SandboxPki:
    return SandboxPki.open(tmp_path_factory.mktemp("pki"))


class Counter:
    """A service counter: reader, driver, and the token that was put in."""

    def __init__(self, pki: SandboxPki) -> None:
        self.reader = EmbeddedReader()
        self.driver = EmbeddedDriver(self.reader, pki)
        self.pki = pki

    async def insert(self, name: str = "hoa-sen") -> Token:
        hand: TokenHand = self.reader
        driver: TokenDriver = self.driver
        hand.insert(name)
        return await driver.open(self.reader.name, ATR)

    async def login(self, token: Token, pin: memoryview = RIGHT) -> bytes:
        """Log in with the first certificate and return it."""
        info = await token.find()
        certificate = (await token.certificates())[0].der
        await token.login(info.serial, certificate, pin)
        return certificate


@pytest.fixture
def counter(pki: SandboxPki) -> Counter:
    return Counter(pki)


def test_the_reader_reports_its_state() -> None:
    reader = EmbeddedReader()
    watcher: ReaderWatcher = reader
    seen: list[ReaderState] = []
    watcher.start(seen.append)
    reader.insert("hoa-sen")
    reader.remove()
    reader.remove()
    reader.insert("binh-minh")
    reader.vanish()
    reader.appear()
    reader.available = False
    watcher.stop()
    reader.available = True
    empty = ReaderState(True, (reader.name,))
    with_card = ReaderState(True, (reader.name,), (Card(reader.name, ATR, 1),))
    assert seen[:3] == [empty, with_card, empty]
    assert seen[3].cards[0].insertions > seen[1].cards[0].insertions
    assert seen[4:] == [ReaderState(True), empty, ReaderState(False)]


def test_a_mute_card() -> None:
    reader = EmbeddedReader()
    reader.mute = True
    reader.insert("hoa-sen")
    assert reader.state().cards == (Card(reader.name, b"", 1, mute=True),)


def test_the_hand() -> None:
    reader = EmbeddedReader()
    assert reader.inserted() == ""
    reader.insert("hoa-sen")
    assert reader.inserted() == "hoa-sen"
    with pytest.raises(HandError):
        reader.insert("binh-minh")
    reader.vanish()
    assert reader.inserted() == ""
    with pytest.raises(HandError):
        reader.insert("binh-minh")


async def test_what_a_token_says_without_pin(counter: Counter) -> None:
    token = await counter.insert("two-certificates")
    info = await token.find()
    assert info.flags == PinFlags()
    assert info.pin_length == (4, 8)
    found = await token.certificates()
    assert [c.der for c in found] == [
        key.der for key in counter.driver.token("two-certificates").keys
    ]
    assert len({c.key_id for c in found}) == 2


async def test_an_empty_token_has_no_certificates(counter: Counter) -> None:
    assert await (await counter.insert("empty")).certificates() == ()


async def test_a_proof_verifies(counter: Counter) -> None:
    token = await counter.insert()
    certificate = await counter.login(token)
    public = counter.pki.leaf("hoa-sen")[1].public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    for mechanism, scheme in ((Mechanism.RS256, padding.PKCS1v15()), (Mechanism.PS256, pss)):
        signature = await token.sign(certificate, mechanism, b"message")
        public.verify(signature, b"message", scheme, hashes.SHA256())
    assert counter.driver.token("hoa-sen").sign_count == 2
    with pytest.raises(TokenFailed, match="CKR_KEY_TYPE_INCONSISTENT"):
        await token.sign(certificate, Mechanism.ES256, b"message")


async def test_an_ecdsa_proof_is_as_jws_wants_it(counter: Counter) -> None:
    token = await counter.insert("binh-minh")
    certificate = await counter.login(token)
    signature = await token.sign(certificate, Mechanism.ES256, b"message")
    assert len(signature) == 64
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    public = counter.pki.leaf("binh-minh")[1].public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(encode_dss_signature(r, s), b"message", ec.ECDSA(hashes.SHA256()))


async def test_a_p384_proof_is_as_jws_wants_it(counter: Counter) -> None:
    token = await counter.insert("p-384")
    certificate = await counter.login(token)
    signature = await token.sign(certificate, Mechanism.ES384, b"message")
    assert len(signature) == 96
    r, s = (int.from_bytes(half, "big") for half in (signature[:48], signature[48:]))
    public = counter.pki.leaf("p-384")[1].public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(encode_dss_signature(r, s), b"message", ec.ECDSA(hashes.SHA384()))
    with pytest.raises(TokenFailed, match="CKR_KEY_TYPE_INCONSISTENT"):
        await token.sign(certificate, Mechanism.ES256, b"message")


@pytest.mark.parametrize("name", ["rsa-3072", "rsa-4096"])
async def test_long_rsa_keys(counter: Counter, name: str) -> None:
    token = await counter.insert(name)
    certificate = await counter.login(token)
    signature = await token.sign(certificate, Mechanism.RS256, b"message")
    public = counter.pki.leaf(name)[1].public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())


async def test_a_certificate_without_its_key(counter: Counter) -> None:
    token = await counter.insert("no-key")
    certificate = await counter.login(token)
    with pytest.raises(TokenFailed, match="CKR_DATA_INVALID"):
        await token.sign(certificate, Mechanism.RS256, b"message")
    assert counter.driver.token("no-key").sign_count == 0


@pytest.mark.parametrize(
    ("name", "count"),
    [("broken", 1), ("version-5", 1), ("long-name", 1), ("truncated", 0), ("huge-name", 0)],
)
async def test_certificates_show_where_opensc_shows_them(
    counter: Counter, name: str, count: int
) -> None:
    token = await counter.insert(name)
    assert len(await token.certificates()) == count


async def test_the_flags_of_three_misses(counter: Counter) -> None:
    token = await counter.insert()
    with pytest.raises(PinRefused) as first:
        await counter.login(token, WRONG)
    assert first.value.flags == PinFlags()
    with pytest.raises(PinRefused) as second:
        await counter.login(token, WRONG)
    assert second.value.flags == PinFlags(final_try=True)
    with pytest.raises(PinLocked):
        await counter.login(token, WRONG)
    assert (await token.find()).flags == PinFlags(locked=True)
    with pytest.raises(PinLocked):
        await counter.login(token)
    assert counter.driver.token("hoa-sen").verify_count == 3


async def test_a_right_pin_gives_the_tries_back(counter: Counter) -> None:
    token = await counter.insert("last-try")
    assert (await token.find()).flags == PinFlags(final_try=True)
    await counter.login(token)
    assert (await token.find()).flags == PinFlags()


async def test_misses_stay_when_the_token_is_taken_out(counter: Counter) -> None:
    token = await counter.insert()
    with pytest.raises(PinRefused):
        await counter.login(token, WRONG)
    counter.reader.remove()
    with pytest.raises(PinRefused) as second:
        await counter.login(await counter.insert(), WRONG)
    assert second.value.flags.final_try


@pytest.mark.parametrize("pin", [b"", b"123", b"123456789"])
async def test_a_pin_of_the_wrong_length_is_not_tried(counter: Counter, pin: bytes) -> None:
    token = await counter.insert()
    with pytest.raises(PinLengthRefused):
        await counter.login(token, memoryview(pin))
    assert counter.driver.token("hoa-sen").verify_count == 0


async def test_another_serial_or_certificate_gets_no_pin(counter: Counter) -> None:
    token = await counter.insert()
    serial = (await token.find()).serial
    certificate = (await token.certificates())[0].der
    other = counter.driver.token("binh-minh").keys[0].der
    for wrong in ((serial, other), ("0" * 16, certificate)):
        with pytest.raises(TokenChanged):
            await token.login(*wrong, RIGHT)
    assert counter.driver.token("hoa-sen").verify_count == 0


async def test_signing_needs_login_and_a_key(counter: Counter) -> None:
    token = await counter.insert()
    certificate = (await token.certificates())[0].der
    with pytest.raises(TokenFailed, match="CKR_USER_NOT_LOGGED_IN"):
        await token.sign(certificate, Mechanism.RS256, b"message")
    await counter.login(token)
    with pytest.raises(KeyMissing):
        await token.sign(b"another", Mechanism.RS256, b"message")


async def test_a_token_that_was_out_meanwhile_is_gone(counter: Counter) -> None:
    token = await counter.insert()
    certificate = await counter.login(token)
    counter.reader.remove()
    with pytest.raises(TokenAbsent):
        await token.find()
    counter.reader.insert("hoa-sen")
    with pytest.raises(TokenAbsent):
        await token.sign(certificate, Mechanism.RS256, b"message")
    assert counter.driver.token("hoa-sen").sign_count == 0


async def test_no_token_in_this_reader(counter: Counter) -> None:
    counter.reader.insert("hoa-sen")
    elsewhere = await counter.driver.open("another reader", ATR)
    with pytest.raises(TokenAbsent):
        await elsewhere.find()
    counter.reader.available = False
    with pytest.raises(TokenAbsent):
        await (await counter.driver.open(counter.reader.name, ATR)).find()


async def test_a_closed_token_is_of_no_more_use(counter: Counter) -> None:
    token = await counter.insert()
    await counter.login(token)
    await token.close()
    with pytest.raises(TokenAbsent):
        await token.find()


async def test_a_fault_strikes_once_and_before_the_pin_is_used(counter: Counter) -> None:
    token = await counter.insert()
    counter.driver.inject(Operation.LOGIN, TokenFailed("login", "CKR_DEVICE_ERROR"))
    with pytest.raises(TokenFailed, match="CKR_DEVICE_ERROR"):
        await counter.login(token)
    assert counter.driver.token("hoa-sen").verify_count == 0
    await counter.login(token)


async def test_a_hang_ends_when_it_is_cancelled(counter: Counter) -> None:
    token = await counter.insert()
    counter.driver.inject(Operation.FIND, Hang())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await token.find()
    assert await token.find()
