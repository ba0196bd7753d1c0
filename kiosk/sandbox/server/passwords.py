"""Passwords of the sandbox's accounts."""

from __future__ import annotations

import hashlib
import hmac
import secrets

LENGTH = 12
"""Characters of a mailed password."""

_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS = "23456789"
# Without the characters that are read as one another: 0 O o, 1 I i l.


def new_password() -> str:
    """Make a random password that can be typed off a letter: about 69 bits."""
    while True:
        password = "".join(secrets.choice(_LETTERS + _DIGITS) for _ in range(LENGTH))
        if any(c in _DIGITS for c in password) and any(c in _LETTERS for c in password):
            return password


def hashed(password: str) -> str:
    """Hash with scrypt (RFC 7914) and a salt of its own."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(password, salt).hex()}"


def matches(password: str, stored: str) -> bool:
    """Tell whether `stored`, made by `hashed`, is of this password."""
    salt, _, digest = stored.partition(":")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)), bytes.fromhex(digest))


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8"), salt=salt, n=2**14, r=8, p=1)
