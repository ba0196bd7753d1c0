"""The virtual card as a YubiKey: PIV with what Yubico adds, and Yubico's module asks for.

A process like `kiosk.sandbox.card`: python -m tests.stack.yubikey_card …
Source: Yubico's description of its PIV extensions
(https://developers.yubico.com/PIV/Introduction/Yubico_extensions.html).
"""

from __future__ import annotations

import functools
import sys

from kiosk.sandbox.card import main
from kiosk.sandbox.card_server import run
from kiosk.sandbox.piv import PivApplet

ATR = bytes.fromhex("3BFD1300008131FE158073C021C057597562694B657940")
"""Of a YubiKey 5 over USB; the historical bytes end with `YubiKey`."""

VERSION = (5, 2, 7)
"""Firmware. The next one brings "get metadata"; without it the certificate tells the key."""

SERIAL = 12345678

_OK = bytes.fromhex("9000")
_WRONG_DATA = bytes.fromhex("6A80")


class YubiKeyApplet(PivApplet):
    """The PIV application of a YubiKey whose keys were imported."""

    atr = ATR

    def transmit(self, apdu: bytes) -> bytes:
        answer = _addition(apdu[1])
        if answer:
            self.apdu_count += 1
            return answer
        if len(apdu) > 5 and len(apdu) == 5 + apdu[4]:
            # A YubiKey answers in full also where the command names no length.
            apdu += b"\x00"
        return super().transmit(apdu)


def _addition(instruction: int) -> bytes:
    """The answer to an instruction of Yubico's own; empty if it is none of these."""
    match instruction:
        case 0xFD:  # Get version.
            return bytes(VERSION) + _OK
        case 0xF8:  # Get serial number.
            return SERIAL.to_bytes(4, "big") + _OK
        case 0xF9:  # Attest: only for a key that was made on the YubiKey.
            return _WRONG_DATA
    return b""


if __name__ == "__main__":
    sys.exit(main(serve=functools.partial(run, make=YubiKeyApplet)))
