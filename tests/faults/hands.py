"""How each fault of the matrix is made, on the rig of its cell, and how it is undone."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kiosk import flow
from kiosk.flow import State
from kiosk.hardware.catalogue import Family
from kiosk.sandbox.card import Instruction
from kiosk.sandbox.embedded import READER_NAME
from tests.faults.matrix import Step
from tests.faults.misbehaving import Misbehaving
from tests.faults.rig import CardRig, Rig, SoftRig
from tests.stack.parts import Pcscd

Hand = Callable[[Any, Step], Awaitable[None]]

FLAG = {"initialised": 0x400, "pin set": 0x8, "low": 0x10000, "locked": 0x40000, "change": 0x80000}
"""CK_TOKEN_INFO.flags"""


async def _nothing(_rig: Any, _step: Step) -> None:
    """Nothing has to be done."""


@dataclass
class Hands:
    """One fault, as it is made."""

    token: str = "hoa-sen"
    pin: str = "12345678"
    before: Callable[[Misbehaving], None] = lambda _: None
    """What is spoilt before the kiosk is switched on."""
    family: Callable[[Family, Path], Family] = lambda family, _: family
    """What the catalogue says; gets a folder for files."""
    strike: Hand | None = None
    """What happens at a standing step, or while the machine works at a step."""
    arm: Hand = _nothing
    """What is spoilt on the brink of a step, before the machine begins to work."""
    after_login: Callable[[Misbehaving], None] | None = None
    """What is spoilt at signing, where the same call is made before as well."""
    undo: Hand = _nothing
    """Takes the cause away."""
    shape: dict[str, Any] = field(default_factory=dict)
    """What kind of token it is."""


# Readers and cards


async def _remove(rig: Rig, _step: Step) -> None:
    await rig.remove()
    await rig.visitor.until(lambda: not rig.visitor.readers.cards, "removal")


async def _vanish(rig: SoftRig, _step: Step) -> None:
    rig.reader.vanish()


async def _swap(rig: CardRig, _step: Step) -> None:
    await asyncio.to_thread(rig.card.swap, "binh-minh")


async def _bounce(rig: SoftRig, step: Step) -> None:
    """Out and in between two looks at the reader."""
    if step is Step.INSERT:
        rig.reader.insert(rig.token)
    reader = rig.reader
    report, reader._report = reader._report, None
    reader.remove()
    reader.insert(rig.token)
    reader._report = report
    if report is not None:
        report(reader.state())


async def _second(rig: CardRig, step: Step) -> None:
    if step is Step.INSERT:
        await rig.insert()
    await rig.insert_second()


async def _leave_one(rig: CardRig, _step: Step) -> None:
    for other in rig.others:
        await asyncio.to_thread(other.remove)


def pcscd_hands(pcscd: Pcscd) -> dict[str, Hands]:
    """The faults of the smart card service itself.

    It is started here and not in a thread, because it dies with the thread that started it.
    """

    async def stop(rig: CardRig, _step: Step) -> None:
        pcscd.stop()
        await rig.visitor.until(lambda: not rig.visitor.readers.available, "PC/SC's end")

    async def start(rig: CardRig, _step: Step) -> None:
        if not pcscd.running:
            pcscd.start()
        await rig.visitor.until(lambda: rig.visitor.readers.available, "PC/SC's return")
        if await asyncio.to_thread(rig.card.inserted):
            await rig.visitor.until(lambda: bool(rig.visitor.readers.cards), "the token")

    async def restart(_rig: CardRig, _step: Step) -> None:
        pcscd.stop()
        pcscd.start()

    return {
        "pcscd-stopped": Hands(strike=stop, undo=start),
        "pcscd-restarted": Hands(strike=restart, undo=start),
    }


def _card(
    bad: Callable[[CardRig, Step], Callable[[], None]], good: Callable[[CardRig], None]
) -> Hands:
    """A card that misbehaves from the brink of a step on."""

    async def arm(rig: CardRig, step: Step) -> None:
        await asyncio.to_thread(bad(rig, step))

    async def undo(rig: CardRig, _step: Step) -> None:
        await asyncio.to_thread(good, rig)

    return Hands(arm=arm, undo=undo)


INSTRUCTION = {Step.LOGIN: Instruction.VERIFY, Step.SIGN: Instruction.GENERAL_AUTHENTICATE}
"""What a card is told to spoil at a step; at others, everything."""


async def _mute(rig: CardRig, _step: Step) -> None:
    await asyncio.to_thread(rig.card.mute, True)
    await rig.insert()


async def _speak(rig: CardRig, _step: Step) -> None:
    await asyncio.to_thread(rig.card.mute, False)
    await rig.remove()
    await rig.visitor.until(lambda: not rig.visitor.readers.cards, "removal")
    await rig.insert()
    await rig.visitor.until(
        lambda: any(not card.mute for card in rig.visitor.readers.cards), "a card that speaks"
    )


# Drivers


async def _kill(rig: SoftRig, step: Step) -> None:
    if step is Step.CONSENT:
        await rig.visitor.until(lambda: rig.driver._warm is not None, "a warm helper")
        pid = rig.driver._warm.pid  # type: ignore[union-attr]
    else:
        pid = rig.visitor.helper_pid if rig.visitor.controller._visit.token else _only_helper(rig)
    os.kill(pid, signal.SIGKILL)


def _only_helper(rig: SoftRig) -> int:
    """The helper of a token that is still being opened."""
    return next(one.pid for one in rig.driver._helpers if one.alive)


async def _obey(rig: Rig, _step: Step) -> None:
    rig.misbehaving.obey()


def _spoiled(function: str, action: str, times: int | None = None) -> Hands:
    """A function of the driver that is spoilt from the brink of a step on."""

    async def arm(rig: Rig, step: Step) -> None:
        if step is not Step.SIGN:
            rig.misbehaving.order(function, action, times=times)

    def after_login(module: Misbehaving) -> None:
        module.order(function, action, times=times)

    return Hands(arm=arm, after_login=after_login, undo=_obey)


def _from_the_start(function: str, action: str) -> Hands:
    """A function that is spoilt before the kiosk is switched on."""

    def before(module: Misbehaving) -> None:
        module.order(function, action)

    return Hands(before=before, undo=_obey)


def _shaped(token: str = "hoa-sen", pin: str = "12345678", **shape: Any) -> Hands:
    return Hands(token=token, pin=pin, shape=shape, undo=_obey)


def _sizes_are_0(module: Misbehaving) -> None:
    for function in ("C_GetSlotList", "C_GetMechanismList", "C_GetAttributeValue", "C_Sign"):
        module.order(function, "size0")


def _attributes_are_0(module: Misbehaving) -> None:
    module.order("C_GetAttributeValue", "size0")


def _with(**options: bool) -> Callable[[Family, Path], Family]:
    def change(family: Family, _folder: Path) -> Family:
        return Family(family.name, family.modules, **options)  # type: ignore[arg-type]

    return change


def _file(content: Callable[[Path], bytes] | None) -> Callable[[Family, Path], Family]:
    """A module whose file is another one, made of the good one; none at all without content."""

    def change(family: Family, folder: Path) -> Family:
        path = folder / "module.so"
        if content is not None:
            path.write_bytes(content(family.modules[0]))
        return Family(family.name, (path,))

    return change


def _broken_first(family: Family, folder: Path) -> Family:
    path = folder / "module.so"
    path.write_bytes(b"no library")
    return Family(family.name, (path, *family.modules))


def _other_machine(module: Path) -> bytes:
    """The same library, for another processor (e_machine, ELF specification, figure 1-3)."""
    content = bytearray(module.read_bytes())
    content[18:20] = struct.pack("<H", 0xF3)
    return bytes(content)


CKR = {
    "GENERAL_ERROR": 0x05,
    "DEVICE_ERROR": 0x30,
    "DEVICE_REMOVED": 0x32,
    "KEY_HANDLE_INVALID": 0x60,
    "MECHANISM_INVALID": 0x70,
    "PIN_LEN_RANGE": 0xA2,
    "PIN_EXPIRED": 0xA3,
    "PIN_LOCKED": 0xA4,
    "SESSION_COUNT": 0xB1,
    "TOKEN_NOT_RECOGNIZED": 0xE1,
    "USER_ALREADY_LOGGED_IN": 0x100,
    "USER_NOT_LOGGED_IN": 0x101,
    "USER_PIN_NOT_INITIALIZED": 0x102,
}

_SPOILABLE = (
    *("C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_FindObjects"),
    *("C_GetAttributeValue", "C_Login", "C_SignInit", "C_Sign"),
)


async def _cancel_pin_pad(rig: SoftRig, _step: Step) -> None:
    rig.misbehaving.order("C_Login", "return 0x50")


async def _miss_twice_untold(rig: CardRig, step: Step) -> None:
    """The second miss is not followed by flags that could be read."""
    await _miss_twice(rig, step)
    # None is read before the login, of a card that has stayed in.
    rig.misbehaving.order("C_GetTokenInfo", "return 0x30", times=1)


async def _miss_twice(rig: CardRig, _step: Step) -> None:
    """Somebody missed before: the next miss is the second."""
    rig.visitor.confirm_pin("87654321")
    await rig.visitor.reaches(State.PIN_WRONG)
    rig.visitor.do(flow.Retried())
    await rig.visitor.reaches(State.PIN)


HANDS: dict[str, Hands] = {
    "card-removed": Hands(strike=_remove),
    "reader-removed": Hands(strike=_vanish),
    "card-swapped": Hands(strike=_swap),
    "card-bounced": Hands(strike=_bounce),
    "second-token": Hands(strike=_second, undo=_leave_one),
    "card-mute": Hands(strike=_mute, undo=_speak),
    "card-garbage": _card(
        lambda rig, step: lambda: rig.card.garbage(True, INSTRUCTION.get(step)),
        lambda rig: rig.card.garbage(False),
    ),
    "card-slow": _card(lambda rig, _: lambda: rig.card.slow(2000), lambda rig: rig.card.slow(0)),
    "card-hangs": _card(
        lambda rig, step: lambda: rig.card.hang(True, INSTRUCTION.get(step)),
        lambda rig: rig.card.hang(False),
    ),
    "helper-killed": Hands(strike=_kill),
    "first-module-broken": Hands(family=_broken_first),
    "several-slots": Hands(
        token="hoa-sen, several slots", shape={"describe": READER_NAME, "serial": "0123456789"}
    ),
    "module-absent": Hands(family=_file(None)),
    "module-no-elf": Hands(family=_file(lambda _: b"#!/bin/sh\n" * 100)),
    "module-other-machine": Hands(family=_file(_other_machine)),
    "crash-while-preparing": _spoiled("C_GetTokenInfo", "crash", times=1),
    **{
        f"{function}-{kind}": _from_the_start(function, action)
        for function in ("load", "C_Initialize")
        for kind, action in (("crashes", "crash"), ("hangs", "hang"))
    },
    **{f"{function}-crashes": _spoiled(function, "crash") for function in _SPOILABLE},
    **{f"{function}-hangs": _spoiled(function, "hang") for function in _SPOILABLE},
    **{
        f"{function}-{code}": _spoiled(function, f"return {value:#x}")
        for function in _SPOILABLE
        for code, value in CKR.items()
    },
    # Once, as by a driver that offers a mechanism that it cannot do; it has another.
    "C_SignInit-MECHANISM_INVALID": _spoiled("C_SignInit", "return 0x70", times=1),
    "C_Finalize-hangs": _from_the_start("C_Finalize", "hang"),
    "hangs-before-login": _shaped(hang_before_login=True),
    "hangs-before-login-and-known": Hands(
        shape={"hang_before_login": True}, family=_with(certificates_after_login=True)
    ),
    "login-answer-lost": _spoiled("C_Login", "after 0x30"),
    "sizes-are-0": Hands(before=_attributes_are_0, undo=_obey),
    "sizes-are-0-and-known": Hands(before=_sizes_are_0, family=_with(fixed_buffers=True)),
    "no-rw-sessions": _shaped(no_rw=True),
    "pin-wrong": Hands(pin="87654321"),
    "pin-last-try": Hands(token="last-try"),
    "pin-second-miss": Hands(pin="87654321", arm=_miss_twice),
    "pin-second-miss-untold": Hands(pin="87654321", arm=_miss_twice_untold),
    "pin-locked-now": Hands(token="last-try", pin="87654321"),
    "pin-locked-before": Hands(token="locked"),
    "pin-count-low": _shaped(set_flags=FLAG["low"]),
    "pin-too-short": _shaped(pin="1234", pin_length=(6, 16)),
    "pin-too-long": _shaped(pin="123456789", pin_length=(4, 8)),
    "pin-bounds-nonsense": _shaped(pin_length=(0xFFFFFFFF, 0)),
    "pin-must-change": _shaped(set_flags=FLAG["change"]),
    "pin-not-set": _shaped(clear_flags=FLAG["pin set"]),
    "pin-pad": _shaped(pin="", pin_pad="12345678"),
    "pin-pad-cancelled": Hands(
        pin="", shape={"pin_pad": "12345678"}, arm=_cancel_pin_pad, undo=_obey
    ),
    "key-asks-again": Hands(token="two-certificates"),
    "token-blank": _shaped(clear_flags=FLAG["initialised"] | FLAG["pin set"]),
    "no-certificate": Hands(token="empty"),
    "several-certificates": Hands(token="two-certificates"),
    "hidden": _shaped(hide_certificates=True),
    "hidden-and-known": Hands(
        shape={"hide_certificates": True}, family=_with(certificates_after_login=True)
    ),
    "hidden-several": Hands(
        token="two-certificates",
        shape={"hide_certificates": True},
        family=_with(certificates_after_login=True),
    ),
    "hidden-expired": Hands(
        token="expired",
        shape={"hide_certificates": True},
        family=_with(certificates_after_login=True),
    ),
    "several-slots-hidden": Hands(
        token="hoa-sen, several slots",
        shape={"describe": READER_NAME, "serial": "0123456789", "hide_certificates": True},
        family=_with(certificates_after_login=True),
    ),
    "pss-only": Hands(token="hoa-sen, pss"),
    "curve-without-algorithm": Hands(token="p-521"),
    "key-missing": _shaped(hide_keys=True),
    **{
        name: Hands(token=name)
        for name in (
            *("expired", "future", "foreign", "weak", "revoked", "suspended", "sha1"),
            *("wrong-usage", "no-tax-code", "broken", "huge-name", "hostile-name"),
        )
    },
    "works-RSA2048": Hands(),
    "works-RSA3072": Hands(token="rsa-3072"),
    "works-RSA4096": Hands(token="rsa-4096"),
    "works-P-256": Hands(token="binh-minh"),
    "works-P-384": Hands(token="p-384"),
}
"""By the fault's key."""
