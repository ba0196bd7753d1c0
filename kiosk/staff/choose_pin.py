"""The command `kiosk staff pin`: asks for a new staff PIN on a terminal, without echo."""

from __future__ import annotations

import hmac
import os
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kiosk.config import ConfigError
from kiosk.staff.pin_hash import LONGEST, SHORTEST, HashFailed, make_hash

_ENTER = b"\r\n"
_ERASE = b"\x7f\x08"
_END = b"\x03\x04"
"""Ctrl+C and Ctrl+D, which end the question."""


def choose_pin(say: Callable[[str], None]) -> str | None:
    """Ask twice, and return the line for `kiosk.toml`; None if there is no PIN.

    The PIN is read byte by byte into one bytearray, and wiped.

    Args:
        say: tells the person at the terminal something.

    Raises:
        ConfigError: there is no terminal to ask on.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError("kiosk", "terminal", "none on standard input and error", "a terminal")
    first, second = bytearray(), bytearray()
    try:
        with _no_echo(sys.stdin.fileno()):
            if not _ask(f"New staff PIN ({SHORTEST} to {LONGEST} digits): ", first):
                return None
            if not SHORTEST <= len(first) <= LONGEST:
                say(f"the staff PIN has {SHORTEST} to {LONGEST} digits")
                return None
            if reason := weakness(first):
                say(f"{reason}: that is guessed at once; choose another")
                return None
            if not _ask("The same again: ", second):
                return None
        if not hmac.compare_digest(first, second):
            say("the two PINs differ; nothing was changed")
            return None
        return f'pin_hash = "{make_hash(first)}"'
    except HashFailed as error:
        say(f"the hash could not be computed: {error}")
        return None
    finally:
        for secret in (first, second):
            secret[:] = bytes(len(secret))


def weakness(pin: bytearray) -> str:
    """Why anybody would try this PIN first; empty if nobody would.

    The digits are compared where they lie, so that no copy of them stays behind.
    """
    digits = range(1, len(pin))
    if all(pin[i] == pin[0] for i in digits):
        return "one digit only"
    steps = {(pin[i] - pin[i - 1]) % 10 for i in digits}
    # 0 as well: 112233 is counting too.
    if steps <= {0, 1} or steps <= {0, 9}:
        return "digits in the order of counting, up or down"
    for length in range(2, len(pin) // 2 + 1):
        if all(pin[i] == pin[i - length] for i in range(length, len(pin))):
            return f"the same {length} digits over and over"
    return ""


def _ask(question: str, into: bytearray) -> bool:
    """Read digits until Enter; False if the question was broken off or something else came.

    `into` is of fixed size while it is filled, so that no copy stays behind.
    """
    sys.stderr.write(question)
    sys.stderr.flush()
    room = bytearray(LONGEST + 1)
    count, other = 0, False
    try:
        while True:
            octet = os.read(sys.stdin.fileno(), 1)
            if not octet or octet in _END:
                return False
            if octet in _ENTER:
                break
            if octet in _ERASE:
                count = max(0, count - 1)
                room[count] = 0
            elif not b"0" <= octet <= b"9":
                other = True
            elif count < len(room):
                room[count] = octet[0]
                count += 1
    finally:
        into.extend(memoryview(room)[: 0 if other else count])
        room[:] = bytes(len(room))
        sys.stderr.write("\n")
        sys.stderr.flush()
    return True


@contextmanager
def _no_echo(terminal: int) -> Iterator[None]:
    """Keys come one by one, are not shown, and Ctrl+C is a key like the others (termios(3))."""
    before = termios.tcgetattr(terminal)
    quiet = termios.tcgetattr(terminal)
    quiet[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
    termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
