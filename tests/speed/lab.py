"""All that a visit needs, in one place: PC/SC, a card that is recorded, a service, a kiosk."""

from __future__ import annotations

import os
import select
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kiosk.sandbox.card import CardControl
from kiosk.sandbox.pki import SandboxPki
from tests.speed.apdus import Record, recorded_card
from tests.speed.needs import require_pcscd
from tests.speed.sandbox_service import sandbox_service
from tests.stack.parts import CONFIG, Pcscd, write_config
from tests.terminal.console import QUESTIONS, Console

TOKEN = "hoa-sen"
"""An RSA key of 2048 bits, as the CAs give out."""

_OUT = 0.9
"""Seconds that a card stays out: until pcscd, which looks every 0.4 s, must have missed it, and
the card's process puts in another one without waiting."""


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

    def _take(self, data: bytes) -> None:
        self.raw += data
        self._stream.feed(QUESTIONS.sub(b"", self._pending + data))
        self._pending = b""


@dataclass(frozen=True)
class Reader:
    """A pcscd of our own, and a recorded card for its reader."""

    pcscd: Pcscd
    card: CardControl
    record: Record

    def insert(self) -> float:
        """Have the card put in, and return when that was asked for: its process connects to
        the reader within a millisecond."""
        inserting = threading.Thread(target=self.card.insert, args=(TOKEN,), daemon=True)
        at = time.monotonic()
        inserting.start()
        return at

    def remove(self) -> None:
        """Take the card out, and leave it out for as long as that takes."""
        self.card.remove()
        time.sleep(_OUT)


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

    @contextmanager
    def kiosk(self) -> Iterator[TimedConsole]:
        """`kiosk run` on a terminal."""
        trust = SandboxPki.open(self.directory).trust_directory
        config = write_config(self.folder, self.url, trust)
        # As it is shipped, it writes down what it is about to do before it does it.
        text, place = config.read_text(encoding="utf-8"), self.folder / "state"
        place.mkdir(mode=0o700, exist_ok=True)
        kiosk = f'[kiosk]\nstate_directory = "{place}"\n'
        config.write_text(text.replace("[kiosk]\n", kiosk), encoding="utf-8")
        command = [sys.executable, "-m", "kiosk", "run", "--config", str(config)]
        command += ["--log", str(self.folder / "kiosk.log")]
        environment = {"PCSCLITE_CSOCK_NAME": str(self.reader.pcscd.socket)}
        console = TimedConsole(command, env=environment)
        with console:
            yield console
            console.leave()


@contextmanager
def lab(*, command_ms: int = 0, signature_ms: int = 0) -> Iterator[Lab]:
    """Set everything up.

    Args:
        command_ms: milliseconds that the cards take for each command.
        signature_ms: and for a signature besides.

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
            process, record = stack.enter_context(
                recorded_card(
                    *(directory, place, pcscd.port),
                    command_ms=command_ms,
                    signature_ms=signature_ms,
                )
            )
            return Reader(pcscd, process.control, record)

        # A socket's path has to be short.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kiosk-speed-")))
        directory = folder / "sandbox"
        url = stack.enter_context(sandbox_service(directory))
        yield Lab(folder, directory, reader("kiosk"), reader("peer"), url)
