"""PC/SC: whether pcscd answers this user, which readers there are, what polkit says."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable

from kiosk.doctor.findings import Finding, failed, ok, skipped, warning
from kiosk.doctor.machine import Machine, own_name
from kiosk.hardware.readers import Pcsc, PcscUnavailable
from kiosk.text import clean_text

ACTIONS = ("org.debian.pcsc-lite.access_pcsc", "org.debian.pcsc-lite.access_card")
"""What pcscd 2 asks polkit for: to talk to it at all, and to use a card."""

VIRTUAL_READER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"

_POLICY = "/usr/share/polkit-1/actions/org.debian.pcsc-lite.policy"
_PATIENCE = 1.0
"""Seconds to wait for a reader: pcscd may just have been started by the question."""

START_PCSCD = (
    "Start it: `systemctl enable --now pcscd.socket` (Debian package pcscd); "
    "`systemctl status pcscd` and `journalctl -u pcscd` tell more."
)
_REFUSED = "0x8010006A"
"""SCARD_W_SECURITY_VIOLATION, as pcscd 2 answers whom polkit keeps out."""
_NO_READER = (
    "Plug it in again, or into another port; `lsusb` shows whether the machine sees it; most "
    "need the Debian package libccid."
)
_RULE = (
    "The kiosk's package brings /usr/share/polkit-1/rules.d/60-vnpt-bhxh-kiosk.rules, which lets "
    "user kiosk in: look whether it is there, and whether `systemctl status polkit` is in order."
)


def look_at_readers(pcsc: Pcsc, *, fixed_reader: bool) -> list[Finding]:
    """Ask pcscd for its readers, as the kiosk does.

    Args:
        pcsc: the way to pcscd.
        fixed_reader: the machine has a reader of its own.
    """
    if importlib.util.find_spec("smartcard") is None:
        advice = "Install the kiosk's package anew: its Python package pyscard is missing."
        return [failed("pcscd", "PC/SC cannot be asked: pyscard is not installed", advice)]
    try:
        names = _readers(pcsc)
    except PcscUnavailable as error:
        if _REFUSED in str(error):
            return [failed("pcscd", f"pcscd refuses {own_name()}: polkit keeps it out", _RULE)]
        return [failed("pcscd", f"pcscd does not answer {own_name()} ({error})", START_PCSCD)]
    answers = ok("pcscd", f"pcscd answers {own_name()}")
    readers = [clean_text(name, 100) for name in names]
    if readers:
        return [answers, ok("readers", f"readers: {', '.join(readers)}", readers=readers)]
    if fixed_reader:
        text = "no reader, and hardware.fixed_reader says that there has to be one"
        return [answers, failed("readers", text, _NO_READER, readers=[])]
    text = "no reader now: a customer's USB token brings its own along"
    return [answers, ok("readers", text, readers=[])]


def _readers(pcsc: Pcsc) -> tuple[str, ...]:
    deadline = time.monotonic() + _PATIENCE
    try:
        pcsc.establish()
        while not (names := pcsc.readers()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return names
    finally:
        pcsc.release()


def look_at_virtual_reader(machine: Machine) -> list[Finding]:
    """A laboratory's reader lets anybody on the network put a card in: not on a kiosk."""
    if not machine.at(VIRTUAL_READER).exists():
        return []
    text = "the virtual reader vpcd is installed: it takes cards from the network"
    return [warning("vpcd", text, "On a kiosk in service: `apt-get purge vsmartcard-vpcd`.")]


def look_at_polkit(machine: Machine, pid: Callable[[], int] = os.getpid) -> list[Finding]:
    """Ask polkit whether this user may use pcscd without an active session.

    Args:
        machine: where to look.
        pid: whose process to ask about.
    """
    if not machine.at(_POLICY).exists():
        text = "pcscd here does not ask polkit (it does from Debian 13 on)"
        return [ok("polkit", text, action=None)]
    return [_ask_polkit(machine, action, pid()) for action in ACTIONS]


def _ask_polkit(machine: Machine, action: str, pid: int) -> Finding:
    ran = machine.run(("pkcheck", "--action-id", action, "--process", str(pid)))
    if ran is None:
        return skipped("polkit", f"pkcheck is not installed (Debian package polkitd); {action}")
    if ran.code == 0:
        return ok("polkit", f"polkit lets {own_name()} do {action}", action=action)
    if ran.code in (1, 2, 3):
        # pkcheck(1): not authorised; it would need a password, which nobody types.
        text = f"polkit does not let {own_name()} do {action}: pcscd would hide the readers"
        return failed("polkit", text, _RULE, action=action)
    said = "no answer in time" if ran.code is None else clean_text(ran.output, 200)
    text = f"polkit cannot be asked about {action}: {said or f'pkcheck ended with {ran.code}'}"
    advice = "`systemctl status polkit dbus` tells more; without polkit pcscd lets only root in."
    return warning("polkit", text, advice, action=action)
