"""Makes proofs: good ones, and ones that differ from a good one in a single thing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.sandbox.issuing import builder as certificate_builder
from kiosk.sandbox.issuing import issue_leaf, key_usage, make_key
from kiosk.sandbox.scenario import TOKENS_BY_NAME
from tests.unit.service_lab import KIOSK, Lab, base64url

USERNAME = {"hoa-sen": "hoasen", "binh-minh": "binhminh"}
"""Whose account each token opens."""

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Sign = Callable[[bytes], bytes]


class Forge:
    """Makes one proof with a token, for one challenge."""

    def __init__(self, lab: Lab, challenge: str, token: str, *, lookup: bool) -> None:
        self.lab = lab
        self.challenge = challenge
        self.token = token
        self.lookup = lookup
        self.key, self.certificate = lab.pki.leaf(token)

    @property
    def header(self) -> dict[str, Any]:
        """A good protected header."""
        return {
            "alg": "ES256" if isinstance(self.key, ec.EllipticCurvePrivateKey) else "RS256",
            "typ": "bhxh-lookup+jwt" if self.lookup else "bhxh-reset+jwt",
            "x5c": self.x5c(),
        }

    @property
    def payload(self) -> dict[str, Any]:
        """A good payload."""
        username = {} if self.lookup else {"username": USERNAME.get(self.token, "hoasen")}
        return {
            "aud": self.lab.url,
            "action": "account-lookup" if self.lookup else "password-reset",
            **username,
            "challenge": self.challenge,
            "kiosk": KIOSK,
            "iat": int(self.lab.now()),
        }

    def x5c(self, *certificates: bytes) -> list[str]:
        """Certificates in DER as the header has them; without any, the token's own chain."""
        given = certificates or self.lab.chain(self.token)
        return [base64.b64encode(der).decode() for der in given]

    def good(self) -> str:
        """A proof with nothing wrong."""
        return self.with_()

    def with_(
        self, header: Any = None, payload: Any = None, sign: Sign | None = None, **changes: Any
    ) -> str:
        """A proof that is signed all right, whatever is written in it.

        Args:
            header: what takes the place of the whole protected header: a dict, or JSON.
            payload: the same for the payload.
            sign: how it is signed, if not as the token does.
            **changes: fields that take the place of others in header or payload, or come
                to them: `h_…` to the header, others to the payload. None: field left out.
        """
        header = self.header if header is None else header
        payload = self.payload if payload is None else payload
        for name, value in changes.items():
            field, part = (name[2:], header) if name.startswith("h_") else (name, payload)
            part.pop(field, None)
            if value is not None:
                part[field] = value
        message = f"{base64url(header)}.{base64url(payload)}"
        return f"{message}.{base64url((sign or self.sign)(message.encode()))}"

    def sign(self, message: bytes) -> bytes:
        """Sign as the token does, in the form that JWS wants."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    def sign_in_der(self, message: bytes) -> bytes:
        """ECDSA as certificates have it, and not as JWS has it."""
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    def sign_with_sha1(self, message: bytes) -> bytes:
        """Sign the SHA-1 of the message."""
        assert isinstance(self.key, rsa.RSAPrivateKey)
        return self.key.sign(message, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303

    def sign_with_pss(self, message: bytes, salt: int = 32) -> bytes:
        """RSA-PSS, with a salt of so many bytes."""
        assert isinstance(self.key, rsa.RSAPrivateKey)
        return self.key.sign(
            message, padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256()
        )

    def sign_with_key_of(self, token: str) -> Sign:
        """Sign with the key of another token."""
        return Forge(self.lab, self.challenge, token, lookup=self.lookup).sign

    def hmac_with(self, encoding: Encoding, *, whole_certificate: bool = False) -> Sign:
        """HS256 with what everybody knows as its key."""
        public = (
            self.certificate.public_bytes(encoding)
            if whole_certificate
            else self.key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        )
        return lambda message: hmac.digest(public, message, hashlib.sha256)

    def json_header(self) -> str:
        """The good header as JSON."""
        return json.dumps(self.header)

    def json_payload(self) -> str:
        """The good payload as JSON."""
        return json.dumps(self.payload)

    def of_another_authority(self) -> list[str]:
        """The customer's name and key, certified by a CA that only bears the right name."""
        key = make_key("RSA2048")
        now = datetime.now(UTC)
        name = self.lab.pki.issuing.subject
        begin, end = (
            self.lab.pki.issuing.not_valid_before_utc,
            self.lab.pki.issuing.not_valid_after_utc,
        )
        authority = (
            certificate_builder(name, key, begin, end)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(ca=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        leaf = issue_leaf(TOKENS_BY_NAME[self.token], 0, self.key, authority, key, now)
        return self.x5c(leaf.public_bytes(Encoding.DER), authority.public_bytes(Encoding.DER))


def loose_bits(text: str) -> str:
    """Other base64url for the same bytes: the last letter has bits that nothing stands in."""
    assert len(text) % 4
    return text[:-1] + BASE64URL[BASE64URL.index(text[-1]) ^ 1]
