"""The standard's numbers and structures, as far as the kiosk uses them.

Source: PKCS #11 Cryptographic Token Interface Base Specification v2.40, sections 3 and 5,
and its Current Mechanisms Specification. Structures have the natural alignment that Unix
modules use.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char, c_ubyte, c_ulong, c_void_p
from typing import Any

CKU_USER = 1
CKU_CONTEXT_SPECIFIC = 2

CKF_TOKEN_PRESENT = 0x01
"""CK_SLOT_INFO"""
CKF_PROTECTED_AUTHENTICATION_PATH = 0x100
CKF_TOKEN_INITIALIZED = 0x400
CKF_USER_PIN_INITIALIZED = 0x08
CKF_USER_PIN_COUNT_LOW = 0x10000
CKF_USER_PIN_FINAL_TRY = 0x20000
CKF_USER_PIN_LOCKED = 0x40000
CKF_USER_PIN_TO_BE_CHANGED = 0x80000
"""CK_TOKEN_INFO"""
CKF_SERIAL_SESSION = 0x04
"""CK_SESSION_INFO. Without CKF_RW_SESSION beside it, the session is read-only."""

CKO_CERTIFICATE = bytes(c_ulong(1))
CKO_PRIVATE_KEY = bytes(c_ulong(3))
"""CK_OBJECT_CLASS, as they lie in memory."""

CKA_CLASS = 0x00
CKA_LABEL = 0x03
CKA_VALUE = 0x11
CKA_ID = 0x102
CKA_ALWAYS_AUTHENTICATE = 0x202

CKM_RSA_PKCS = 0x01
CKM_RSA_PKCS_PSS = 0x0D
CKM_SHA256_RSA_PKCS = 0x40
CKM_SHA256_RSA_PKCS_PSS = 0x43
CKM_SHA256 = 0x250
CKM_ECDSA = 0x1041
CKG_MGF1_SHA256 = 0x02

CKR_OK = 0x00
CKR_ATTRIBUTE_SENSITIVE = 0x11
CKR_ATTRIBUTE_TYPE_INVALID = 0x12

CK_UNAVAILABLE_INFORMATION = c_ulong(-1).value

NAMES = {
    0x01: "CKR_CANCEL",
    0x02: "CKR_HOST_MEMORY",
    0x03: "CKR_SLOT_ID_INVALID",
    0x05: "CKR_GENERAL_ERROR",
    0x06: "CKR_FUNCTION_FAILED",
    0x07: "CKR_ARGUMENTS_BAD",
    0x11: "CKR_ATTRIBUTE_SENSITIVE",
    0x12: "CKR_ATTRIBUTE_TYPE_INVALID",
    0x20: "CKR_DATA_INVALID",
    0x21: "CKR_DATA_LEN_RANGE",
    0x30: "CKR_DEVICE_ERROR",
    0x31: "CKR_DEVICE_MEMORY",
    0x32: "CKR_DEVICE_REMOVED",
    0x50: "CKR_FUNCTION_CANCELED",
    0x54: "CKR_FUNCTION_NOT_SUPPORTED",
    0x60: "CKR_KEY_HANDLE_INVALID",
    0x63: "CKR_KEY_TYPE_INCONSISTENT",
    0x68: "CKR_KEY_FUNCTION_NOT_PERMITTED",
    0x70: "CKR_MECHANISM_INVALID",
    0x71: "CKR_MECHANISM_PARAM_INVALID",
    0x82: "CKR_OBJECT_HANDLE_INVALID",
    0x90: "CKR_OPERATION_ACTIVE",
    0x91: "CKR_OPERATION_NOT_INITIALIZED",
    0xA0: "CKR_PIN_INCORRECT",
    0xA1: "CKR_PIN_INVALID",
    0xA2: "CKR_PIN_LEN_RANGE",
    0xA3: "CKR_PIN_EXPIRED",
    0xA4: "CKR_PIN_LOCKED",
    0xB0: "CKR_SESSION_CLOSED",
    0xB1: "CKR_SESSION_COUNT",
    0xB3: "CKR_SESSION_HANDLE_INVALID",
    0xB5: "CKR_SESSION_READ_ONLY",
    0xE0: "CKR_TOKEN_NOT_PRESENT",
    0xE1: "CKR_TOKEN_NOT_RECOGNIZED",
    0xE2: "CKR_TOKEN_WRITE_PROTECTED",
    0x100: "CKR_USER_ALREADY_LOGGED_IN",
    0x101: "CKR_USER_NOT_LOGGED_IN",
    0x102: "CKR_USER_PIN_NOT_INITIALIZED",
    0x103: "CKR_USER_TYPE_INVALID",
    0x104: "CKR_USER_ANOTHER_ALREADY_LOGGED_IN",
    0x150: "CKR_BUFFER_TOO_SMALL",
    0x190: "CKR_CRYPTOKI_NOT_INITIALIZED",
    0x200: "CKR_FUNCTION_REJECTED",
}
"""Names of the return values (CK_RV)."""


class SlotInfo(ctypes.Structure):
    """CK_SLOT_INFO"""

    _fields_ = (
        ("description", c_ubyte * 64),
        ("manufacturer", c_ubyte * 32),
        ("flags", c_ulong),
        ("hardware_version", c_ubyte * 2),
        ("firmware_version", c_ubyte * 2),
    )


class TokenInfo(ctypes.Structure):
    """CK_TOKEN_INFO"""

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


class Attribute(ctypes.Structure):
    """CK_ATTRIBUTE"""

    _fields_ = (("type", c_ulong), ("value", c_void_p), ("length", c_ulong))


class Mechanism(ctypes.Structure):
    """CK_MECHANISM"""

    _fields_ = (("mechanism", c_ulong), ("parameter", c_void_p), ("parameter_length", c_ulong))


class PssParameters(ctypes.Structure):
    """CK_RSA_PKCS_PSS_PARAMS"""

    _fields_ = (("hash", c_ulong), ("mgf", c_ulong), ("salt_length", c_ulong))


class FunctionList(ctypes.Structure):
    """The beginning of CK_FUNCTION_LIST: a version, then pointers in a fixed order."""

    _fields_ = (("version", c_ubyte * 2), ("functions", c_void_p * 44))


FUNCTIONS: dict[str, tuple[int, tuple[Any, ...]]] = {
    "C_GetSlotList": (4, (c_ubyte, c_void_p, POINTER(c_ulong))),
    "C_GetSlotInfo": (5, (c_ulong, POINTER(SlotInfo))),
    "C_GetTokenInfo": (6, (c_ulong, POINTER(TokenInfo))),
    "C_GetMechanismList": (7, (c_ulong, c_void_p, POINTER(c_ulong))),
    "C_OpenSession": (12, (c_ulong, c_ulong, c_void_p, c_void_p, POINTER(c_ulong))),
    "C_CloseSession": (13, (c_ulong,)),
    "C_Login": (18, (c_ulong, c_ulong, c_void_p, c_ulong)),
    "C_Logout": (19, (c_ulong,)),
    "C_GetAttributeValue": (24, (c_ulong, c_ulong, POINTER(Attribute), c_ulong)),
    "C_FindObjectsInit": (26, (c_ulong, c_void_p, c_ulong)),
    "C_FindObjects": (27, (c_ulong, c_void_p, c_ulong, POINTER(c_ulong))),
    "C_FindObjectsFinal": (28, (c_ulong,)),
    "C_SignInit": (42, (c_ulong, POINTER(Mechanism), c_ulong)),
    "C_Sign": (43, (c_ulong, c_void_p, c_ulong, c_void_p, POINTER(c_ulong))),
}
"""Place in CK_FUNCTION_LIST, counted from C_Initialize, and the types of the arguments."""
