"""A PIV card application on a virtual token (NIST SP 800-73-4, part 2).

It knows what OpenSC asks of a card that somebody else has personalised: read the
certificates, verify the PIN, sign. Nothing can be written to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa

from kiosk.sandbox.tokens import PinResult, TokenKey, VirtualToken

ATR = bytes.fromhex("3B87800153414E44424F584B")
"""Answer to reset (ISO/IEC 7816-3): T=0 and T=1, historical bytes `SANDBOX`, checksum."""

AID = bytes.fromhex("A000000308000010000100")
"""The PIV card application, version 1.0 (section 2.2)."""

_AID_SHORTEST = 5
"""SELECT may shorten the AID down to NIST's registered part."""

_PIN_FIELD = 8
"""The PIN's field is filled up with FF (section 2.4.3)."""

_MESSAGE_LIMIT = 4096
"""Longest command put together from a chain, in bytes."""

VERIFY = 0x20
"""INS (section 3.2.1)."""

# Status words (section 5.6 and ISO/IEC 7816-4, table 6).
_OK = 0x9000
_CHAINING_UNSUPPORTED = 0x6884
_SECURITY_STATUS = 0x6982
_PIN_BLOCKED = 0x6983
_CONDITIONS = 0x6985
_WRONG_DATA = 0x6A80
_NOT_FOUND = 0x6A82
_WRONG_P1_P2 = 0x6A86
_KEY_NOT_FOUND = 0x6A88
_WRONG_LENGTH = 0x6700
_WRONG_INS = 0x6D00
_WRONG_CLA = 0x6E00
_MORE_DATA = 0x6100
_TRIES_LEFT = 0x63C0

_KEY_AUTHENTICATION = 0x9A
_KEY_SIGNATURE = 0x9C
"""Wants the PIN right before each use (SP 800-73-4, part 1, section 3.2.2)."""

_TAG_DISCOVERY = bytes.fromhex("7E")
_TAG_CHUID = bytes.fromhex("5FC102")
_TAG_CERTIFICATES = {
    _KEY_AUTHENTICATION: bytes.fromhex("5FC105"),
    _KEY_SIGNATURE: bytes.fromhex("5FC10A"),
}

_FASC_N = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421384210C3F5")
"""Agency code 9999: the card's number is its GUID (SP 800-73-4, part 1, section 3.1.2)."""

_RSA_ALGORITHMS = {1024: 0x06, 2048: 0x07, 3072: 0x05, 4096: 0x16}
_EC_ALGORITHMS = {256: 0x11, 384: 0x14}
"""Algorithm identifiers by the key's bits (SP 800-78-5, table 9; 4096 is the vendors')."""


@dataclass(frozen=True, slots=True)
class _Command:
    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int
    """How many bytes may come back at once; 0 if the command named none."""


class PivApplet:
    """One card session on a token. `reset` begins a new one."""

    atr = ATR

    def __init__(self, token: VirtualToken) -> None:
        self.token = token
        self.apdu_count = 0
        """Commands answered, over all sessions."""
        self._keys = dict(zip(_TAG_CERTIFICATES, token.keys, strict=False))
        self._objects = _objects(token, self._keys)
        self.reset()

    def reset(self) -> None:
        """Forget what a card forgets without power: selection, PIN state, half answers."""
        self._selected = False
        self._verified = False
        self._just_verified = False
        self._chain = b""
        self._rest = b""

    def transmit(self, apdu: bytes) -> bytes:
        """Answer a command APDU of short length with a response APDU (ISO/IEC 7816-4)."""
        self.apdu_count += 1
        command = _parse(apdu)
        if command is None:
            return _status(_WRONG_LENGTH)
        if command.cla not in (0x00, 0x10):
            return _status(_WRONG_CLA)
        if command.ins == 0xC0:
            return self._send(self._rest, command.le) if self._rest else _status(_CONDITIONS)
        self._rest = b""
        if command.cla == 0x10:
            return self._collect(command)
        if command.ins != 0x87:
            self._chain = b""
        just_verified, self._just_verified = self._just_verified, False
        if command.ins == 0xA4:
            return self._select(command)
        if not self._selected:
            return _status(_WRONG_INS)
        match command.ins:
            case 0xCB:
                return self._get_data(command)
            case 0x20:
                return self._verify(command)
            case 0x87:
                return self._general_authenticate(command, just_verified)
            case _:
                return _status(_WRONG_INS)

    def _collect(self, command: _Command) -> bytes:
        """Keep a part of a chained command; only GENERAL AUTHENTICATE is long enough."""
        if command.ins != 0x87 or not self._selected:
            return _status(_CHAINING_UNSUPPORTED)
        self._chain += command.data
        if len(self._chain) > _MESSAGE_LIMIT:
            self._chain = b""
            return _status(_WRONG_LENGTH)
        return _status(_OK)

    def _send(self, data: bytes, le: int) -> bytes:
        """Send as much as was asked for and keep the rest for GET RESPONSE."""
        part, self._rest = data[:le], data[le:]
        if self._rest:
            return part + _status(_MORE_DATA | (len(self._rest) if len(self._rest) < 256 else 0))
        return part + _status(_OK)

    def _select(self, command: _Command) -> bytes:
        """SELECT (section 3.1.1). An unknown application leaves everything as it is."""
        if (command.p1, command.p2) != (0x04, 0x00):
            return _status(_WRONG_P1_P2)
        if len(command.data) < _AID_SHORTEST or not AID.startswith(command.data):
            return _status(_NOT_FOUND)
        self._selected = True
        property_template = _tlv("4F", AID[5:]) + _tlv("79", _tlv("4F", AID[:5]))
        return self._send(_tlv("61", property_template), command.le)

    def _get_data(self, command: _Command) -> bytes:
        """GET DATA (section 3.1.2)."""
        if (command.p1, command.p2) != (0x3F, 0xFF):
            return _status(_WRONG_P1_P2)
        tag = _read_tlv(command.data).get(0x5C)
        if tag is None:
            return _status(_WRONG_DATA)
        content = self._objects.get(tag)
        return _status(_NOT_FOUND) if content is None else self._send(content, command.le)

    def _verify(self, command: _Command) -> bytes:
        """VERIFY (section 3.2.1): ask for the state, give it up, or present the PIN."""
        if command.p2 != 0x80:
            return _status(_KEY_NOT_FOUND)
        if command.p1 == 0xFF and not command.data:
            self._verified = False
            return _status(_OK)
        if command.p1 != 0x00:
            return _status(_WRONG_P1_P2)
        if not command.data:
            return _status(_OK if self._verified else _TRIES_LEFT | self.token.tries_left)
        pin = command.data.rstrip(b"\xff")
        if len(command.data) != _PIN_FIELD or not pin:
            return _status(_WRONG_DATA)
        self._verified = False
        match self.token.verify(pin):
            case PinResult.RIGHT:
                self._verified = self._just_verified = True
                return _status(_OK)
            case PinResult.WRONG:
                return _status(_TRIES_LEFT | self.token.tries_left)
            case PinResult.LOCKED:
                return _status(_PIN_BLOCKED)

    def _general_authenticate(self, command: _Command, just_verified: bool) -> bytes:
        """GENERAL AUTHENTICATE (section 3.2.4): sign what is in the challenge's place."""
        data, self._chain = self._chain + command.data, b""
        key = self._keys.get(command.p2)
        if key is None or command.p1 != _algorithm(key):
            return _status(_WRONG_P1_P2)
        if not (just_verified if command.p2 == _KEY_SIGNATURE else self._verified):
            return _status(_SECURITY_STATUS)
        template = _read_tlv(_read_tlv(data).get(0x7C, b""))
        if 0x82 not in template or 0x81 not in template:
            return _status(_WRONG_DATA)
        try:
            signature = self.token.sign_block(key, template[0x81])
        except ValueError:
            return _status(_WRONG_DATA)
        return self._send(_tlv("7C", _tlv("82", signature)), command.le)


