"""A PKCS#11 module's own function table, called with buffers of fixed size.

The standard lets a caller ask for the size of an answer with a NULL pointer first, and
python-pkcs11 does. Some drivers answer that question with 0 (seen on one of VNPT's). A
buffer that is large enough from the start asks no such question and is as much within the
standard (section 5.2), so what is read here can be read from any driver.

C_Login is here for every token, because python-pkcs11 wants the PIN as a `str`, whose
copies cannot be wiped, and leaks a session at each wrong PIN; C_Sign, because a key that
asks for the PIN at each use needs a second C_Login in the middle of it; C_GetTokenInfo,
because it tells the bounds of the PIN's length.

Used by the helper process only, on a module that python-pkcs11 has loaded and initialised.
Source: PKCS #11 Cryptographic Token Interface Base Specification v2.40, sections 3 and 5.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import POINTER, c_ubyte, c_ulong
from typing import Any

import msgspec

from kiosk.hardware.cryptoki_types import (
    CK_UNAVAILABLE_INFORMATION,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_CLASS,
    CKA_ID,
    CKA_LABEL,
    CKA_VALUE,
    CKF_SERIAL_SESSION,
    CKF_TOKEN_PRESENT,
    CKO_CERTIFICATE,
    CKO_PRIVATE_KEY,
    CKR_ATTRIBUTE_SENSITIVE,
    CKR_ATTRIBUTE_TYPE_INVALID,
    CKR_OK,
    CKU_CONTEXT_SPECIFIC,
    CKU_USER,
    FUNCTIONS,
    NAMES,
    Attribute,
    FunctionList,
    Mechanism,
    PssParameters,
    SlotInfo,
    TokenInfo,
)
from kiosk.hardware.token import TokenCertificate

SLOTS_MAX = 64
MECHANISMS_MAX = 512
OBJECTS_MAX = 256
ATTRIBUTE_MAX = 128 * 1024
"""Bytes. No certificate that the kiosk would look into is longer."""
SIGNATURE_MAX = 1024
"""Bytes: RSA with 8192 bits."""


class CryptokiError(Exception):
    """A function of the module returned something else than CKR_OK."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        """Name of the return value, such as `CKR_DEVICE_ERROR`."""


def name_of(result: int) -> str:
    """Name of a return value; its number where it has none here."""
    return NAMES.get(result, f"CKR 0x{result:08X}")


def _check(result: int) -> None:
    if result != CKR_OK:
        raise CryptokiError(name_of(result))


class SlotRecord(msgspec.Struct, frozen=True):
    """A slot, as the module describes it."""

    slot: int
    description: str
    token_present: bool


class TokenRecord(msgspec.Struct, frozen=True):
    """CK_TOKEN_INFO, as far as the kiosk looks."""

    label: str
    manufacturer: str
    model: str
    serial: str
    flags: int
    """CKF bits."""
    pin_length: tuple[int, int] | None
    """Shortest and longest PIN in bytes; `None` where the token tells nonsense."""


class PrivateKey(msgspec.Struct, frozen=True):
    """A private key that can be used in the session it was found in."""

    handle: int
    """CK_OBJECT_HANDLE"""
    asks_again: bool
    """CKA_ALWAYS_AUTHENTICATE: it wants the PIN right before each use."""


class Cryptoki:
    """The functions of one module; an `ObjectAccess`. Each raises `CryptokiError`."""

    def __init__(self, module: str) -> None:
        """Get the function table.

        Raises:
            OSError, AttributeError: the file is no PKCS#11 module.
        """
        library = ctypes.CDLL(module)
        table = POINTER(FunctionList)()
        library.C_GetFunctionList.restype = c_ulong
        if library.C_GetFunctionList(ctypes.byref(table)) != CKR_OK:
            raise OSError("C_GetFunctionList failed")
        self._call: dict[str, Any] = {
            name: ctypes.CFUNCTYPE(c_ulong, *arguments)(table.contents.functions[place])
            for name, (place, arguments) in FUNCTIONS.items()
        }

    def slots(self) -> list[SlotRecord]:
        """All slots, with a token or without."""
        # With a NULL pointer the module looks for new readers (section 5.5). What it counts
        # then is not believed.
        self._call["C_GetSlotList"](0, None, ctypes.byref(c_ulong()))
        identifiers = (c_ulong * SLOTS_MAX)()
        count = c_ulong(SLOTS_MAX)
        _check(self._call["C_GetSlotList"](0, identifiers, ctypes.byref(count)))
        found = []
        for slot in identifiers[: min(count.value, SLOTS_MAX)]:
            info = SlotInfo()
            if self._call["C_GetSlotInfo"](slot, ctypes.byref(info)) != CKR_OK:
                # A reader that has just gone is no slot any more.
                continue
            present = bool(info.flags & CKF_TOKEN_PRESENT)
            found.append(SlotRecord(slot, _text(info.description), present))
        return found

    def token(self, slot: int) -> TokenRecord:
        """The token in the slot, with its flags of this moment."""
        info = TokenInfo()
        _check(self._call["C_GetTokenInfo"](slot, ctypes.byref(info)))
        shortest, longest = int(info.min_pin_length), int(info.max_pin_length)
        sensible = 0 < longest <= 255 and shortest <= longest
        shortest = max(1, shortest)
        return TokenRecord(
            label=_text(info.label),
            manufacturer=_text(info.manufacturer),
            model=_text(info.model),
            serial=_text(info.serial),
            flags=int(info.flags),
            pin_length=(shortest, longest) if sensible else None,
        )

    def mechanisms(self, slot: int) -> frozenset[int]:
        """The CKM values that the token in the slot offers."""
        kinds = (c_ulong * MECHANISMS_MAX)()
        count = c_ulong(MECHANISMS_MAX)
        _check(self._call["C_GetMechanismList"](slot, kinds, ctypes.byref(count)))
        return frozenset(kinds[: min(count.value, MECHANISMS_MAX)])

    def open_session(self, slot: int) -> int:
        """Open a read-only session."""
        session = c_ulong()
        _check(
            self._call["C_OpenSession"](slot, CKF_SERIAL_SESSION, None, None, ctypes.byref(session))
        )
        return session.value

    def close_session(self, session: int) -> None:
        """Close a session."""
        _check(self._call["C_CloseSession"](session))

    def find(self, session: int, template: Mapping[int, bytes]) -> list[int]:
        """Handles of the objects with these attributes (CKA value → raw bytes)."""
        values = {
            kind: ctypes.create_string_buffer(raw, len(raw)) for kind, raw in template.items()
        }
        attributes = (Attribute * len(values))(
            *(
                Attribute(kind, ctypes.addressof(raw), ctypes.sizeof(raw))
                for kind, raw in values.items()
            )
        )
        _check(self._call["C_FindObjectsInit"](session, attributes, len(attributes)))
        found: list[int] = []
        try:
            # The search is read to its end: some modules allow nothing else meanwhile.
            while len(found) < OBJECTS_MAX:
                handles = (c_ulong * OBJECTS_MAX)()
                count = c_ulong()
                _check(
                    self._call["C_FindObjects"](session, handles, OBJECTS_MAX, ctypes.byref(count))
                )
                if not count.value:
                    break
                found += handles[: min(count.value, OBJECTS_MAX)]
        finally:
            self._call["C_FindObjectsFinal"](session)
        return found

    def attribute(self, session: int, handle: int, kind: int) -> bytes | None:
        """An object's attribute as raw bytes; `None` if the object has none like that."""
        buffer = (c_ubyte * ATTRIBUTE_MAX)()
        wanted = Attribute(kind, ctypes.addressof(buffer), ATTRIBUTE_MAX)
        result = self._call["C_GetAttributeValue"](session, handle, ctypes.byref(wanted), 1)
        if result in (CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_SENSITIVE):
            return None
        _check(result)
        if wanted.length == CK_UNAVAILABLE_INFORMATION or wanted.length > ATTRIBUTE_MAX:
            return None
        return bytes(buffer[: wanted.length])

    def certificates(self, session: int) -> list[TokenCertificate]:
        """All certificates that show in the session."""
        return [
            TokenCertificate(
                key_id=self.attribute(session, handle, CKA_ID) or b"",
                label=(self.attribute(session, handle, CKA_LABEL) or b"").decode(
                    "utf-8", "replace"
                ),
                der=self.attribute(session, handle, CKA_VALUE) or b"",
            )
            for handle in self.find(session, {CKA_CLASS: CKO_CERTIFICATE})
        ]

    def keys(self, session: int, key_id: bytes | None) -> list[PrivateKey]:
        """The private keys with this CKA_ID, or all; none shows before login."""
        wanted = {CKA_CLASS: CKO_PRIVATE_KEY}
        if key_id is not None:
            wanted[CKA_ID] = key_id
        return [
            PrivateKey(handle, self._asks_again(session, handle))
            for handle in self.find(session, wanted)
        ]

    def _asks_again(self, session: int, handle: int) -> bool:
        """Careless modules have all kinds of errors for an attribute that they do not know."""
        try:
            return any(self.attribute(session, handle, CKA_ALWAYS_AUTHENTICATE) or b"")
        except CryptokiError:
            return False

    def login(self, session: int, pin: bytearray, user: int = CKU_USER) -> None:
        """Log in, once; an empty PIN is typed on the reader."""
        if not pin:
            _check(self._call["C_Login"](session, user, None, 0))
            return
        in_place = (c_ubyte * len(pin)).from_buffer(pin)
        _check(self._call["C_Login"](session, user, ctypes.addressof(in_place), len(pin)))

    def logout(self, session: int) -> None:
        """Log the user out."""
        _check(self._call["C_Logout"](session))

    def sign(
        self,
        session: int,
        key: int,
        mechanism: int,
        parameters: PssParameters | None,
        message: bytes,
        pin: bytearray | None = None,
    ) -> bytes:
        """Sign in one part. With a PIN (empty: on the reader), the key is given it first:
        that is what CKA_ALWAYS_AUTHENTICATE demands (section 5.6, C_Login)."""
        chosen = Mechanism(mechanism, None, 0)
        if parameters is not None:
            chosen.parameter = ctypes.addressof(parameters)
            chosen.parameter_length = ctypes.sizeof(parameters)
        _check(self._call["C_SignInit"](session, ctypes.byref(chosen), key))
        if pin is not None:
            self.login(session, pin, CKU_CONTEXT_SPECIFIC)
        signature = (c_ubyte * SIGNATURE_MAX)()
        length = c_ulong(SIGNATURE_MAX)
        _check(
            self._call["C_Sign"](session, message, len(message), signature, ctypes.byref(length))
        )
        return bytes(signature[: min(length.value, SIGNATURE_MAX)])


def _text(field: Any) -> str:
    """A fixed field, blank-padded UTF-8; careless modules pad with NUL."""
    return bytes(field).partition(b"\0")[0].decode("utf-8", "replace").rstrip()
