"""How a signature is had from a token, and brought to the shape that a JWS wants.

Runs in the helper process only.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TypeAlias

from asn1crypto.algos import DSASignature

from kiosk.hardware import cryptoki_types as ck
from kiosk.hardware.token import Mechanism, TokenFailed

_DIGEST_INFO_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""DER of DigestInfo up to the hash value (RFC 8017, section 9.2, note 1)."""

_ECDSA = {Mechanism.ES256: (hashlib.sha256, 64), Mechanism.ES384: (hashlib.sha384, 96)}
"""Hash, and bytes of R and S together (RFC 7518, section 3.4)."""

Way: TypeAlias = tuple[int, ck.PssParameters | None, bytes]
"""Mechanism (CKM), its parameters, and what is signed."""


def ways(mechanism: Mechanism, message: bytes, offered: frozenset[int]) -> list[Way]:
    """How a signature can be had: what the token hashes itself, then what is hashed here."""
    if mechanism in _ECDSA:
        digest, _ = _ECDSA[mechanism]
        return [(ck.CKM_ECDSA, None, digest(message).digest())]
    hashed = hashlib.sha256(message).digest()
    if mechanism is Mechanism.PS256:
        salted = ck.PssParameters(ck.CKM_SHA256, ck.CKG_MGF1_SHA256, len(hashed))
        whole: Way = (ck.CKM_SHA256_RSA_PKCS_PSS, salted, message)
        prepared: Way = (ck.CKM_RSA_PKCS_PSS, salted, hashed)
    else:
        whole = (ck.CKM_SHA256_RSA_PKCS, None, message)
        prepared = (ck.CKM_RSA_PKCS, None, _DIGEST_INFO_SHA256 + hashed)
    return [whole, prepared] if whole[0] in offered else [prepared]


def as_jws_wants(signature: bytes, mechanism: Mechanism) -> bytes:
    """Bring an ECDSA signature to R and S side by side; careless drivers give DER."""
    size = _ECDSA[mechanism][1] if mechanism in _ECDSA else len(signature)
    if size and len(signature) != size:
        with suppress(ValueError, OverflowError):
            numbers = DSASignature.load(signature, strict=True).native
            return b"".join(numbers[one].to_bytes(size // 2, "big") for one in ("r", "s"))
    if not signature or len(signature) != size:
        raise TokenFailed("sign", "signature of another length")
    return signature