def ins_of(apdu: bytes) -> int:
    """The instruction of a command APDU; 0, which is none, if there is not that much of it."""
    return apdu[1] if len(apdu) > 1 else 0


def presents_pin(apdu: bytes) -> bool:
    """Tell whether a command is a VERIFY that carries something as PIN, right or not."""
    command = _parse(apdu)
    return command is not None and command.ins == VERIFY and bool(command.data)


def _objects(token: VirtualToken, keys: Mapping[int, TokenKey]) -> dict[bytes, bytes]:
    """The data objects by tag (SP 800-73-4, part 1, section 3 and appendix A)."""
    discovery = _tlv("4F", AID) + _tlv("5F2F", b"\x40\x00")
    chuid = (
        _tlv("30", _FASC_N)
        + _tlv("34", token.guid)
        + _tlv("35", b"20991231")
        + _tlv("3E", b"")
        + _tlv("FE", b"")
    )
    objects = {_TAG_DISCOVERY: _tlv("7E", discovery), _TAG_CHUID: _tlv("53", chuid)}
    for reference, key in keys.items():
        content = _tlv("70", key.der) + _tlv("71", b"\x00") + _tlv("FE", b"")
        objects[_TAG_CERTIFICATES[reference]] = _tlv("53", content)
    return objects


def _algorithm(key: TokenKey) -> int | None:
    """Identifier of the algorithm that fits the key; None if there is no key."""
    if key.private is None:
        return None
    known = _RSA_ALGORITHMS if isinstance(key.private, rsa.RSAPrivateKey) else _EC_ALGORITHMS
    return known[key.private.key_size]


def _parse(apdu: bytes) -> _Command | None:
    """Take a short command APDU apart (ISO/IEC 7816-4, section 5.2); None if it is none."""
    header, body = apdu[:4], apdu[4:]
    if len(header) < 4:
        return None
    data = b""
    if len(body) > 1:
        data = body[1 : 1 + body[0]]
        if not body[0] or len(data) != body[0]:
            return None
        body = body[1 + body[0] :]
    if len(body) > 1:
        return None
    le = (body[0] or 256) if body else 0
    cla, ins, p1, p2 = header
    return _Command(cla, ins, p1, p2, data, le)


def _tlv(tag: str, value: bytes) -> bytes:
    """BER-TLV (ISO/IEC 7816-4, section 5.2.2)."""
    length = len(value)
    if length < 0x80:
        encoded = bytes([length])
    elif length < 0x100:
        encoded = bytes([0x81, length])
    elif length < 0x10000:
        encoded = b"\x82" + length.to_bytes(2, "big")
    else:
        encoded = b"\x83" + length.to_bytes(3, "big")
    return bytes.fromhex(tag) + encoded + value


def _read_tlv(data: bytes) -> dict[int, bytes]:
    """The values by tag of a row of TLVs with one-byte tags; empty if it is none."""
    values = {}
    position = 0
    while position + 2 <= len(data):
        tag, length = data[position], data[position + 1]
        position += 2
        if length > 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[position : position + size], "big")
            position += size
        if position + length > len(data):
            return {}
        values[tag] = data[position : position + length]
        position += length
    return values if position == len(data) else {}


def _status(word: int) -> bytes:
    return word.to_bytes(2, "big")
