"""The PIV applet, APDU by APDU (NIST SP 800-73-4)."""

from __future__ import annotations

import hashlib
from functools import reduce

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from kiosk.sandbox.piv import ATR, PivApplet, presents_pin
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import TOKENS_BY_NAME
from kiosk.sandbox.tokens import PinResult, VirtualToken

SELECT = "00A404000BA000000308000010000100 00"
RIGHT_PIN = "0020008008 3132333435363738"
WRONG_PIN = "0020008008 3837363534333231"
ASK_PIN = "00200080"
DIGEST = hashlib.sha256(b"message").digest()


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> SandboxPki:
    return SandboxPki.open(tmp_path_factory.mktemp("pki"))


class Card:
    """An applet that speaks hexadecimal."""

    def __init__(self, pki: SandboxPki, name: str = "hoa-sen", *, select: bool = True) -> None:
        self.token = VirtualToken.from_profile(TOKENS_BY_NAME[name], pki)
        self.applet = PivApplet(self.token)
        if select:
            assert self.send(SELECT).endswith("9000")

    def send(self, apdu: str) -> str:
        return self.applet.transmit(bytes.fromhex(apdu)).hex().upper()

    def public_key(self) -> object:
        return x509.load_der_x509_certificate(self.token.keys[0].der).public_key()

    def read(self, apdu: str) -> bytes:
        """Send and collect with GET RESPONSE."""
        answer = self.applet.transmit(bytes.fromhex(apdu))
        data = answer[:-2]
        while answer[-2] == 0x61:
            answer = self.applet.transmit(bytes([0x00, 0xC0, 0, 0, answer[-1]]))
            data += answer[:-2]
        assert answer[-2:] == b"\x90\x00", answer[-2:].hex()
        return data


