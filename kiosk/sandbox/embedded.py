"""Token and reader inside this process, for machines without pcscd and for fast tests.

`EmbeddedReader` stands below the watcher's port and `EmbeddedDriver` behind the token
port; each works with the other's real counterpart too. What they answer, errors and flags
included, is what OpenSC answers for the virtual card, but that keys of RSA-4096 sign here:
OpenSC 0.23 cannot use them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from enum import Enum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from kiosk.hardware.readers import Card, ReaderState
from kiosk.hardware.token import (
    KeyMissing,
    Mechanism,
    PinFlags,
    PinLengthRefused,
    PinLocked,
    PinRefused,
    TokenAbsent,
    TokenCertificate,
    TokenChanged,
    TokenError,
    TokenFailed,
    TokenInfo,
)
from kiosk.sandbox.hand import HandError
from kiosk.sandbox.piv import ATR
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import TOKENS_BY_NAME
from kiosk.sandbox.tokens import PIN_LENGTH, PinResult, TokenKey, VirtualToken

READER_NAME = "Simulated reader"


class EmbeddedReader:
    """A reader without hardware: a `ReaderWatcher`, and the `TokenHand` that fills it.

    Its methods may be called from any thread; reports come from the caller's.
    """

    def __init__(self, name: str = READER_NAME, atr: bytes = ATR) -> None:
        self.name = name
        self._atr = atr
        self._lock = threading.RLock()
        self._report: Callable[[ReaderState], None] | None = None
        self._available = True
        self._present = True
        self._mute = False
        self._inserted = ""
        self._insertions = 0

    def start(self, report: Callable[[ReaderState], None]) -> None:
        """Report the state now and whenever it changes."""
        with self._lock:
            self._report = report
            report(self.state())

    def stop(self) -> None:
        """Report no more."""
        with self._lock:
            self._report = None

    def state(self) -> ReaderState:
        """The state as a watcher of PC/SC would report it."""
        with self._lock:
            if not self._available:
                return ReaderState(available=False)
            if not self._present:
                return ReaderState(available=True)
            atr = b"" if self._mute else self._atr
            card = Card(self.name, atr, self._insertions, self._mute)
            return ReaderState(True, (self.name,), (card,) if self._inserted else ())

    def insert(self, name: str) -> None:
        """Put a token in. Which names there are is the driver's matter.

        Raises:
            HandError: a token is in, or the reader is not there.
        """
        with self._lock:
            if self._inserted:
                raise HandError(f"the token {self._inserted} is in")
            if not self._present:
                raise HandError("there is no reader")
            self._inserted = name
            self._changed(event=True)

    def remove(self) -> None:
        """Take the token out, if one is in."""
        with self._lock:
            if self._inserted:
                self._inserted = ""
                self._changed(event=True)

    def inserted(self) -> str:
        """Name of the token that is in; empty if none is."""
        with self._lock:
            return self._inserted

    def vanish(self) -> None:
        """Take away the reader, and the token with it: what pulling out a USB token does."""
        with self._lock:
            self._present = False
            self._inserted = ""
            self._changed(event=True)

    def appear(self) -> None:
        """Bring the reader back, empty."""
        with self._lock:
            self._present = True
            self._changed()

    @property
    def available(self) -> bool:
        """Whether PC/SC is there at all; to be switched off and on by tests."""
        return self._available

    @available.setter
    def available(self, value: bool) -> None:
        with self._lock:
            self._available = value
            self._changed()

    @property
    def mute(self) -> bool:
        """Whether cards give no answer to reset."""
        return self._mute

    @mute.setter
    def mute(self, value: bool) -> None:
        with self._lock:
            self._mute = value
            self._changed()

    def occupant(self) -> tuple[str, int] | None:
        """Name of the token that can be reached now, and which insertion it is."""
        with self._lock:
            if not (self._available and self._inserted) or self._mute:
                return None
            return self._inserted, self._insertions

    def _changed(self, *, event: bool = False) -> None:
        """Report; an event is a token that went in or out, as PC/SC counts them."""
        self._insertions += event
        if self._report is not None:
            self._report(self.state())


class Operation(Enum):
    """What a token is asked for, for `EmbeddedDriver.inject`."""

    OPEN = "open"
    FIND = "find"
    CERTIFICATES = "certificates"
    LOGIN = "login"
    SIGN = "sign"


class Hang:
    """A fault: no answer, until whoever waits is cancelled."""


class EmbeddedDriver:
    """Makes `EmbeddedToken`s of whatever is in an `EmbeddedReader`: a `TokenDriver`."""

    def __init__(self, reader: EmbeddedReader, pki: SandboxPki) -> None:
        self._reader = reader
        self._pki = pki
        self._tokens: dict[str, VirtualToken] = {}
        self._faults: dict[Operation, TokenError | Hang] = {}
        self.hiding: set[str] = set()
        """Names of tokens that show their certificates only after login."""

    def token(self, name: str) -> VirtualToken:
        """The virtual token of this name, with its tries and counters.

        Raises:
            KeyError: there is none in the scenario.
        """
        if name not in self._tokens:
            self._tokens[name] = VirtualToken.from_profile(TOKENS_BY_NAME[name], self._pki)
        return self._tokens[name]

    def inject(self, operation: Operation, fault: TokenError | Hang) -> None:
        """Let the next such operation of any token fail before it does anything."""
        self._faults[operation] = fault

    async def meet_fault(self, operation: Operation) -> None:
        """Suffer the fault that was injected for this operation, if one was."""
        match self._faults.pop(operation, None):
            case Hang():
                await asyncio.Event().wait()
            case TokenError() as error:
                raise error
            case None:
                pass

    async def warm_up(self) -> None:
        """There is nothing to start."""

    async def open(self, reader: str, atr: bytes) -> EmbeddedToken:  # noqa: ARG002
        """Take the token in the reader."""
        await self.meet_fault(Operation.OPEN)
        return EmbeddedToken(self, self._reader, reader)

    async def close(self) -> None:
        """There is nothing to end."""


class EmbeddedToken:
    """The token that was in the reader when this was made: a `Token`."""

    def __init__(self, driver: EmbeddedDriver, reader: EmbeddedReader, reader_name: str) -> None:
        self._driver = driver
        self._reader = reader
        self._occupant = reader.occupant() if reader_name == reader.name else None
        self._logged_in = False

    async def look(self) -> TokenInfo:
        """As `Token.look`."""
        return await self.find()

    async def find(self, certificate: bytes = b"") -> TokenInfo:  # noqa: ARG002
        """As `Token.find`."""
        token = await self._reach(Operation.FIND)
        return TokenInfo(
            slot=0,
            serial=token.serial,
            label=token.profile.organisation,
            manufacturer="piv_II",
            model="Virtual token",
            flags=_flags(token),
            pin_length=PIN_LENGTH,
            certificates_after_login=self._hides(token),
        )

    async def certificates(self) -> tuple[TokenCertificate, ...]:
        """As `Token.certificates`."""
        token = await self._reach(Operation.CERTIFICATES)
        if self._hides(token) and not self._logged_in:
            return ()
        return tuple(
            TokenCertificate(bytes([number]), f"Certificate {number}", key.der)
            for number, key in enumerate(token.keys, start=1)
            if _shown(key.der)
        )

    async def login(self, serial: str, certificate: bytes, pin: memoryview) -> None:
        """As `Token.login`."""
        token = await self._reach(Operation.LOGIN)
        shown = bool(certificate) or not self._hides(token)
        if token.serial != serial or (shown and _key(token, certificate) is None):
            raise TokenChanged
        if not token.tries_left:
            raise PinLocked
        shortest, longest = PIN_LENGTH
        if not shortest <= len(pin) <= longest:
            raise PinLengthRefused
        self._logged_in = False
        match token.verify(pin):
            case PinResult.RIGHT:
                self._logged_in = True
            case PinResult.WRONG:
                raise PinRefused(_flags(token))
            case PinResult.LOCKED:
                raise PinLocked

    async def sign(
        self,
        certificate: bytes,
        mechanism: Mechanism,
        message: bytes,
        *,
        final: bool = True,  # noqa: ARG002 - no key of an embedded token asks for its PIN again.
    ) -> bytes:
        """As `Token.sign`."""
        token = await self._reach(Operation.SIGN)
        if not self._logged_in:
            raise TokenFailed("sign", "CKR_USER_NOT_LOGGED_IN")
        key = _key(token, certificate)
        if key is None:
            raise KeyMissing
        signature = _sign(key, mechanism, message)
        token.sign_count += 1
        return signature

    async def close(self) -> None:
        """As `Token.close`."""
        self._logged_in = False
        self._occupant = None

    def _hides(self, token: VirtualToken) -> bool:
        return token.profile.name in self._driver.hiding

    async def _reach(self, operation: Operation) -> VirtualToken:
        """The token, if it has been in the reader all the time."""
        await self._driver.meet_fault(operation)
        occupant = self._occupant
        if occupant is None or self._reader.occupant() != occupant:
            self._logged_in = False
            raise TokenAbsent
        try:
            return self._driver.token(occupant[0])
        except KeyError:
            raise TokenAbsent from None


def _flags(token: VirtualToken) -> PinFlags:
    """The flags as OpenSC sets them for a PIV card: the first miss shows in none."""
    return PinFlags(final_try=token.tries_left == 1, locked=token.tries_left == 0)


def _key(token: VirtualToken, certificate: bytes) -> TokenKey | None:
    return next((key for key in token.keys if key.der == certificate), None)


def _shown(certificate: bytes) -> bool:
    """Tell whether OpenSC shows it: one that is cut off, or longer than 64 kB, it does not."""
    length = int.from_bytes(certificate[2:4], "big")
    return certificate.startswith(b"\x30\x82") and len(certificate) == 4 + length


def _sign(key: TokenKey, mechanism: Mechanism, message: bytes) -> bytes:
    """Sign as JWS wants it (RFC 7518, sections 3.3 to 3.5)."""
    match key.private, mechanism:
        case None, _:
            # A PIV card lists no keys, so OpenSC takes for granted that there is one.
            raise TokenFailed("sign", "CKR_DATA_INVALID")
        case rsa.RSAPrivateKey() as private, Mechanism.RS256:
            return private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        case rsa.RSAPrivateKey() as private, Mechanism.PS256:
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return private.sign(message, pss, hashes.SHA256())
        case ec.EllipticCurvePrivateKey(key_size=256) as private, Mechanism.ES256:
            return _side_by_side(private.sign(message, ec.ECDSA(hashes.SHA256())), 32)
        case ec.EllipticCurvePrivateKey(key_size=384) as private, Mechanism.ES384:
            return _side_by_side(private.sign(message, ec.ECDSA(hashes.SHA384())), 48)
        case _:
            raise TokenFailed("sign", "CKR_KEY_TYPE_INCONSISTENT")


def _side_by_side(signature: bytes, size: int) -> bytes:
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
