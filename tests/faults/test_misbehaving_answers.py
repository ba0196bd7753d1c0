"""What the misbehaving module answers to one who calls it directly, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.misbehaving import Misbehaving

pytestmark = pytest.mark.stack

PIN = "12345678"

ASK = """
import ctypes, sys
from ctypes import POINTER, byref, c_char, c_ubyte, c_ulong, c_void_p

CKF_RW_SESSION, CKF_SERIAL_SESSION = 2, 4
PLACES = {
    "C_Initialize": 0, "C_GetInfo": 2, "C_GetSlotList": 4, "C_GetSlotInfo": 5,
    "C_GetMechanismList": 7, "C_OpenSession": 12, "C_Login": 18, "C_GetAttributeValue": 24,
    "C_FindObjectsInit": 26, "C_FindObjects": 27, "C_FindObjectsFinal": 28, "C_SignInit": 42,
    "C_Sign": 43,
}

class Functions(ctypes.Structure):
    _fields_ = (("version", c_ubyte * 2), ("functions", c_void_p * 68))

class Attribute(ctypes.Structure):
    _fields_ = (("type", c_ulong), ("value", c_void_p), ("size", c_ulong))

class Mechanism(ctypes.Structure):
    _fields_ = (("type", c_ulong), ("value", c_void_p), ("size", c_ulong))

library = ctypes.CDLL(sys.argv[1])
table = POINTER(Functions)()
assert library.C_GetFunctionList(byref(table)) == 0

def call(name, *arguments):
    places = [
        c_ulong if isinstance(one, int) else c_void_p for one in arguments
    ]
    function = ctypes.CFUNCTYPE(c_ulong, *places)(table.contents.functions[PLACES[name]])
    return function(*(
        one if isinstance(one, int) or one is None else ctypes.addressof(one) for one in arguments
    ))

assert call("C_Initialize", None) == 0
count, slots, session = c_ulong(), (c_ulong * 8)(), c_ulong()

def slot_list():
    count.value = len(slots)
    assert call("C_GetSlotList", 1, slots, count) == 0
    return slots[: count.value]

def open_session(flags):
    return call("C_OpenSession", slot_list()[0], flags, None, None, session)
"""
"""The beginning of a program that calls the module with nothing in between."""


def ask(misbehaving: Misbehaving, program: str) -> list[str]:
    """Run a program that calls the module, and return the lines that it prints."""
    ended = subprocess.run(
        [sys.executable, "-c", ASK + program, str(misbehaving.module)],
        check=False,
        env={**os.environ, **misbehaving.environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_size_0_for_a_query_and_the_truth_for_a_buffer(misbehaving: Misbehaving) -> None:
    for function in ("C_GetSlotList", "C_GetMechanismList", "C_GetAttributeValue", "C_Sign"):
        misbehaving.order(function, "size0")
    program = f"""
print("slots", call("C_GetSlotList", 1, None, count), count.value, len(slot_list()))
mechanisms = (c_ulong * 256)()
print("mechanisms", call("C_GetMechanismList", slots[0], None, count), count.value)
count.value = 256
print(call("C_GetMechanismList", slots[0], mechanisms, count), 1 in mechanisms[: count.value])

assert open_session(CKF_SERIAL_SESSION) == 0
pin = (c_ubyte * 8)(*b"{PIN}")
assert call("C_Login", session.value, 1, pin, 8) == 0
kind, key = c_ulong(3), c_ulong()
wanted = Attribute(0, ctypes.addressof(kind), 8)
assert call("C_FindObjectsInit", session.value, wanted, 1) == 0
assert call("C_FindObjects", session.value, key, 1, count) == 0 and count.value == 1
assert call("C_FindObjectsFinal", session.value) == 0

label = (c_char * 64)()
both = (Attribute * 2)(Attribute(3, None, 99), Attribute(0x102, None, 99))
print("attributes", call("C_GetAttributeValue", session.value, key.value, both, 2),
    both[0].size, both[1].size)
both = (Attribute * 2)(Attribute(3, ctypes.addressof(label), 64), Attribute(0x102, None, 99))
print(call("C_GetAttributeValue", session.value, key.value, both, 2),
    label[: both[0].size], both[1].size)

mechanism, data, signature = Mechanism(1, None, 0), (c_ubyte * 32)(), (c_ubyte * 512)()
assert call("C_SignInit", session.value, mechanism, key.value) == 0
print("sign", call("C_Sign", session.value, data, 32, None, count), count.value)
count.value = 512
print(call("C_Sign", session.value, data, 32, signature, count), count.value, any(signature))
"""
    assert ask(misbehaving, program) == [
        "slots 0 0 2",
        *("mechanisms 0 0", "0 True"),
        *("attributes 0 0 0", "0 b'rsa' 0"),
        *("sign 0 0", "0 256 True"),
    ]
    assert misbehaving.calls("C_GetAttributeValue") == 2
    assert misbehaving.reached("C_GetAttributeValue") == 1


def test_search_goes_on_behind_a_hidden_object(misbehaving: Misbehaving) -> None:
    """A caller that asks for one object at a time takes none for the end."""
    misbehaving.shape(hide_keys=True, hide_certificates=True)
    program = f"""
one, kind = c_ulong(), c_ulong()
attribute = Attribute(0, ctypes.addressof(kind), 8)

def classes():
    assert call("C_FindObjectsInit", session.value, None, 0) == 0
    while call("C_FindObjects", session.value, one, 1, count) == 0 and count.value:
        assert call("C_GetAttributeValue", session.value, one.value, attribute, 1) == 0
        yield kind.value
    assert call("C_FindObjectsFinal", session.value) == 0

assert open_session(CKF_SERIAL_SESSION) == 0
print(sorted(classes()))
assert call("C_Login", session.value, 1, (c_ubyte * 8)(*b"{PIN}"), 8) == 0
print(sorted(classes()))
"""
    certificate, public_key = 1, 2
    assert ask(misbehaving, program) == [str([public_key]), str([certificate, public_key])]


def test_slots_look_like_readers(misbehaving: Misbehaving) -> None:
    misbehaving.shape(describe="Feitian ePass2003 00 00")
    program = """
info = (c_char * 128)()
for slot in slot_list():
    print(call("C_GetSlotInfo", slot, info), info.raw[:64])
"""
    description = f"0 {b'Feitian ePass2003 00 00'.ljust(64)!r}"
    assert ask(misbehaving, program) == [description, description]


def test_passes_on_to_opensc_too(misbehaving_module: Path, tmp_path: Path) -> None:
    opensc = next(Path("/usr/lib").glob("*-linux-gnu/opensc-pkcs11.so"))
    misbehaving = Misbehaving(misbehaving_module, tmp_path, opensc)
    program = """
info = (c_char * 128)()
print(call("C_GetInfo", info), info.raw[2:34])
print(call("C_GetSlotList", 0, None, count))
"""
    assert ask(misbehaving, program) == [f"0 {b'OpenSC Project'.ljust(32)!r}", "0"]
    misbehaving.order("C_GetSlotList", "return 0x5")
    assert ask(misbehaving, program)[-1] == "5"


def test_session_for_writing_is_refused(misbehaving: Misbehaving) -> None:
    program = "print(hex(open_session(CKF_SERIAL_SESSION | CKF_RW_SESSION)))"
    assert ask(misbehaving, program) == ["0x0"]
    misbehaving.shape(no_rw=True)
    assert ask(misbehaving, program) == ["0xe2"]