def rsa_block(bits: int = 2048) -> bytes:
    """EMSA-PKCS1-v1_5 of `DIGEST` (RFC 8017, section 9.2)."""
    info = bytes.fromhex("3031300d060960864801650304020105000420") + DIGEST
    return b"\x00\x01" + b"\xff" * (bits // 8 - len(info) - 3) + b"\x00" + info


def rsa_commands(
    block: bytes | None = None, algorithm: int = 0x07, reference: str = "9A"
) -> tuple[str, ...]:
    """GENERAL AUTHENTICATE for RSA, in the parts that it takes."""
    block = block or rsa_block()
    template = bytes.fromhex("82008182") + len(block).to_bytes(2, "big") + block
    data = b"\x7c\x82" + len(template).to_bytes(2, "big") + template
    parts = [data[start : start + 255] for start in range(0, len(data), 255)]
    return (
        *(f"1087{algorithm:02X}{reference}FF{part.hex()}" for part in parts[:-1]),
        f"0087{algorithm:02X}{reference}{len(parts[-1]):02X}{parts[-1].hex()}00",
    )


def test_the_atr_is_well_formed() -> None:
    assert ATR[0] == 0x3B
    assert ATR[1] & 0x0F == len(b"SANDBOX")
    assert reduce(lambda a, b: a ^ b, ATR[1:]) == 0


def test_select(pki: SandboxPki) -> None:
    card = Card(pki, select=False)
    assert card.send("00CB3FFF055C035FC10200") == "6D00"
    assert card.send("00A4040005A00000039700") == "6A82"
    answer = "61114F0600001000010079074F05A0000003089000"
    assert card.send(SELECT) == answer
    assert card.send("00A4040005A00000030800") == answer
    assert card.send("00A4040009A0000003080000100000") == answer
    assert card.send("00A4000005A00000030800") == "6A86"


def test_malformed_commands_are_refused(pki: SandboxPki) -> None:
    card = Card(pki)
    for apdu, answer in {
        "": "6700",
        "00A404": "6700",
        "00A4040005A000": "6700",
        "00CB3FFF055C035FC1020000": "6700",
        "00CB3FFF00055C03": "6700",
        "80CB3FFF055C035FC10200": "6E00",
        "00F7009A00": "6D00",
        "10CB3FFF055C035FC10200": "6884",
        "00CB0000055C035FC10200": "6A86",
        "00CB3FFF025C0500": "6A80",
        "00CB3FFF00": "6A80",
        "00C0000000": "6985",
    }.items():
        assert card.send(apdu) == answer, apdu


def test_discovery_and_chuid(pki: SandboxPki) -> None:
    card = Card(pki)
    assert card.send("00CB3FFF035C017E00") == "7E124F0BA0000003080000100001005F2F0240009000"
    chuid = card.read("00CB3FFF055C035FC10200")
    assert chuid[:2] == bytes([0x53, len(chuid) - 2])
    assert b"\x34\x10" + card.token.guid in chuid


def test_a_guid_belongs_to_a_profile(pki: SandboxPki) -> None:
    guids = {VirtualToken(profile, ()).guid for profile in TOKENS_BY_NAME.values()}
    assert len(guids) == len(TOKENS_BY_NAME)
    assert Card(pki).token.guid == Card(pki).token.guid


def test_certificates_come_in_pieces_as_long_as_asked_for(pki: SandboxPki) -> None:
    card = Card(pki)
    der = card.token.keys[0].der
    ask = "00CB3FFF055C035FC105"
    first = card.applet.transmit(bytes.fromhex(ask + "00"))
    assert (len(first), first[-2:]) == (258, b"\x61\x00")
    second = card.applet.transmit(bytes.fromhex("00C0000010"))
    assert (len(second), second[-2:]) == (18, b"\x61\x00")
    content = card.read(ask + "00")
    assert content.startswith(first[:-2] + second[:-2])
    length = len(der).to_bytes(2, "big")
    assert content[4:] == b"\x70\x82" + length + der + b"\x71\x01\x00\xfe\x00"
    assert card.send(ask) == "6100"
    assert card.read("00C0000000") == content
    assert card.send("00CB3FFF055C035FC10A00") == "6A82"


def test_another_command_drops_the_rest_of_an_answer(pki: SandboxPki) -> None:
    card = Card(pki)
    card.send("00CB3FFF055C035FC10500")
    card.send(ASK_PIN)
    assert card.send("00C0000000") == "6985"


def test_an_empty_token_has_no_certificate(pki: SandboxPki) -> None:
    card = Card(pki, "empty")
    assert card.send("00CB3FFF055C035FC10500") == "6A82"
    assert card.send(RIGHT_PIN) == "9000"
    assert card.send("0087079A047C028200") == "6A86"


def test_a_pin_has_three_tries_and_a_right_one_gives_them_back(pki: SandboxPki) -> None:
    card = Card(pki)
    assert card.send(ASK_PIN) == "63C3"
    assert card.send(WRONG_PIN) == "63C2"
    assert card.send(WRONG_PIN) == "63C1"
    assert card.send(ASK_PIN) == "63C1"
    assert card.send(RIGHT_PIN) == "9000"
    assert card.send(ASK_PIN) == "9000"
    assert card.token.tries_left == 3
    assert [card.send(WRONG_PIN) for _ in range(3)] == ["63C2", "63C1", "6983"]
    assert card.send(RIGHT_PIN) == "6983"
    assert card.send(ASK_PIN) == "63C0"
    assert card.token.verify_count == 7


def test_a_pin_that_is_no_pin_costs_no_try(pki: SandboxPki) -> None:
    card = Card(pki)
    for apdu, answer in {
        "0020008004 31323334": "6A80",
        "0020008009 313233343536373831": "6A80",
        "0020008008 FFFFFFFFFFFFFFFF": "6A80",
        "0020008108 3132333435363738": "6A88",
        "0020018008 3132333435363738": "6A86",
    }.items():
        assert card.send(apdu) == answer, apdu
    assert card.token.tries_left == 3
    assert card.token.verify_count == 0


def test_a_short_pin_is_filled_up(pki: SandboxPki) -> None:
    card = Card(pki)
    assert card.send("0020008008 31323334FFFFFFFF") == "63C2"


def test_misses_outlive_the_session_and_a_login_does_not(pki: SandboxPki) -> None:
    card = Card(pki)
    card.send(WRONG_PIN)
    card.applet.reset()
    card.send(SELECT)
    assert card.send(ASK_PIN) == "63C2"
    card.send(RIGHT_PIN)
    card.applet.reset()
    card.send(SELECT)
    assert card.send(ASK_PIN) == "63C3"
    card.send(RIGHT_PIN)
    assert card.send("0020FF80") == "9000"
    assert card.send(ASK_PIN) == "63C3"
    card.send(RIGHT_PIN)
    card.send(WRONG_PIN)
    assert card.send(ASK_PIN) == "63C2"


def test_rsa_signature_with_chaining(pki: SandboxPki) -> None:
    card = Card(pki)
    first, last = rsa_commands()
    assert card.send(first) == "9000"
    assert card.send(last) == "6982"
    assert card.token.sign_count == 0
    card.send(RIGHT_PIN)
    for _ in range(2):
        assert card.send(first) == "9000"
        answer = card.read(last)
        assert answer[:8] == bytes.fromhex("7C82010482820100")
        public = card.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        public.verify(answer[8:], b"message", padding.PKCS1v15(), hashes.SHA256())
    assert card.token.sign_count == 2


def test_the_signature_key_wants_the_pin_right_before_each_use(pki: SandboxPki) -> None:
    card = Card(pki, "two-certificates")
    first, last = rsa_commands(reference="9C")
    card.send(RIGHT_PIN)
    card.send(first)
    assert len(card.read(last)) == 264
    card.send(first)
    assert card.send(last) == "6982"
    card.send(RIGHT_PIN)
    card.send(ASK_PIN)
    card.send(first)
    assert card.send(last) == "6982"


def test_ecdsa_signature(pki: SandboxPki) -> None:
    card = Card(pki, "binh-minh")
    card.send(RIGHT_PIN)
    answer = card.read(f"0087119A26 7C2482008120{DIGEST.hex()}00")
    assert answer[0] == 0x7C
    assert answer[2] == 0x82
    public = card.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(answer[4:], b"message", ec.ECDSA(hashes.SHA256()))


def test_ecdsa_signature_with_p384(pki: SandboxPki) -> None:
    card = Card(pki, "p-384")
    card.send(RIGHT_PIN)
    digest = hashlib.sha384(b"message").hexdigest()
    answer = card.read(f"0087149A36 7C3482008130{digest}00")
    public = card.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(answer[4:], b"message", ec.ECDSA(hashes.SHA384()))
    assert card.send(f"0087119A26 7C2482008120{DIGEST.hex()}00") == "6A86"


@pytest.mark.parametrize(
    ("token", "bits", "algorithm"), [("rsa-3072", 3072, 5), ("rsa-4096", 4096, 0x16)]
)
def test_long_rsa_keys(pki: SandboxPki, token: str, bits: int, algorithm: int) -> None:
    card = Card(pki, token)
    card.send(RIGHT_PIN)
    *chained, last = rsa_commands(rsa_block(bits), algorithm)
    for part in chained:
        assert card.send(part) == "9000"
    public = card.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(card.read(last)[8:], b"message", padding.PKCS1v15(), hashes.SHA256())


def test_a_key_that_is_not_there_signs_nothing(pki: SandboxPki) -> None:
    card = Card(pki, "no-key")
    assert card.read("00CB3FFF055C035FC10500")
    assert card.send(RIGHT_PIN) == "9000"
    first, last = rsa_commands()
    assert card.send(first) == "9000"
    assert card.send(last) == "6A86"
    assert card.token.sign_count == 0


def test_a_huge_certificate_is_read_whole(pki: SandboxPki) -> None:
    card = Card(pki, "huge-name")
    content = card.read("00CB3FFF055C035FC10500")
    assert content[:2] == b"\x53\x83"
    assert int.from_bytes(content[2:5], "big") == len(content) - 5
    assert card.token.keys[0].der in content


@pytest.mark.parametrize(
    ("apdu", "presents"),
    [
        (RIGHT_PIN, True),
        (WRONG_PIN, True),
        ("0020008001 31", True),
        (ASK_PIN, False),
        ("0020FF80", False),
        ("00A4040005A00000030800", False),
        ("0020008008 31", False),
    ],
)
def test_what_presents_a_pin(apdu: str, presents: bool) -> None:
    assert presents_pin(bytes.fromhex(apdu)) is presents


def test_signatures_that_cannot_be(pki: SandboxPki) -> None:
    card = Card(pki, "binh-minh")
    card.send(RIGHT_PIN)
    for apdu, answer in {
        f"0087079A26 7C2482008120{DIGEST.hex()}00": "6A86",
        f"0087119C26 7C2482008120{DIGEST.hex()}00": "6A86",
        f"0087119A25 7C238200811F{DIGEST.hex()[2:]}00": "6A80",
        f"0087119A24 7C228120{DIGEST.hex()}00": "6A80",
        "0087119A047C02820000": "6A80",
        "0087119A047C05820000": "6A80",
        "0087119A00": "6A80",
    }.items():
        assert card.send(apdu) == answer, apdu
    other = Card(pki)
    other.send(RIGHT_PIN)
    first, last = rsa_commands(block=b"\xff" * 256)
    other.send(first)
    assert other.send(last) == "6A80"
    assert card.token.sign_count == other.token.sign_count == 0


def test_a_chain_is_dropped_by_another_command_and_has_an_end(pki: SandboxPki) -> None:
    card = Card(pki)
    card.send(RIGHT_PIN)
    first, last = rsa_commands()
    card.send(first)
    card.send(ASK_PIN)
    assert card.send(last) == "6A80"
    answers = [card.send(first) for _ in range(17)]
    assert answers == ["9000"] * 16 + ["6700"]


def test_commands_are_counted(pki: SandboxPki) -> None:
    card = Card(pki)
    card.send(ASK_PIN)
    assert card.applet.apdu_count == 2


def test_a_token_that_begins_locked(pki: SandboxPki) -> None:
    token = VirtualToken.from_profile(TOKENS_BY_NAME["locked"], pki)
    assert token.verify(b"12345678") is PinResult.LOCKED
