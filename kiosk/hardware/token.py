"""The token port: what the kiosk asks of a customer's token.

Errors:

    TokenError
    ├── ModuleMissing          the PKCS#11 module's file is absent or cannot be loaded
    ├── HelperDied             the process that held the module ended unasked
    ├── TokenStalled           no answer within the deadline; the helper was killed
    ├── TokenAbsent            no token where it was expected (pulled out, or another one)
    ├── TokenNotRecognised     the module sees no token behind the reader
    ├── TokenBlank             the token was never given to anybody (not initialised)
    ├── SeveralTokens          more than one token, and nothing tells which is meant
    ├── TokenChanged           another token or certificate than the visit began with
    ├── KeyMissing             the certificate's private key is not on the token
    ├── PinRefused             the PIN was wrong
    ├── PinLocked              the PIN is locked, now or since before
    ├── PinLengthRefused       the token says that no PIN is that short or long; it was not tried
    ├── PinNotEntered          nobody typed a PIN on the reader
    ├── PinNotSet              the token has no user PIN
    ├── PinMustChange          the token wants its PIN changed first
    └── TokenFailed            anything else; carries the CKR name
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import msgspec


class TokenError(Exception):
    """A token, its reader or its driver did not do what was asked."""


class ModuleMissing(TokenError):
    """The module's file is absent, or the dynamic linker refuses it."""

    def __init__(self, path: str, reason: str = "") -> None:
        super().__init__(f"{path}: {reason}" if reason else path)
        self.path = path
        self.reason = reason


class HelperDied(TokenError):
    """The helper process ended unasked."""

    def __init__(self, returncode: int | None) -> None:
        super().__init__(f"helper ended with {returncode}")
        self.returncode = returncode
        """As `subprocess` gives it: negative for a signal."""


class TokenStalled(TokenError):
    """No answer within the deadline. The helper was killed."""

    def __init__(self, operation: str, seconds: float) -> None:
        super().__init__(f"{operation}: no answer within {seconds:g} s")
        self.operation = operation
        self.seconds = seconds


class TokenAbsent(TokenError):
    """No token is there any more."""


class TokenNotRecognised(TokenError):
    """The module sees no token behind the reader."""


class TokenBlank(TokenError):
    """The token behind the reader was never initialised (no CKF_TOKEN_INITIALIZED)."""


class SeveralTokens(TokenError):
    """More than one token is there, and nothing tells which is meant."""


class TokenChanged(TokenError):
    """Another token or certificate is there than the one the visit began with."""


class KeyMissing(TokenError):
    """The certificate's private key is not on the token."""


class PinRefused(TokenError):
    """The PIN was wrong; `flags` are the token's flags afterwards."""

    def __init__(self, flags: PinFlags) -> None:
        super().__init__("the PIN was wrong")
        self.flags = flags


class PinLocked(TokenError):
    """The PIN is locked."""


class PinLengthRefused(TokenError):
    """The token refused the PIN for its length, without trying it."""


class PinNotEntered(TokenError):
    """The reader waited for a PIN, and it was cancelled there or not typed."""


class PinNotSet(TokenError):
    """The token has no user PIN."""


class PinMustChange(TokenError):
    """The token wants its PIN to be changed before it is used."""


class TokenFailed(TokenError):
    """Anything else that a module reports."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(f"{operation}: {reason}")
        self.operation = operation
        self.reason = reason
        """Name of the return value, such as `CKR_DEVICE_ERROR`, or of the exception."""


class Mechanism(Enum):
    """How the proof is signed: the JWS algorithm's name (RFC 7518, section 3.1)."""

    RS256 = "RS256"
    PS256 = "PS256"
    ES256 = "ES256"
    ES384 = "ES384"


class PinFlags(msgspec.Struct, frozen=True):
    """What a token tells about its PIN (PKCS#11 v2.40, CK_TOKEN_INFO flags).

    It never tells a number of tries.
    """

    initialised: bool = True
    """CKF_USER_PIN_INITIALIZED"""
    count_low: bool = False
    """CKF_USER_PIN_COUNT_LOW: at least one wrong PIN since the last right one."""
    final_try: bool = False
    """CKF_USER_PIN_FINAL_TRY: a wrong PIN will lock."""
    locked: bool = False
    """CKF_USER_PIN_LOCKED"""
    must_change: bool = False
    """CKF_USER_PIN_TO_BE_CHANGED"""
    pin_pad: bool = False
    """CKF_PROTECTED_AUTHENTICATION_PATH: the PIN is typed on the reader."""


