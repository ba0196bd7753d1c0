"""The operations of a token, on a PKCS#11 module. Runs in the helper process only.

Nothing here waits or retries: a module that hangs is ended from outside, together
with the process. A PIN is used once for each request to log in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pkcs11
from cryptography import x509
from pkcs11 import Attribute, ObjectClass, PKCS11Error, TokenFlag

from kiosk.hardware import cryptoki
from kiosk.hardware.cryptoki import Cryptoki
from kiosk.hardware.token import (
    KeyMissing,
    Mechanism,
    ModuleMissing,
    PinFlags,
    PinLengthRefused,
    PinLocked,
    PinMustChange,
    PinNotSet,
    PinRefused,
    SeveralTokens,
    TokenAbsent,
    TokenCertificate,
    TokenChanged,
    TokenError,
    TokenFailed,
    TokenInfo,
    TokenNotRecognised,
)

ANY_LENGTH = (1, 64)
"""PIN lengths where the token tells none that makes sense."""

_DIGEST_INFO_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""DER of DigestInfo up to the hash value (RFC 8017, section 9.2, note 1)."""

_DESCRIPTION_SIZE = 64
"""Bytes of CK_SLOT_INFO.slotDescription: a longer reader name is cut."""

_ECDSA = {Mechanism.ES256: (hashlib.sha256, 64), Mechanism.ES384: (hashlib.sha384, 96)}
"""Hash, and bytes of R and S together (RFC 7518, section 3.4)."""


