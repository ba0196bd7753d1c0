"""Three Cryptoki functions that python-pkcs11 does not offer in the shape needed here.

C_GetTokenInfo, because it tells the bounds of the PIN's length, and C_Login and C_Logout,
because python-pkcs11 wants the PIN as a `str`, whose copies cannot be wiped, and
leaks a session at each wrong PIN.

Used by the helper process only. Source: PKCS #11 Cryptographic Token Interface
Base Specification v2.40, sections 3.2, 3.7, 5.5 and 5.6.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char, c_ubyte, c_ulong, c_void_p

CKU_USER = 1

CKR_OK = 0x00
CKR_ARGUMENTS_BAD = 0x07
CKR_DEVICE_REMOVED = 0x32
CKR_PIN_INCORRECT = 0xA0
CKR_PIN_INVALID = 0xA1
CKR_PIN_LEN_RANGE = 0xA2
CKR_PIN_EXPIRED = 0xA3
CKR_PIN_LOCKED = 0xA4
CKR_TOKEN_NOT_PRESENT = 0xE0
CKR_USER_PIN_NOT_INITIALIZED = 0x102

_NAMES = {
    0x05: "CKR_GENERAL_ERROR",
    0x06: "CKR_FUNCTION_FAILED",
    0x30: "CKR_DEVICE_ERROR",
    0x31: "CKR_DEVICE_MEMORY",
    0x50: "CKR_FUNCTION_CANCELED",
    0xB3: "CKR_SESSION_HANDLE_INVALID",
    0xE1: "CKR_TOKEN_NOT_RECOGNIZED",
    0x100: "CKR_USER_ALREADY_LOGGED_IN",
    0x104: "CKR_USER_ANOTHER_ALREADY_LOGGED_IN",
    0x200: "CKR_FUNCTION_REJECTED",
}


def name_of(result: int) -> str:
    """Name of a return value of C_Login that the kiosk has no error of its own for."""
    return _NAMES.get(result, f"CKR 0x{result:08X}")


class _TokenInfo(ctypes.Structure):
    """CK_TOKEN_INFO, with the natural alignment that Unix modules use."""

    _fields_ = (
        ("label", c_ubyte * 32),
        ("manufacturer", c_ubyte * 32),
        ("model", c_ubyte * 16),
        ("serial", c_ubyte * 16),
        ("flags", c_ulong),
        ("max_session_count", c_ulong),
        ("session_count", c_ulong),
        ("max_rw_session_count", c_ulong),
        ("rw_session_count", c_ulong),
        ("max_pin_length", c_ulong),
        ("min_pin_length", c_ulong),
        ("total_public_memory", c_ulong),
        ("free_public_memory", c_ulong),
        ("total_private_memory", c_ulong),
        ("free_private_memory", c_ulong),
        ("hardware_version", c_ubyte * 2),
        ("firmware_version", c_ubyte * 2),
        ("utc_time", c_char * 16),
    )


class _FunctionList(ctypes.Structure):
    """The beginning of CK_FUNCTION_LIST: a version, then pointers in a fixed order."""

    _fields_ = (("version", c_ubyte * 2), ("functions", c_void_p * 20))


_GET_TOKEN_INFO, _LOGIN, _LOGOUT = 6, 18, 19
"""Places in CK_FUNCTION_LIST, counted from C_Initialize."""


class Cryptoki:
    """The three functions of a module that python-pkcs11 has loaded and initialised."""

    def __init__(self, module: str) -> None:
        library = ctypes.CDLL(module)
        functions = POINTER(_FunctionList)()
        library.C_GetFunctionList.restype = c_ulong
        if library.C_GetFunctionList(ctypes.byref(functions)) != CKR_OK:
            raise OSError("C_GetFunctionList failed")
        table = functions.contents.functions
        self._get_token_info = ctypes.CFUNCTYPE(c_ulong, c_ulong, POINTER(_TokenInfo))(
            table[_GET_TOKEN_INFO]
        )
        self._login = ctypes.CFUNCTYPE(c_ulong, c_ulong, c_ulong, c_void_p, c_ulong)(table[_LOGIN])
        self._logout = ctypes.CFUNCTYPE(c_ulong, c_ulong)(table[_LOGOUT])

    def pin_length(self, slot: int) -> tuple[int, int] | None:
        """Shortest and longest PIN in bytes, or `None` where the token tells nonsense."""
        info = _TokenInfo()
        if self._get_token_info(slot, ctypes.byref(info)) != CKR_OK:
            return None
        shortest, longest = int(info.min_pin_length), int(info.max_pin_length)
        return (shortest, longest) if 0 < longest <= 255 and shortest <= longest else None

    def login(self, session: int, pin: bytearray) -> int:
        """Log the user in, once; an empty PIN is typed on the reader. Returns a CKR value."""
        if not pin:
            return int(self._login(session, CKU_USER, None, 0))
        in_place = (c_ubyte * len(pin)).from_buffer(pin)
        return int(self._login(session, CKU_USER, ctypes.addressof(in_place), len(pin)))

    def logout(self, session: int) -> int:
        """Log the user out. Returns a CKR value."""
        return int(self._logout(session))