class TokenInfo(msgspec.Struct, frozen=True):
    """A token behind a reader, as its module describes it."""

    slot: int
    """The module's slot identifier."""
    serial: str
    label: str
    manufacturer: str
    model: str
    flags: PinFlags
    pin_length: tuple[int, int] | None
    """Shortest and longest PIN, in bytes; `None` where the token tells none that makes sense."""
    slots: int = 1
    """In how many slots the token shows: one for each of its PINs."""
    pss_only: bool = False
    """For RSA, the token offers PSS and nothing else."""
    certificates_after_login: bool = False
    """The catalogue says that tokens of this family show certificates only after login."""


class TokenCertificate(msgspec.Struct, frozen=True):
    """A certificate on a token."""

    key_id: bytes
    """CKA_ID, shared with its private key."""
    label: str
    der: bytes


DESCRIPTION_SIZE = 64
"""Bytes of CK_SLOT_INFO.slotDescription: a longer reader name is cut."""


def names_reader(description: str, reader: str) -> bool:
    """Tell whether a slot's description is this PC/SC reader's name, or begins with it."""
    name = reader.encode()[:DESCRIPTION_SIZE].decode(errors="ignore").strip()
    return bool(name) and description.startswith(name)


class SlotDescription(msgspec.Struct, frozen=True):
    """A slot as its module describes it, for a technician."""

    slot: int
    description: str
    """CK_SLOT_INFO.slotDescription; most modules put the PC/SC reader's name here."""
    token_label: str = ""
    token_serial: str = ""
    token_flags: int | None = None
    """CKF bits of CK_TOKEN_INFO; `None` when there is no token in the slot."""
    mechanisms: tuple[str, ...] = ()
    """Names such as `SHA256_RSA_PKCS`."""


class ModuleDescription(msgspec.Struct, frozen=True):
    """A PKCS#11 module as it describes itself (CK_INFO), and the slots it sees."""

    manufacturer: str
    description: str
    version: str
    slots: tuple[SlotDescription, ...]


class Token(Protocol):
    """One token in one reader, during one visit.

    The kiosk calls one method at a time. Each raises `TokenError`; after
    `TokenStalled` or `HelperDied` the object is of no more use than `close`.
    """

    async def look(self) -> TokenInfo:
        """Find the token behind the reader, with as little as tells whose it is: without the
        bounds of the PIN's length, and with what `TokenDriver.open` has just seen.

        Raises:
            TokenNotRecognised, TokenBlank, SeveralTokens, TokenAbsent
        """
        ...

    async def find(self, certificate: bytes = b"") -> TokenInfo:
        """Find the token behind the reader and read its flags afresh.

        Args:
            certificate: DER; of a token that shows in several slots, one for each of its
                PINs, the slot with this certificate counts.

        Raises:
            TokenNotRecognised, TokenBlank, SeveralTokens, TokenAbsent
        """
        ...

    async def certificates(self) -> tuple[TokenCertificate, ...]:
        """Read the end-entity certificates that show now: all of them after `login`.

        Needs `look` or `find` before.
        """
        ...

    async def login(self, serial: str, certificate: bytes, pin: memoryview) -> None:
        """Log in, once, with the PIN (empty: the PIN is typed on the reader).

        Before the PIN is used, the helper looks again whether the token with this
        serial number is there and carries this certificate (DER; empty where the token
        shows none before login). The PIN is not copied in this process.

        Raises:
            TokenChanged, TokenAbsent: nothing was tried.
            PinRefused, PinLocked, PinLengthRefused, PinNotSet, PinMustChange
        """
        ...

    async def sign(
        self, certificate: bytes, mechanism: Mechanism, message: bytes, *, final: bool = True
    ) -> bytes:
        """Sign the message with the key of the certificate (DER); needs `login` before.

        `final` says that no further signature is wanted: a PIN that was kept for a key that
        asks for it at each use is forgotten.

        Returns the signature as JWS wants it: for ECDSA, R and S side by side
        (RFC 7518, section 3.4).

        Raises:
            KeyMissing, TokenAbsent
            PinRefused, PinLocked: the key asks for the PIN at each use and did not take it.
        """
        ...

    async def close(self) -> None:
        """Forget everything and end the helper. Never raises, never waits for a module."""
        ...


class TokenDriver(Protocol):
    """Makes `Token`s; the real one keeps a helper process warm."""

    async def warm_up(self) -> None:
        """Start what takes time before a customer comes. Never raises."""
        ...

    async def open(self, reader: str, atr: bytes) -> Token:
        """Take the token in this reader.

        Raises:
            ModuleMissing: no configured module for this ATR can be loaded.
            HelperDied, TokenStalled, TokenFailed: as the module behaved.
        """
        ...

    async def close(self) -> None:
        """End everything."""
        ...
