"""Virtual tokens: keys, certificates and a PIN that counts its misses.

What a token is, however it is reached: the PIV card speaks APDUs to one, the embedded
driver calls it.
"""

from __future__ import annotations

import hmac
import uuid
from dataclasses import dataclass
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from kiosk.sandbox.issuing import PrivateKey
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import PIN, TokenProfile

PIN_TRIES = 3
"""Wrong PINs in a row that lock a token."""

PIN_LENGTH = (4, 8)
"""Shortest and longest PIN, in bytes: what OpenSC reports of a PIV card."""


_KEY_USAGE = bytes.fromhex("030206C0")
_KEY_USAGE_BROKEN = bytes.fromhex("030209C0")
"""digitalSignature and nonRepudiation as BIT STRING, and one with nine bits unused in a byte."""


_VERSION_3 = bytes.fromhex("A003020102")
_VERSION_5 = bytes.fromhex("A003020104")
"""A certificate's version, counted from 0 (RFC 5280, section 4.1)."""


class PinResult(Enum):
    """What came of presenting a PIN."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"
    """Locked before, or by this miss."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A certificate on a token, and its private key."""

    private: PrivateKey | None
    """None: the key is not on the token."""
    der: bytes
    """The certificate, which may be anything."""


class VirtualToken:
    """One token. It remembers its misses as long as the process lives, in and out of a reader."""

    def __init__(self, profile: TokenProfile, keys: tuple[TokenKey, ...]) -> None:
        self.profile = profile
        self.keys = keys
        """In the order of `SandboxPki.leaf`'s index; empty for an empty token."""
        self.guid = uuid.uuid5(uuid.NAMESPACE_OID, f"sandbox token {profile.name}").bytes
        """16 bytes, the same for a profile wherever it is made."""
        self.tries_left = profile.tries_left
        self.verify_count = 0
        """How often a PIN was presented, right or wrong."""
        self.sign_count = 0
        """How many signatures were made."""

    @classmethod
    def from_profile(cls, profile: TokenProfile, pki: SandboxPki) -> VirtualToken:
        """Make the token of a profile with its keys and certificates of the sandbox's PKI."""
        return cls(profile, tuple(_token_key(profile, *leaf) for leaf in pki.leaves(profile.name)))

    @property
    def serial(self) -> str:
        """Serial number as OpenSC shows it: the second half of the GUID, in hexadecimal."""
        return self.guid[8:].hex()

    def verify(self, pin: bytes | memoryview) -> PinResult:
        """Present a PIN, once. A right one gives all tries back, unless it is locked."""
        self.verify_count += 1
        if not self.tries_left:
            return PinResult.LOCKED
        if hmac.compare_digest(pin, PIN.encode()):
            self.tries_left = PIN_TRIES
            return PinResult.RIGHT
        self.tries_left -= 1
        return PinResult.WRONG if self.tries_left else PinResult.LOCKED

    def sign_block(self, key: TokenKey, block: bytes) -> bytes:
        """Use a key as a card does: on a block that somebody else has prepared.

        RSA: the padded block as long as the modulus; returns m^d mod n (RFC 8017,
        RSASP1). EC: the hash, as long as the curve's order; returns the DER signature.

        Raises:
            ValueError: the block does not fit the key, or there is none.
        """
        match key.private:
            case rsa.RSAPrivateKey() as private:
                signature = _rsa_signature_primitive(private, block)
            case ec.EllipticCurvePrivateKey() as private:
                signature = _ecdsa_on_hash(private, block)
            case _:
                raise ValueError("there is no such key")
        self.sign_count += 1
        return signature


def _token_key(
    profile: TokenProfile, private: PrivateKey, certificate: x509.Certificate
) -> TokenKey:
    """Key and certificate as they are on the token, with the profile's flaw."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    match profile.flaw:
        case "no-key":
            return TokenKey(None, der)
        case "truncated":
            return TokenKey(private, der[: len(der) // 2])
        case "broken-field":
            return TokenKey(private, der.replace(_KEY_USAGE, _KEY_USAGE_BROKEN))
        case "unknown-version":
            return TokenKey(private, der.replace(_VERSION_3, _VERSION_5, 1))
        case _:
            return TokenKey(private, der)


def _rsa_signature_primitive(private: rsa.RSAPrivateKey, block: bytes) -> bytes:
    """RSASP1 with the Chinese remainder theorem (RFC 8017, section 5.2.1, 2 b).

    Cryptography offers no RSA without padding. Nothing here hides how long it takes:
    these keys protect nothing.
    """
    numbers = private.private_numbers()
    length = private.key_size // 8
    message = int.from_bytes(block, "big")
    if len(block) != length or message >= numbers.public_numbers.n:
        raise ValueError("the block does not fit the modulus")
    first = pow(message, numbers.dmp1, numbers.p)
    second = pow(message, numbers.dmq1, numbers.q)
    factor = (first - second) * numbers.iqmp % numbers.p
    return (second + numbers.q * factor).to_bytes(length, "big")


def _ecdsa_on_hash(private: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    algorithm = {32: hashes.SHA256(), 48: hashes.SHA384()}.get(len(digest))
    if algorithm is None or len(digest) * 8 != private.key_size:
        raise ValueError("the hash does not fit the curve")
    return private.sign(digest, ec.ECDSA(Prehashed(algorithm)))
