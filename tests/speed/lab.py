"""All that the kiosk needs around it to be measured, in one place: PC/SC, cards that are
recorded, the service. All run as processes of their own, once for a whole run of the bench."""

from __future__ import annotations

import os
import select
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kiosk.sandbox.card import CardControl
from kiosk.sandbox.pki import SandboxPki
from tests.speed.apdus import Pace, recorded_card
from tests.speed.needs import require_pcscd
from tests.speed.reader import Reader
from tests.speed.sandbox_service import ServiceLog, sandbox_service
from tests.speed.terminal import Terminal
from tests.stack.parts import CONFIG, Pcscd, write_config
from tests.terminal.console import QUESTIONS, Console

KIOSK = ("-m", "kiosk")
"""How Python is told to run the kiosk."""

QUICK = ("-m", "tests.speed.quick_kiosk")
"""The program that takes every press."""


def environment(pcscd: Pcscd) -> dict[str, str]:
    """For programs that speak PC/SC, with OpenSC as the kiosk has it."""
    return {
        **os.environ,
        "PCSCLITE_CSOCK_NAME": str(pcscd.socket),
        "OPENSC_CONF": str(CONFIG / "opensc.conf"),
    }


class TimedConsole(Console):
    """A terminal that tells when a text came, before it takes the time to draw it."""

    def moment(self, text: str, seconds: float = 30) -> float:
        """When this text came, in seconds of CLOCK_MONOTONIC.

        Raises:
            AssertionError: it did not come.
        """
        wanted, terminal = text.encode(), self.process.child_fd
        came = bytearray()
        end = time.monotonic() + seconds
        while wanted not in came:
            ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                self._take(bytes(came))
                raise AssertionError(f"{text!r} did not come; screen:\n{self.text}")
            came += os.read(terminal, 1 << 16)
        at = time.monotonic()
        self._take(bytes(came))
        return at

    def calm(self, seconds: float) -> None:
        """Take everything until nothing has come for so long."""
        before = -1
        while before != len(self.raw):
            before = len(self.raw)
            self.pump(seconds)

    def _take(self, data: bytes) -> None:
        self.raw += data
        self._stream.feed(QUESTIONS.sub(b"", self._pending + data))
        self._pending = b""


@dataclass(frozen=True)
class Lab:
    """A kiosk's surroundings, and a reader for what it is measured against."""

    folder: Path
    directory: Path
    """The sandbox's PKI, accounts and mails."""
    reader: Reader
    """The kiosk's."""
    peer_reader: Reader
    """With the same card. The kiosk does not see what happens there."""
    url: str
    """Of the service."""
    service_log: ServiceLog

    @property
    def card(self) -> CardControl:
        """The kiosk's."""
        return self.reader.card

    def reset(self, pace: Pace | None = None) -> None:
        """Take both cards out, whatever the last measure has left, and give them this pace; by
        itself they answer at once."""
        for reader in (self.reader, self.peer_reader):
            reader.reset(pace or Pace())

    def start(self, program: tuple[str, ...] = KIOSK) -> Terminal:
        """Start `kiosk run` on a terminal that is only read.

        Args:
            program: how Python is told which program; another one has edges replaced.
        """
        # A helper that hangs is measured for longer than a customer would wait for it.
        config = self._config("counter", after="[hardware]\nlogin_deadline = 600.0\n")
        # The tests look at the service twice a second, a kiosk at a counter does not.
        lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("health_interval")]
        config.write_text("".join(kept), encoding="utf-8")
        return Terminal(self._command(program, config), self._environment)

    @contextmanager
    def kiosk(self, program: tuple[str, ...] = KIOSK) -> Iterator[TimedConsole]:
        """`kiosk run` on a terminal that is looked at."""
        # As it is shipped, it writes down what it is about to do before it does it.
        place = self.folder / "state"
        place.mkdir(mode=0o700, exist_ok=True)
        config = self._config("visits", kiosk=f'state_directory = "{place}"\n')
        console = TimedConsole(self._command(program, config), env=self._environment)
        with console:
            yield console
            console.leave()

    def _config(self, name: str, *, kiosk: str = "", after: str = "") -> Path:
        """A configuration in a folder of this name, with these settings besides."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        trust = SandboxPki.open(self.directory).trust_directory
        config = write_config(folder, self.url, trust)
        text = config.read_text(encoding="utf-8").replace("[kiosk]\n", f"[kiosk]\n{kiosk}")
        # Nobody is there to be said goodbye to.
        text = text.replace("goodbye = 0.5", "goodbye = 0.1")
        config.write_text(text + after, encoding="utf-8")
        return config

    @staticmethod
    def _command(program: tuple[str, ...], config: Path) -> list[str]:
        log = config.with_name("kiosk.log")
        return [sys.executable, *program, "run", "--config", str(config), "--log", str(log)]

    @property
    def _environment(self) -> dict[str, str]:
        return {"PCSCLITE_CSOCK_NAME": str(self.reader.pcscd.socket)}


@contextmanager
def lab() -> Iterator[Lab]:
    """Set everything up.

    Raises:
        PeerMissing: pcscd or its virtual reader is not installed.
    """
    program = require_pcscd()
    with ExitStack() as stack:

        def reader(name: str) -> Reader:
            place = folder / name
            place.mkdir()
            pcscd = Pcscd(place, program)
            stack.callback(pcscd.stop)
            pcscd.start()
            card = recorded_card(directory, place, pcscd.port)
            process, record = stack.enter_context(card)
            return Reader(pcscd, process.control, record, place)

        # A socket's path has to be short.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kiosk-speed-")))
        directory, log = folder / "sandbox", folder / "service.log"
        url = stack.enter_context(sandbox_service(directory, log))
        readers = reader("kiosk"), reader("peer")
        yield Lab(folder, directory, *readers, url, ServiceLog(log))


class Surroundings:
    """The lab of a run, set up when it is first needed."""

    def __init__(self) -> None:
        """Set up nothing yet."""
        self._stack = ExitStack()
        self._lab: Lab | None = None

    def __enter__(self) -> Surroundings:
        return self

    def __exit__(self, *_: object) -> None:
        self._lab = None
        self._stack.close()

    def lab(self, pace: Pace | None = None) -> Lab:
        """The lab, reset for what is measured next; see `Lab.reset`.

        Raises:
            PeerMissing: see `lab`.
        """
        if self._lab is None:
            self._lab = self._stack.enter_context(lab())
        self._lab.reset(pace)
        return self._lab
