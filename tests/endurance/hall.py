"""A kiosk in a hall: the real command on a real terminal, with everything that belongs to it."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec
import pexpect

from kiosk.sandbox.card import CardControl, CardProcess
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import PIN, STAFF_PIN, STAFF_PIN_HASH
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.run import SandboxServer
from tests.endurance.hurried_kiosk import Alive, Shown
from tests.endurance.quick_pcscd import quick_pcscd
from tests.stack.parts import write_config

SIZE = (25, 80)
"""Rows and columns of the terminal."""

PATIENCE = 20.0
"""Seconds after which a screen that does not change is a failure."""

DEADLINES = "open_deadline = 10.0\nread_deadline = 2.0\nlogin_deadline = 2.0\nsign_deadline = 2.0\n"
TIMES = "idle = 1.5\nidle_result = 1.5\nquestion = 5\n"

_REPORT = 1 << 16


class Broken(Exception):
    """Something has happened that nobody provoked; the text says what."""


class Hall:
    """What a customer sees, and can do."""

    def __init__(
        self, server: SandboxServer, directory: Path, card: CardControl, socket_: socket.socket
    ) -> None:
        self.server = server
        self.directory = directory
        """The sandbox's."""
        self.card = card
        self.log: Path
        self.written = 0
        """Bytes that the kiosk has written to its terminal."""
        self.shown = Shown("", "", "", {})
        self._process: pexpect.spawn
        self._socket = socket_
        self._drawn = b""

    @property
    def pid(self) -> int:
        """The process that draws."""
        return int(self._process.pid)

    def begin(self, command: list[str], environment: dict[str, str]) -> None:
        """Start the kiosk and wait until it reports."""
        self._process = pexpect.spawn(
            command[0], command[1:], dimensions=SIZE, env=environment, timeout=PATIENCE
        )
        self._process.delaybeforesend = None
        connection, _ = self._socket.accept()
        self._socket.close()
        self._socket = connection

    def end(self) -> int:
        """Ask the kiosk to end, as systemd does, and return its exit code."""
        self._process.kill(15)
        deadline = time.monotonic() + PATIENCE
        while self._process.isalive():
            with suppress(Broken):
                # Its terminal and its reports end a moment before it does.
                self._take(0.05)
            if time.monotonic() > deadline:
                raise Broken("the kiosk does not end")
        return self._process.exitstatus or -(self._process.signalstatus or 0)

    # What customers do

    def touch(self, event: str) -> None:
        """Touch the button that raises this event of the journey."""
        if event not in self.shown.buttons:
            raise Broken(f"no button for {event} on {self.shown}")
        x, y = self.shown.buttons[event]
        self.keys(f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m")

    def keys(self, keys: str) -> None:
        """Press keys, given as the octets that a terminal sends for them."""
        self._process.send(keys)

    # What customers see

    def next_screen_within(self, seconds: float = PATIENCE) -> Shown:
        """Wait for the next report of a screen, and keep it as `shown`.

        Raises:
            TimeoutError: none comes.
            Broken: the kiosk has ended.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            report = self._take(left)
            if isinstance(report, Shown):
                self.shown = report
                return report
        raise TimeoutError

    def alive(self, *, detailed: bool = False) -> Alive:
        """Ask the kiosk what is alive in it."""
        self._socket.sendall(b"details" if detailed else b"count")
        deadline = time.monotonic() + PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            report = self._take(left)
            if isinstance(report, Alive):
                return report
            if isinstance(report, Shown):
                self.shown = report
        raise Broken("the kiosk does not say what is alive in it")

    def _take(self, seconds: float) -> Shown | Alive | None:
        """Take what comes first: a report, or something that is drawn (and then None)."""
        terminal = self._process.child_fd
        readable, _, _ = select.select([terminal, self._socket], [], [], seconds)
        if terminal in readable:
            self._read_terminal(terminal)
        if self._socket not in readable:
            return None
        octets = self._socket.recv(_REPORT)
        if not octets:
            raise Broken(f"the kiosk has ended, at {self.shown}")
        return msgspec.json.decode(octets, type=Shown | Alive)

    def _read_terminal(self, terminal: int) -> None:
        try:
            octets = os.read(terminal, _REPORT)
        except OSError:
            raise Broken(f"the kiosk's terminal has closed, at {self.shown}") from None
        self.written += len(octets)
        seen = self._drawn + octets
        if any(pin.encode() in seen for pin in (PIN, STAFF_PIN)):
            raise Broken("a PIN is on the screen")
        self._drawn = seen[-max(len(PIN), len(STAFF_PIN)) :]


@contextmanager
def open_hall(folder: Path) -> Iterator[Hall]:
    """Set everything up in this folder, and take it down.

    Raises:
        PartMissing: a program is not installed.
    """
    directory = folder / "sandbox"
    config, state = folder / "config", folder / "state"
    for one in (config, state):
        one.mkdir()
    state.chmod(0o700)
    limits = Limits(
        per_username=10**9,
        per_certificate=10**9,
        per_kiosk=10**9,
        lookups=10**9,
        resend_wait=0,
    )
    with ExitStack() as parts:
        # A socket's path has to be short.
        short = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="kiosk-hall-")))
        pcscd = quick_pcscd(short)
        parts.callback(pcscd.stop)
        pcscd.start()
        server = parts.enter_context(SandboxServer(directory, limits=limits))
        card = parts.enter_context(
            CardProcess(
                directory,
                short / "card",
                port=pcscd.port,
                program="tests.endurance.hurried_card",
            )
        )
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listening.bind(str(short / "reports"))
        listening.listen(1)
        listening.settimeout(PATIENCE)
        path = write_config(config, server.url, SandboxPki.open(directory).trust_directory)
        _complete(path, state)
        hall = Hall(server, directory, card.control, listening)
        hall.log = folder / "kiosk.log"
        command = [sys.executable, "-m", "tests.endurance.hurried_kiosk", str(short / "reports")]
        command += ["run", "--config", str(path), "--log", str(hall.log)]
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "PCSCLITE_CSOCK_NAME": str(pcscd.socket),
        }
        hall.begin(command, environment)
        parts.callback(lambda: hall._process.close(force=True))
        yield hall


def _complete(path: Path, state: Path) -> None:
    """Add to the tests' usual configuration what thousands of visits need: a journal, staff mode,
    and short times."""
    text = path.read_text(encoding="utf-8")
    text = text.replace("[kiosk]\n", f"[kiosk]\nstate_directory = {json.dumps(str(state))}\n")
    text = text.replace("goodbye = 0.5", f"goodbye = 0.05\n{TIMES}")
    text += f"[hardware]\n{DEADLINES}[staff]\npin_hash = {json.dumps(STAFF_PIN_HASH)}\n"
    path.write_text(text, encoding="utf-8")