class TokenModule:
    """One loaded module, and one customer's token behind it."""

    def __init__(self, path: str) -> None:
        """Load and initialise the module.

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
            raise TokenFailed("load", _name(error)) from None
        except (OSError, AttributeError) as error:
            raise ModuleMissing(path, str(error)) from None
        self._reader = ""
        self._serial: str | None = None
        self._session: pkcs11.Session | None = None
        """The session that is logged in."""
        self._pin = bytearray()
        """Kept from login to one signature, for keys that ask for the PIN at each use."""

    def find(self, reader: str) -> TokenInfo:
        """Find the token behind the reader and read its flags afresh.

        Raises:
            TokenNotRecognised, TokenAbsent, SeveralTokens, TokenFailed
        """
        self._reader = reader
        with self._translated("find"):
            token = self._token()
            self._serial = _serial(token)
            return TokenInfo(
                slot=token.slot.slot_id,
                serial=self._serial,
                label=token.label,
                manufacturer=token.manufacturer_id,
                model=token.model,
                flags=_flags(token),
                pin_length=self._cryptoki.pin_length(token.slot.slot_id) or ANY_LENGTH,
            )

    def certificates(self) -> tuple[TokenCertificate, ...]:
        """Read the end-entity certificates that show without PIN.

        Raises:
            TokenAbsent, TokenFailed
        """
        with self._translated("certificates"):
            session = self._token().open()
            try:
                found = _certificates(session)
            finally:
                session.close()
        return tuple(certificate for certificate in found if not _is_authority(certificate.der))

    def login(self, serial: str, certificate: bytes, pin: bytearray) -> None:
        """Log in, once, if this token with this certificate is still there.

        Takes the PIN over: it is wiped before this returns, unless the key will ask for
        it again, and then with the signature.

        Raises:
            TokenChanged, TokenAbsent: nothing was tried.
            PinNotSet, PinMustChange, PinLengthRefused: nothing was tried.
            PinLocked: nothing was tried, or this PIN was the last wrong one.
            PinRefused, TokenFailed
        """
        try:
            with self._translated("login"):
                self._logout()
                token = self._token()
                if _serial(token) != serial:
                    raise TokenChanged
                session = token.open()
                try:
                    key_id = _key_id(session, certificate)
                    self._check_pin(token, pin)
                    self._present_pin(session, pin)
                    asks_again = any(_asks_again(key) for key in _keys(session, key_id))
                except (TokenError, PKCS11Error):
                    with suppress(PKCS11Error):
                        session.close()
                    raise
                self._session = session
                if asks_again:
                    self._pin = bytearray(pin)
        finally:
            _wipe(pin)

    def sign(self, certificate: bytes, mechanism: Mechanism, message: bytes) -> bytes:
        """Sign with the key of the certificate, found by CKA_ID.

        Raises:
            KeyMissing, TokenChanged, TokenAbsent, TokenFailed
            PinRefused, PinLocked: the key asks for the PIN at each use and did not take it.
        """
        session = self._session
        try:
            with self._translated("sign"):
                if session is None:
                    raise TokenFailed("sign", "CKR_USER_NOT_LOGGED_IN")
                if _serial(self._token()) != self._serial:
                    raise TokenChanged
                keys = _keys(session, _key_id(session, certificate))
                if not keys:
                    raise KeyMissing
                pin = self._pin.decode("utf-8") if self._pin else None
                return self._sign(session, keys[0], mechanism, message, pin)
        finally:
            self._forget_pin()

    def _token(self) -> pkcs11.Token:
        """The token behind the reader, with its flags of this moment."""
        slots = self._library.get_slots(token_present=True)
        name = self._reader.encode()[:_DESCRIPTION_SIZE].decode(errors="ignore").strip()
        behind = [slot for slot in slots if slot.slot_description.startswith(name)]
        candidates = behind or slots
        if not candidates:
            raise TokenNotRecognised if self._serial is None else TokenAbsent
        if len(candidates) > 1:
            # A blank token is nobody's. Modules of software tokens always show one.
            candidates = [slot for slot in candidates if _is_initialised(slot)]
            if len(candidates) != 1:
                raise SeveralTokens
        return candidates[0].get_token()

    def _check_pin(self, token: pkcs11.Token, pin: bytearray) -> None:
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
        bounds = self._cryptoki.pin_length(token.slot.slot_id)
        if pin and bounds and not bounds[0] <= len(pin) <= bounds[1]:
            raise PinLengthRefused

    def _present_pin(self, session: pkcs11.Session, pin: bytearray) -> None:
        result = self._cryptoki.login(_handle(session), pin)
        if result == cryptoki.CKR_OK:
            return
        match result:
            case cryptoki.CKR_PIN_INCORRECT | cryptoki.CKR_PIN_INVALID:
                flags = self._flags_after_miss()
                raise PinLocked if flags.locked else PinRefused(flags)
            case cryptoki.CKR_PIN_LOCKED:
                raise PinLocked
            case cryptoki.CKR_PIN_LEN_RANGE:
                raise PinLengthRefused
            case cryptoki.CKR_ARGUMENTS_BAD if pin:
                # The session is sound and the pointer is none of NULL, so it is the length
                # (Yubico's module, whose bounds are not those of the user's PIN).
                raise PinLengthRefused
            case cryptoki.CKR_PIN_EXPIRED:
                raise PinMustChange
            case cryptoki.CKR_USER_PIN_NOT_INITIALIZED:
                raise PinNotSet
            case cryptoki.CKR_DEVICE_REMOVED | cryptoki.CKR_TOKEN_NOT_PRESENT:
                raise TokenAbsent
        if not self._is_there():
            raise TokenAbsent
        # CKR_USER_ALREADY_LOGGED_IN is here too: it does not say that this PIN was right.
        raise TokenFailed("login", cryptoki.name_of(result))

    def _flags_after_miss(self) -> PinFlags:
        try:
            return _flags(self._token())
        except (PKCS11Error, TokenError):
            # The PIN was wrong all the same; how many tries are left is not known.
            return PinFlags(count_low=True)

    def _logout(self) -> None:
        """End an earlier login of this visit, so that the next PIN is really tried."""
        self._forget_pin()
        session, self._session = self._session, None
        if session is not None:
            self._cryptoki.logout(_handle(session))
            # If this fails, either the login is gone with the token, or C_Login will say
            # that somebody is logged in, which never counts as a right PIN.
            with suppress(PKCS11Error):
                session.close()

    def _forget_pin(self) -> None:
        _wipe(self._pin)
        self._pin = bytearray()

    def _sign(
        self,
        session: pkcs11.Session,
        key: Any,
        mechanism: Mechanism,
        message: bytes,
        pin: str | None,
    ) -> bytes:
        if mechanism in _ECDSA:
            digest, size = _ECDSA[mechanism]
            signature = key.sign(
                digest(message).digest(), mechanism=pkcs11.Mechanism.ECDSA, pin=pin
            )
            if len(signature) != size:
                raise TokenFailed("sign", "signature of another length")
            return bytes(signature)
        offered = session.token.slot.get_mechanisms()
        hashed = hashlib.sha256(message).digest()
        if mechanism is Mechanism.PS256:
            salted = (pkcs11.Mechanism.SHA256, pkcs11.MGF.SHA256, len(hashed))
            if pkcs11.Mechanism.SHA256_RSA_PKCS_PSS in offered:
                made = key.sign(
                    message,
                    mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS_PSS,
                    mechanism_param=salted,
                    pin=pin,
                )
            else:
                made = key.sign(
                    hashed, mechanism=pkcs11.Mechanism.RSA_PKCS_PSS, mechanism_param=salted, pin=pin
                )
        elif pkcs11.Mechanism.SHA256_RSA_PKCS in offered:
            made = key.sign(message, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS, pin=pin)
        else:
            made = key.sign(
                _DIGEST_INFO_SHA256 + hashed, mechanism=pkcs11.Mechanism.RSA_PKCS, pin=pin
            )
        return bytes(made)

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        """Turn the module's errors into the token port's."""
        try:
            yield
        except (pkcs11.DeviceRemoved, pkcs11.TokenNotPresent):
            raise TokenAbsent from None
        except pkcs11.TokenNotRecognised:
            raise TokenNotRecognised from None
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid):
            # A key that asks for the PIN at each use may have a PIN of its own.
            flags = self._flags_after_miss()
            raise PinLocked if flags.locked else PinRefused(flags) from None
        except pkcs11.PinLocked:
            raise PinLocked from None
        except PKCS11Error as error:
            # In the middle of an exchange, removal shows as some general error.
            if self._serial is not None and not self._is_there():
                raise TokenAbsent from None
            raise TokenFailed(operation, _name(error)) from None

    def _is_there(self) -> bool:
        """Tell whether the token that was found is still there."""
        try:
            return _serial(self._token()) == self._serial
        except (TokenAbsent, pkcs11.DeviceRemoved, pkcs11.TokenNotPresent):
            return False
        except (PKCS11Error, TokenError):
            return True


def _is_initialised(slot: pkcs11.Slot) -> bool:
    """Tell whether the token in the slot was ever given to somebody."""
    try:
        return TokenFlag.TOKEN_INITIALIZED in slot.get_token().flags
    except PKCS11Error:
        return False


def _handle(session: pkcs11.Session) -> int:
    """CK_SESSION_HANDLE of the session; python-pkcs11's type stubs do not know it."""
    return int(session.handle)  # type: ignore[attr-defined]


