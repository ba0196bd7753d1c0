"""The operations of a token, on a PKCS#11 module. Runs in the helper process only.

Nothing here waits or retries: a module that hangs is ended from outside, together
with the process. A PIN is used once for each request to log in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec
import pkcs11
from asn1crypto import x509
from msgspec.structs import replace
from pkcs11 import PKCS11Error

from kiosk.hardware import cryptoki_types as ck
from kiosk.hardware.cryptoki import Cryptoki, CryptokiError, PrivateKey, SlotRecord, TokenRecord
from kiosk.hardware.object_access import LibraryAccess, ObjectAccess, name_of_error
from kiosk.hardware.stay import Stay, Stays
from kiosk.hardware.token import (
    KeyMissing,
    Mechanism,
    ModuleDescription,
    ModuleMissing,
    PinFlags,
    PinLengthRefused,
    PinLocked,
    PinMustChange,
    PinNotEntered,
    PinNotSet,
    PinRefused,
    SeveralTokens,
    SlotDescription,
    TokenAbsent,
    TokenBlank,
    TokenCertificate,
    TokenChanged,
    TokenError,
    TokenFailed,
    TokenInfo,
    TokenNotRecognised,
    names_reader,
)
from kiosk.hardware.token_signature import as_jws_wants, ways

DER_MAX = 64 * 1024 + 1
"""Bytes. The kiosk looks into no longer certificate, and sees by this one that it was longer."""

_GIVEN = ck.CKF_TOKEN_INITIALIZED | ck.CKF_USER_PIN_INITIALIZED
"""Some drivers set but one of the two for a token that somebody was given."""

_PKCS1 = frozenset({ck.CKM_RSA_PKCS, ck.CKM_SHA256_RSA_PKCS})
_PSS = frozenset({ck.CKM_RSA_PKCS_PSS, ck.CKM_SHA256_RSA_PKCS_PSS})

_GONE = frozenset({"CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT", "CKR_SLOT_ID_INVALID"})

_WRONG_PIN = frozenset({"CKR_PIN_INCORRECT", "CKR_PIN_INVALID"})

_PIN_ERRORS: dict[str, type[TokenError]] = {
    "CKR_PIN_LOCKED": PinLocked,
    "CKR_PIN_LEN_RANGE": PinLengthRefused,
    "CKR_PIN_EXPIRED": PinMustChange,
    "CKR_CANCEL": PinNotEntered,
    "CKR_FUNCTION_CANCELED": PinNotEntered,
    "CKR_FUNCTION_REJECTED": PinNotEntered,
    "CKR_USER_PIN_NOT_INITIALIZED": PinNotSet,
}


class _Place(msgspec.Struct, frozen=True):
    """A slot, and the token in it."""

    slot: int
    token: TokenRecord


class TokenModule:
    """One loaded module, and one customer's token behind it.

    A token may show in several slots, one for each of its PINs. The one that counts is
    the slot with the visit's certificate: its flags are told, its PIN is asked for.
    """

    def __init__(self, path: str, *, fixed_buffers: bool = False) -> None:
        """Load and initialise the module.

        Args:
            fixed_buffers: read without asking for sizes; see `object_access`.

        Raises:
            ModuleMissing: it is absent, or the dynamic linker refuses it.
            TokenFailed: it cannot be initialised.
        """
        try:
            self._library = pkcs11.lib(path)
            self._cryptoki = Cryptoki(path)
        except PKCS11Error as error:
            if "while loading" in str(error):
                # The dynamic linker's words: there is no return value for this.
                raise ModuleMissing(path, str(error).partition(": ")[2]) from None
            raise TokenFailed("load", name_of_error(error)) from None
        except (OSError, AttributeError) as error:
            raise ModuleMissing(path, str(error)) from None
        self._access: ObjectAccess = self._cryptoki
        if not fixed_buffers:
            self._access = LibraryAccess(self._library)
        self._reader = ""
        self._stays = Stays()
        self._stays.prepare()
        self._stay: Stay | None = None
        """The card's stay in the reader in which `_known` was found; None if PC/SC does not tell,
        or the slots are no reader's."""
        self._known: list[_Place] = []
        """The slots of the visit's token."""
        self._place: _Place | None = None
        """The one of them that counts."""
        self._session: int | None = None
        """The session that is logged in."""
        self._pin = bytearray()
        """Kept from login to one signature, for keys that ask for the PIN at each use."""

    def find(self, reader: str, certificate: bytes = b"", *, pin_length: bool = True) -> TokenInfo:
        """Find the token behind the reader and read its flags afresh.

        Args:
            certificate: DER; of a token with several slots, the one that shows it counts.
            pin_length: whether the bounds of the PIN's length are wanted.

        Raises:
            TokenNotRecognised, TokenBlank, TokenAbsent, SeveralTokens, TokenFailed
        """
        if reader != self._reader:
            self._reader, self._stay = reader, None
        read = self._cryptoki.token if pin_length else self._access.token
        with self._translated("find"):
            places = self._read_again(read) if self._stays_in else self._look(read)
            place = self._place_of(certificate, places)
            self._place = place
            offered = self._access.mechanisms(place.slot)
            return TokenInfo(
                slot=place.slot,
                serial=place.token.serial,
                label=place.token.label,
                manufacturer=place.token.manufacturer,
                model=place.token.model,
                flags=_flags(place.token),
                pin_length=place.token.pin_length,
                slots=len(places),
                pss_only=bool(offered & _PSS) and not offered & _PKCS1,
            )

    def certificates(self) -> tuple[TokenCertificate, ...]:
        """Read the end-entity certificates that show now: all after a login.

        Raises:
            TokenAbsent, TokenFailed
        """
        with self._translated("certificates"):
            found: dict[bytes, TokenCertificate] = {}
            for place in self._places():
                for certificate in self._certificates_in(place.slot):
                    found.setdefault(certificate.der, certificate)
        return tuple(
            replace(one, der=one.der[:DER_MAX])
            for one in found.values()
            if not _is_authority(one.der)
        )

    def login(self, serial: str, certificate: bytes, pin: bytearray) -> None:
        """Log in, once, if this token with this certificate is still there.

        Takes the PIN over: it is wiped before this returns, unless the key will ask for
        it again, and then with the last signature.

        Args:
            certificate: DER; empty where the token shows none before login.

        Raises:
            TokenChanged, TokenAbsent: nothing was tried.
            PinNotSet, PinMustChange, PinLengthRefused: nothing was tried.
            PinLocked: nothing was tried, or this PIN was the last wrong one.
            PinRefused, TokenFailed
        """
        try:
            with self._translated("login"):
                self._logout()
                # Without a certificate to look for, only the serial number tells tokens apart that
                # have brought readers of one name along (see `stay`).
                places = self._places() if certificate else self._look(self._cryptoki.token)
                if not certificate and len(places) > 1:
                    # Nothing tells which of its PINs the customer has typed.
                    raise TokenFailed("login", "several slots, and no certificate to choose by")
                place = self._place_of(certificate, places)
                if place.token.serial != serial:
                    raise TokenChanged
                self._place = place
                session = self._access.open_session(place.slot)
                try:
                    key_id = self._key_id(session, certificate) if certificate else None
                    _check_pin(place.token, pin)
                    self._present_pin(session, pin)
                    keys = self._access.keys(session, key_id)
                except (TokenError, CryptokiError):
                    with suppress(CryptokiError):
                        self._access.close_session(session)
                    raise
                self._session = session
                if any(key.asks_again for key in keys):
                    self._pin = bytearray(pin)
        finally:
            _wipe(pin)

    def sign(
        self, certificate: bytes, mechanism: Mechanism, message: bytes, *, final: bool = True
    ) -> bytes:
        """Sign with the key of the certificate, found by CKA_ID.

        A PIN that was kept for the key is forgotten, unless a further signature is to follow
        and this one succeeded.

        Raises:
            KeyMissing, TokenChanged, TokenAbsent, TokenFailed
            PinRefused, PinLocked: the key asks for the PIN at each use and did not take it.
        """
        session, place = self._session, self._place
        try:
            with self._translated("sign"):
                if session is None or place is None:
                    raise TokenFailed("sign", "CKR_USER_NOT_LOGGED_IN")
                if not self._stays_in and not self._is_same(place):
                    raise TokenChanged
                keys = self._access.keys(session, self._key_id(session, certificate))
                if not keys:
                    raise KeyMissing
                if keys[0].asks_again and not self._pin and not _flags(place.token).pin_pad:
                    # To a driver, no PIN means that it is typed on the reader.
                    raise TokenFailed("sign", "CKR_USER_NOT_LOGGED_IN")
                signature = self._sign(session, place.slot, keys[0], mechanism, message)
        except BaseException:
            self._forget_pin()
            raise
        if final:
            self._forget_pin()
        return signature

    def describe(self) -> ModuleDescription:
        """Tell what the module says of itself and of everything it sees.

        Raises:
            TokenFailed
        """
        with self._translated("describe"):
            return ModuleDescription(
                manufacturer=self._library.manufacturer_id,
                description=self._library.library_description,
                version=".".join(map(str, self._library.library_version)),
                slots=tuple(map(self._described, self._access.slots())),
            )

    def _described(self, slot: SlotRecord) -> SlotDescription:
        """A slot with the token in it, if one is and answers."""
        bare = SlotDescription(slot.slot, slot.description)
        if not slot.token_present:
            return bare
        try:
            token = self._cryptoki.token(slot.slot)
            mechanisms = tuple(
                getattr(pkcs11.Mechanism._value2member_map_.get(one), "name", f"0x{one:X}")
                for one in sorted(self._access.mechanisms(slot.slot))
            )
        except CryptokiError:
            return bare
        return replace(
            bare,
            token_label=token.label,
            token_serial=token.serial,
            token_flags=token.flags,
            mechanisms=mechanisms,
        )

    # Where the token is

    @property
    def _stays_in(self) -> bool:
        """Whether the card that was found has been in its reader ever since."""
        return self._stay is not None and self._stays.of(self._reader) == self._stay

    def _places(self) -> list[_Place]:
        """The slots of the one token behind the reader, as they were found in this stay of the
        card; else they are looked for, and its flags are those of this moment."""
        return self._known if self._stays_in else self._look(self._cryptoki.token)

    def _read_again(self, read: Callable[[int], TokenRecord]) -> list[_Place]:
        """`read` the token that has not left in each of its slots."""
        try:
            self._known = [replace(one, token=read(one.slot)) for one in self._known]
        except CryptokiError:
            return self._look(read)
        return self._known

    def _look(self, read: Callable[[int], TokenRecord]) -> list[_Place]:
        """Look for the slots of the one token behind the reader, and `read` it in each."""
        # Asked first: a card that is changed from here on is another one's stay.
        stay, self._stay = self._stays.of(self._reader), None
        slots = self._access.slots()
        behind = [slot for slot in slots if names_reader(slot.description, self._reader)]
        # Modules of software tokens name no slot like a reader; then any token may be it.
        found: list[_Place] = []
        failure: CryptokiError | None = None
        for slot in behind or slots:
            if slot.token_present:
                try:
                    found.append(_Place(slot.slot, read(slot.slot)))
                except CryptokiError as error:
                    failure = error
        if not found:
            if failure is not None:
                raise failure
            raise TokenNotRecognised if self._place is None else TokenAbsent
        # A blank token is nobody's. Modules of software tokens always show one.
        given = [one for one in found if one.token.flags & _GIVEN]
        if not given:
            raise TokenBlank
        serials = {one.token.serial for one in given}
        told = bool(given[0].token.serial.strip("0 "))
        if len(given) > 1 and (len(serials) > 1 or not (behind or told)):
            raise SeveralTokens
        if behind:
            self._stay = stay
        self._known = given
        return given

    def _place_of(self, certificate: bytes, places: list[_Place]) -> _Place:
        """The slot that shows the certificate; the first if none does or none is named."""
        if certificate and len(places) > 1:
            for place in places:
                if any(one.der == certificate for one in self._certificates_in(place.slot)):
                    return place
        return places[0]

    def _certificates_in(self, slot: int) -> list[TokenCertificate]:
        session = self._access.open_session(slot)
        try:
            return self._access.certificates(session)
        finally:
            self._access.close_session(session)

    def _key_id(self, session: int, certificate: bytes) -> bytes:
        """CKA_ID of the certificate, which its private key shares."""
        for one in self._access.certificates(session):
            if one.der == certificate:
                return one.key_id
        raise TokenChanged

    # The PIN

    def _present_pin(self, session: int, pin: bytearray) -> None:
        try:
            self._cryptoki.login(session, pin)
        except CryptokiError as error:
            if error.name in _WRONG_PIN:
                raise self._refusal() from None
            if error.name == "CKR_ARGUMENTS_BAD" and pin:
                # What ykcs11 says of a PIN too long for the card, which it does not present.
                raise PinLengthRefused from None
            # CKR_USER_ALREADY_LOGGED_IN is no success: it does not say that this PIN was
            # right.
            raise

    def _refusal(self) -> TokenError:
        """What a wrong PIN has led to."""
        try:
            if self._place is None:
                raise TokenAbsent
            token = self._cryptoki.token(self._place.slot)
            flags = _flags(token)
            self._known = [
                replace(one, token=token) if one.slot == self._place.slot else one
                for one in self._known
            ]
        except (CryptokiError, TokenError):
            # The PIN was wrong all the same; how many tries are left is not known.
            flags = PinFlags(count_low=True)
        return PinLocked() if flags.locked else PinRefused(flags)

    def _logout(self) -> None:
        """End an earlier login of this visit, so that the next PIN is really tried."""
        self._forget_pin()
        session, self._session = self._session, None
        if session is not None:
            # If this fails, either the login is gone with the token, or C_Login will say
            # that somebody is logged in, which never counts as a right PIN.
            with suppress(CryptokiError):
                self._cryptoki.logout(session)
            with suppress(CryptokiError):
                self._access.close_session(session)

    def _forget_pin(self) -> None:
        _wipe(self._pin)
        self._pin = bytearray()

    # The signature

    def _sign(
        self, session: int, slot: int, key: PrivateKey, mechanism: Mechanism, message: bytes
    ) -> bytes:
        pin = self._pin if key.asks_again else None
        possible = ways(mechanism, message, self._access.mechanisms(slot))
        for number, (kind, parameters, data) in enumerate(possible, start=1):
            try:
                signature = self._cryptoki.sign(session, key.handle, kind, parameters, data, pin)
            except CryptokiError as error:
                # Some offer what they cannot do. This comes before the key is given a PIN.
                if error.name == "CKR_MECHANISM_INVALID" and number < len(possible):
                    continue
                raise
            return as_jws_wants(signature, mechanism)
        raise TokenFailed("sign", "CKR_MECHANISM_INVALID")

    # Errors

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        """Turn the module's return values into the token port's errors."""
        try:
            yield
        except CryptokiError as error:
            if error.name in _GONE:
                raise TokenAbsent from None
            if error.name in _WRONG_PIN:
                raise self._refusal() from None
            if kind := _PIN_ERRORS.get(error.name):
                raise kind from None
            # In the middle of an exchange, removal shows as some general error.
            if self._place is not None and not self._is_there(self._place):
                raise TokenAbsent from None
            if error.name == "CKR_TOKEN_NOT_RECOGNIZED":
                raise TokenNotRecognised from None
            raise TokenFailed(operation, error.name) from None

    def _is_there(self, place: _Place) -> bool:
        """Tell whether the token that was found is still there."""
        try:
            return self._is_same(place)
        except CryptokiError as error:
            return error.name not in _GONE

    def _is_same(self, place: _Place) -> bool:
        """Ask the token in the slot for its serial number once more."""
        return self._cryptoki.token(place.slot).serial == place.token.serial


