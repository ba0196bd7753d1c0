"""What the kiosk reads from a PKCS#11 module: slots, certificates and keys.

There are two ways. `LibraryAccess` is python-pkcs11, for drivers that keep to the
standard. `Cryptoki` reads with buffers of fixed size, for drivers that answer a size query
with 0; the catalogue says for which families (`fixed_buffers = true`). Both open read-only
sessions, and both raise `CryptokiError`.

Runs in the helper process only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pkcs11
from pkcs11 import Attribute, ObjectClass, PKCS11Error, SlotFlag

from kiosk.hardware.cryptoki import CryptokiError, PrivateKey, SlotRecord, TokenRecord
from kiosk.hardware.token import TokenCertificate


class ObjectAccess(Protocol):
    """What the kiosk reads from a module. Every method raises `CryptokiError`."""

    def slots(self) -> list[SlotRecord]:
        """All slots, with a token or without."""
        ...

    def token(self, slot: int) -> TokenRecord:
        """The token in the slot, with its flags of this moment; a session is opened on it
        without asking for it again. The bounds of its PIN may be missing."""
        ...

    def mechanisms(self, slot: int) -> frozenset[int]:
        """The CKM values that the token in the slot offers."""
        ...

    def open_session(self, slot: int) -> int:
        """Open a read-only session and return its handle."""
        ...

    def close_session(self, session: int) -> None:
        """Close a session."""
        ...

    def certificates(self, session: int) -> list[TokenCertificate]:
        """All certificates that show in the session."""
        ...

    def keys(self, session: int, key_id: bytes | None) -> list[PrivateKey]:
        """The private keys with this CKA_ID, or all; none shows before login."""
        ...


class LibraryAccess(ObjectAccess):
    """Reads with python-pkcs11. See `ObjectAccess`."""

    def __init__(self, library: Any) -> None:
        """Take the `pkcs11.lib` of a module."""
        self._library = library
        self._slots: dict[int, pkcs11.Slot] = {}
        self._tokens: dict[int, pkcs11.Token] = {}
        """By slot. Nothing is read from one but what it is a handle for: it does not age."""
        self._sessions: dict[int, pkcs11.Session] = {}

    def slots(self) -> list[SlotRecord]:
        """See `ObjectAccess`."""
        with _translated():
            found = self._library.get_slots()
            self._slots = {slot.slot_id: slot for slot in found}
            return [
                SlotRecord(
                    slot.slot_id, slot.slot_description, SlotFlag.TOKEN_PRESENT in slot.flags
                )
                for slot in found
            ]

    def token(self, slot: int) -> TokenRecord:
        """See `ObjectAccess`."""
        with _translated():
            token = self._tokens[slot] = self._slots[slot].get_token()
        return TokenRecord(
            label=_field(token.label),
            manufacturer=_field(token.manufacturer_id),
            model=_field(token.model),
            serial=_field(token.serial.decode("utf-8", "replace")),
            flags=int(token.flags),
            pin_length=None,
        )

    def mechanisms(self, slot: int) -> frozenset[int]:
        """See `ObjectAccess`."""
        with _translated():
            return frozenset(int(one) for one in self._slots[slot].get_mechanisms())

    def open_session(self, slot: int) -> int:
        """See `ObjectAccess`."""
        with _translated():
            if slot not in self._tokens:
                self._tokens[slot] = self._slots[slot].get_token()
            session = self._tokens[slot].open()
        # python-pkcs11's type stubs do not know the handle.
        handle = int(session.handle)  # type: ignore[attr-defined]
        self._sessions[handle] = session
        return handle

    def close_session(self, session: int) -> None:
        """See `ObjectAccess`."""
        with _translated():
            self._sessions.pop(session).close()

    def certificates(self, session: int) -> list[TokenCertificate]:
        """See `ObjectAccess`."""
        with _translated():
            return [
                TokenCertificate(
                    key_id=_attribute(one, Attribute.ID) or b"",
                    label=_attribute(one, Attribute.LABEL) or "",
                    der=bytes(_attribute(one, Attribute.VALUE) or b""),
                )
                for one in self._objects(session, {Attribute.CLASS: ObjectClass.CERTIFICATE})
            ]

    def keys(self, session: int, key_id: bytes | None) -> list[PrivateKey]:
        """See `ObjectAccess`."""
        wanted: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        if key_id is not None:
            wanted[Attribute.ID] = key_id
        with _translated():
            return [
                PrivateKey(
                    key.handle or 0,
                    _asks_again(key),
                )
                for key in self._objects(session, wanted)
            ]

    def _objects(self, session: int, wanted: dict[Attribute, Any]) -> list[pkcs11.Object]:
        # The search is read to its end first: some modules allow nothing else meanwhile.
        return list(self._sessions[session].get_objects(wanted))


def _field(text: str) -> str:
    """A fixed field, which careless modules pad with NUL."""
    return text.partition("\0")[0].rstrip()


def _attribute(one: pkcs11.Object, attribute: Attribute) -> Any:
    """An attribute that a careless token may lack, or have in no encoding at all."""
    try:
        return one[attribute]
    except (pkcs11.AttributeTypeInvalid, UnicodeDecodeError):
        return None


def _asks_again(key: pkcs11.Object) -> bool:
    """Careless modules have all kinds of errors for an attribute that they do not know."""
    try:
        return bool(_attribute(key, Attribute.ALWAYS_AUTHENTICATE))
    except PKCS11Error:
        return False


@contextmanager
def _translated() -> Iterator[None]:
    """Turn python-pkcs11's errors into `CryptokiError`."""
    try:
        yield
    except PKCS11Error as error:
        raise CryptokiError(name_of_error(error)) from None


def name_of_error(error: PKCS11Error) -> str:
    """Name of the return value: python-pkcs11 names its exceptions after them.

    A value that python-pkcs11 does not know is told as a number, in its words.
    """
    if type(error) is PKCS11Error:
        return str(error)
    if isinstance(error, pkcs11.TokenNotRecognised):
        return "CKR_TOKEN_NOT_RECOGNIZED"
    words = re.findall(r"[A-Z][a-z]+|[A-Z0-9]+(?![a-z])", type(error).__name__)
    return "CKR_" + "_".join(word.upper() for word in words)
