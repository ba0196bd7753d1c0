"""The virtual card as others use it: started as a process, steered over a socket.

The process (`python -m kiosk.sandbox.card`, `kiosk sandbox card`) holds a token in a
virtual reader of the real pcscd; see `card_server`. It is steered over a Unix socket, one
line of JSON in and one out:

    {"do": "insert", "name": "hoa-sen"}     put this token in; answers once pcscd sees it
    {"do": "remove"}                        take it out
    {"do": "swap", "name": "binh-minh"}     take out what is in, put this one in
    {"do": "status"}                        what `CardStatus` holds
    {"do": "slow", "milliseconds": 200}     answer each command that much later
    {"do": "hang", "on": true}              answer no command until it is off, or removed
    {"do": "garbage", "on": true, "seed": 1}   answer commands with noise
    {"do": "refuse", "word": 27013}         answer commands with this status word; 0: no more
    {"do": "mute", "on": true}              give no answer to reset

`hang`, `garbage` and `refuse` take an `"ins"` and then strike this instruction only: 32 is
VERIFY with a PIN (login), 135 GENERAL AUTHENTICATE (sign), 203 GET DATA (read).

Answers are `{"ok": true, "status": {…}}` or `{"ok": false, "error": "…"}`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from types import TracebackType

import msgspec

from kiosk.sandbox.hand import HandError

PORT = 35963
"""TCP port of the first virtual reader, "Virtual PCD 00 00"."""

_ANSWER_TIME = 60.0
"""Seconds. Longer than the process itself waits for pcscd, or may take to make a long key."""
_START_TIME = 30.0
"""Seconds. The first start makes keys."""


class CardUnavailable(HandError):
    """The card's process, or the virtual reader, did not do what was asked."""


class CardStatus(msgspec.Struct, frozen=True):
    """What the card's process tells about itself."""

    pid: int
    """Of the process."""
    inserted: str
    """Name of the token that is meant to be in the reader; empty if none is."""
    connected: bool
    """Whether the reader has taken it."""
    reader_listens: bool
    """Whether there is a virtual reader on the port at all (pcscd with vpcd)."""
    tries_left: int
    """PIN tries left of the token that is in; 0 without one."""
    verify_count: int
    """How often a PIN was presented to it since this process began, answered or not."""
    all_verify_count: int
    """The same for all tokens together, those that are out included."""
    sign_count: int
    """How many signatures it made since this process began."""
    apdu_count: int
    """How many command APDUs it answered since it was put in."""


class Instruction(IntEnum):
    """INS of what the kiosk's driver asks of a card (NIST SP 800-73-4, part 2, table 2)."""

    GET_DATA = 0xCB
    """Read a certificate."""
    VERIFY = 0x20
    """Log in. An empty VERIFY, which asks for the tries left, is never meant."""
    GENERAL_AUTHENTICATE = 0x87
    """Sign."""


class _Answer(msgspec.Struct):
    ok: bool
    error: str = ""
    status: CardStatus | None = None


class CardControl:
    """Steers a card's process; a `TokenHand`. Every method raises `CardUnavailable`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def insert(self, name: str) -> None:
        """Put this token in, and wait until pcscd has seen it."""
        self._ask(do="insert", name=name)

    def remove(self) -> None:
        """Take the token out, if one is in. pcscd sees it within half a second."""
        self._ask(do="remove")

    def swap(self, name: str) -> None:
        """Put this token in instead of the one that is in, if one is."""
        self._ask(do="swap", name=name)

    def inserted(self) -> str:
        """Name of the token that is in; empty if none is."""
        return self.status().inserted

    def status(self) -> CardStatus:
        """Ask how the card is."""
        return self._ask(do="status")

    def slow(self, milliseconds: int) -> None:
        """Answer each command that much later; 0 for at once."""
        self._ask(do="slow", milliseconds=milliseconds)

    def hang(self, on: bool, ins: Instruction | None = None) -> None:
        """Answer no command until this is off again or the token is removed.

        The reader still says that a card is there, as with a real one that hangs. With an
        instruction, only that one hangs, and all before it are answered.
        """
        self._ask(do="hang", on=on, **_only(ins))

    def garbage(self, on: bool, ins: Instruction | None = None, seed: int = 0) -> None:
        """Answer with noise, wrong lengths and strange status words; the same for a seed."""
        self._ask(do="garbage", on=on, seed=seed, **_only(ins))

    def refuse(self, word: int, ins: Instruction | None = None) -> None:
        """Answer with this status word and do nothing; 0 for no more."""
        self._ask(do="refuse", word=word, **_only(ins))

    def mute(self, on: bool) -> None:
        """Give no answer to reset from now on: "mute" in PC/SC's words."""
        self._ask(do="mute", on=on)

    def _ask(self, **request: str | int | bool) -> CardStatus:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_ANSWER_TIME)
                connection.connect(str(self._path))
                connection.sendall(msgspec.json.encode(request) + b"\n")
                with connection.makefile("rb") as stream:
                    line = stream.readline()
            answer = msgspec.json.decode(line, type=_Answer)
        except OSError as error:
            reason = error.strerror or "no answer"
            raise CardUnavailable(f"virtual card at {self._path}: {reason}") from None
        except msgspec.DecodeError:
            raise CardUnavailable(f"virtual card at {self._path}: no valid answer") from None
        if not answer.ok or answer.status is None:
            raise CardUnavailable(answer.error)
        return answer.status