def _serial(token: pkcs11.Token) -> str:
    return token.serial.rstrip(b"\0 ").decode("utf-8", "replace")


def _flags(token: pkcs11.Token) -> PinFlags:
    flags = token.flags
    return PinFlags(
        initialised=TokenFlag.USER_PIN_INITIALIZED in flags,
        count_low=TokenFlag.USER_PIN_COUNT_LOW in flags,
        final_try=TokenFlag.USER_PIN_FINAL_TRY in flags,
        locked=TokenFlag.USER_PIN_LOCKED in flags,
        must_change=TokenFlag.USER_PIN_TO_BE_CHANGED in flags,
        pin_pad=TokenFlag.PROTECTED_AUTHENTICATION_PATH in flags,
    )


def _certificates(session: pkcs11.Session) -> list[TokenCertificate]:
    # The search is read to its end first: some modules allow nothing else meanwhile.
    objects = list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}))
    return [
        TokenCertificate(
            key_id=_attribute(one, Attribute.ID) or b"",
            label=_attribute(one, Attribute.LABEL) or "",
            der=bytes(one[Attribute.VALUE]),
        )
        for one in objects
    ]


def _attribute(one: pkcs11.Object, attribute: Attribute) -> Any:
    """An attribute that a careless token may lack, or have in no encoding at all."""
    try:
        return one[attribute]
    except (pkcs11.AttributeTypeInvalid, UnicodeDecodeError):
        return None


def _is_authority(der: bytes) -> bool:
    """Tell whether it is a CA certificate. What cannot be parsed is left to the kiosk."""
    try:
        extensions = x509.load_der_x509_certificate(der).extensions
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False


def _key_id(session: pkcs11.Session, certificate: bytes) -> bytes:
    """CKA_ID of the certificate, which its private key shares."""
    for one in _certificates(session):
        if one.der == certificate:
            return one.key_id
    raise TokenChanged


def _keys(session: pkcs11.Session, key_id: bytes) -> list[Any]:
    """The private keys with this CKA_ID; none shows before login.

    python-pkcs11 composes their class (a key that signs has `sign`), so it has no name.
    """
    wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.ID: key_id}
    return list(session.get_objects(wanted))


def _asks_again(key: pkcs11.Object) -> bool:
    """Tell whether the key wants the PIN right before each use (CKA_ALWAYS_AUTHENTICATE)."""
    return bool(_attribute(key, Attribute.ALWAYS_AUTHENTICATE))


def _wipe(octets: bytearray) -> None:
    for index in range(len(octets)):
        octets[index] = 0


def _name(error: PKCS11Error) -> str:
    """Name of the return value: python-pkcs11 names its exceptions after them.

    A value that python-pkcs11 does not know is told as a number, in its words.
    """
    if type(error) is PKCS11Error:
        return str(error)
    words = re.findall(r"[A-Z][a-z]+|[A-Z0-9]+(?![a-z])", type(error).__name__)
    return "CKR_" + "_".join(word.upper() for word in words)