def _check_pin(token: TokenRecord, pin: bytearray) -> None:
    """Refuse what can be refused without spending one of the customer's tries."""
    flags = _flags(token)
    if flags.locked:
        raise PinLocked
    if not flags.initialised:
        raise PinNotSet
    if flags.must_change:
        raise PinMustChange
    if not pin and not flags.pin_pad:
        raise PinLengthRefused
    if pin and token.pin_length:
        shortest, longest = token.pin_length
        if not shortest <= len(pin) <= longest:
            raise PinLengthRefused


def _flags(token: TokenRecord) -> PinFlags:
    return PinFlags(
        initialised=bool(token.flags & ck.CKF_USER_PIN_INITIALIZED),
        count_low=bool(token.flags & ck.CKF_USER_PIN_COUNT_LOW),
        final_try=bool(token.flags & ck.CKF_USER_PIN_FINAL_TRY),
        locked=bool(token.flags & ck.CKF_USER_PIN_LOCKED),
        must_change=bool(token.flags & ck.CKF_USER_PIN_TO_BE_CHANGED),
        pin_pad=bool(token.flags & ck.CKF_PROTECTED_AUTHENTICATION_PATH),
    )


def _is_authority(der: bytes) -> bool:
    """Tell whether it is a CA certificate. What cannot be parsed is left to the kiosk."""
    try:
        return bool(x509.Certificate.load(der, strict=True).ca)
    except Exception:
        # There is no list of what a parser raises for a stranger's bytes.
        return False


def _wipe(octets: bytearray) -> None:
    for index in range(len(octets)):
        octets[index] = 0