def _only(ins: Instruction | None) -> dict[str, int]:
    return {} if ins is None else {"ins": ins.value}


class CardProcess:
    """A card's process, as a child that ends with this one."""

    def __init__(
        self,
        directory: Path,
        control_socket: Path,
        port: int = PORT,
        token: str = "",
        program: str = "kiosk.sandbox.card",
    ) -> None:
        """Remember what to start.

        Args:
            directory: the sandbox's PKI (`SandboxPki.open`).
            control_socket: where the process listens; its folder has to be there.
            port: of the virtual reader.
            token: put this one in from the start, as soon as there is a reader.
            program: the Python module that is run; another one is another make of card.
        """
        self.control = CardControl(control_socket)
        self._command = [
            *(sys.executable, "-m", program),
            *("--directory", str(directory), "--control", str(control_socket)),
            *("--port", str(port), "--parent", str(os.getpid())),
            *(("--token", token) if token else ()),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it can be steered.

        Raises:
            CardUnavailable
        """
        process = self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + _START_TIME
        while True:
            if process.poll() is not None:
                message = process.stderr.read().decode(errors="replace") if process.stderr else ""
                self.stop()
                raise CardUnavailable(f"the virtual card ended: {message.strip()[-300:]}")
            try:
                # Another process may serve the same socket; then this one ends.
                if self.control.status().pid == process.pid:
                    return
            except CardUnavailable:
                if time.monotonic() > deadline:
                    self.stop()
                    raise
            time.sleep(0.05)

    def stop(self) -> None:
        """End it; the token is removed by that."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stderr:
            process.stderr.close()

    def __enter__(self) -> CardProcess:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def serve(
    directory: Path,
    control_socket: Path,
    port: int = PORT,
    token_name: str | None = None,
    parent: int | None = None,
) -> None:
    """Be the card's process until SIGTERM or SIGINT, or until the process `parent` ends.

    Raises:
        CardUnavailable: the control socket cannot be had, there is no such token, or the
            directory holds something else.
        OSError: the directory or the control socket cannot be made.
    """
    # Imported here: who only steers a card needs no cryptography.
    from kiosk.sandbox.card_server import run  # noqa: PLC0415

    run(directory, control_socket, port, token_name, parent)


def main(
    arguments: list[str] | None = None,
    serve: Callable[[Path, Path, int, str | None, int | None], None] = serve,
) -> int:
    """Entry point of `python -m kiosk.sandbox.card`."""
    parser = argparse.ArgumentParser(
        prog="kiosk sandbox card", description="A virtual token in a virtual reader of pcscd."
    )
    parser.add_argument("--directory", type=Path, required=True, help="folder of the sandbox PKI")
    parser.add_argument("--control", type=Path, required=True, help="Unix socket to listen on")
    parser.add_argument("--port", type=int, default=PORT, help="TCP port of the virtual reader")
    parser.add_argument("--token", default=None, help="token to put in at once")
    parser.add_argument("--parent", type=int, default=None, help="end with this process")
    options = parser.parse_args(arguments)
    try:
        serve(options.directory, options.control, options.port, options.token, options.parent)
    except (CardUnavailable, OSError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    return 0


if __name__ == "__main__":
    # The server raises the errors of this module under its own name, not of `__main__`.
    sys.exit(importlib.import_module("kiosk.sandbox.card").main())
