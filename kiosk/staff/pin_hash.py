"""The staff PIN's hash: Argon2id (RFC 9106) in the usual text form, the PHC string.

argon2-cffi's own functions take the password as `bytes`, a copy that nobody can wipe. Its
`low_level.core` takes a pointer, so here Argon2 reads the PIN where it lies: in the PIN
buffer's bytearray, which is wiped afterwards.

What brings OpenSSL's library along is imported when a PIN is hashed: the form of the configured
hash is looked at before the first frame.
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

SHORTEST, LONGEST = 6, 12
"""Digits of a staff PIN."""

_PHC = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})"
    r"\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{43})",
    re.ASCII,
)
"""The hash itself has 32 bytes, so that a line that was cut off is seen."""
_LEAST_MEMORY, _MOST_MEMORY = 8, 1 << 20
"""KiB; a check that takes more than 1 GiB would not end well on a kiosk."""
_MOST_PASSES = 64
_MOST_LANES = 16


class HashInvalid(ValueError):
    """The text is no hash of a staff PIN that can be used."""


class PinHash(msgspec.Struct, frozen=True):
    """A parsed hash."""

    memory: int
    """KiB."""
    passes: int
    lanes: int
    salt: bytes
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> PinHash:
        """Read `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.

        Raises:
            HashInvalid: it is not of this form, or its cost is out of bounds.
        """
        match = _PHC.fullmatch(text)
        if match is None:
            raise HashInvalid("not an Argon2id hash")
        memory, passes, lanes = (int(match[group]) for group in (1, 2, 3))
        if not (
            0 < lanes <= _MOST_LANES
            and 0 < passes <= _MOST_PASSES
            and _LEAST_MEMORY * lanes <= memory <= _MOST_MEMORY
        ):
            raise HashInvalid("a cost out of bounds")
        return cls(memory, passes, lanes, _decoded(match[4]), _decoded(match[5]))

    def __repr__(self) -> str:
        return "<PinHash>"

    def __str__(self) -> str:
        cost = f"m={self.memory},t={self.passes},p={self.lanes}"
        return f"$argon2id$v=19${cost}${_encoded(self.salt)}${_encoded(self.digest)}"

    def matches(self, pin: bytearray | memoryview) -> bool:
        """Tell whether `pin` is the PIN. Takes a tenth of a second, so not on an event loop.

        Raises:
            HashFailed: nobody can tell; memory is short.
        """
        import hmac  # noqa: PLC0415

        found = _argon2id(pin, self.salt, self.memory, self.passes, self.lanes, len(self.digest))
        return hmac.compare_digest(found, self.digest)


def make_hash(pin: bytearray | memoryview) -> PinHash:
    """Hash a new PIN, with RFC 9106's second recommended cost: 64 MiB, three passes.

    Raises:
        HashFailed: memory is short.
    """
    import secrets  # noqa: PLC0415

    memory, passes, lanes = 64 * 1024, 3, 4
    salt = secrets.token_bytes(16)
    return PinHash(memory, passes, lanes, salt, _argon2id(pin, salt, memory, passes, lanes, 32))


def _argon2id(
    pin: bytearray | memoryview, salt: bytes, memory: int, passes: int, lanes: int, length: int
) -> bytes:
    """Argon2id version 1.3 of the PIN, read in place."""
    # The library is needed when somebody types a staff PIN, not for the first frame.
    from argon2 import low_level  # noqa: PLC0415

    ffi = low_level.ffi
    out = ffi.new("uint8_t[]", length)
    salt_buffer = ffi.new("uint8_t[]", salt)
    with ffi.from_buffer("uint8_t[]", pin) as secret:
        context = ffi.new(
            "argon2_context *",
            {
                "version": low_level.ARGON2_VERSION,
                "out": out,
                "outlen": length,
                "pwd": secret,
                "pwdlen": len(pin),
                "salt": salt_buffer,
                "saltlen": len(salt),
                "t_cost": passes,
                "m_cost": memory,
                "lanes": lanes,
                "threads": lanes,
            },
        )
        code = low_level.core(context, low_level.Type.ID.value)
    if code:
        # Memory is short, or a thread could not be started.
        raise HashFailed(low_level.error_to_str(code))
    return bytes(ffi.buffer(out, length))


class HashFailed(Exception):
    """The machine could not compute the hash."""


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii").rstrip("=")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise HashInvalid("a salt or hash that is no base64") from None
