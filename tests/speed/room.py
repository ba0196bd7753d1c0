"""What the kiosk needs around it to be measured: a pcscd, a card, the service. All run as
processes of their own."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kiosk.sandbox.card import CardControl, CardProcess
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.processes import pcscd_command
from tests.speed.figures import PeerMissing
from tests.speed.sandbox_service import sandbox_service
from tests.speed.terminal import Terminal
from tests.stack.parts import VPCD, Pcscd, write_config


@dataclass(frozen=True, slots=True)
class Room:
    """A counter with a kiosk that can be started."""

    folder: Path
    config: Path
    pcscd: Pcscd
    card: CardControl

    def start(self, program: tuple[str, ...] = ("-m", "kiosk"), **env: str) -> Terminal:
        """Start `kiosk run`.

        Args:
            program: how Python is told which program; another one has edges replaced.
            env: environment variables.
        """
        command = [sys.executable, *program, "run", "--config", str(self.config)]
        command += ["--log", str(self.folder / "kiosk.log")]
        return Terminal(command, {"PCSCLITE_CSOCK_NAME": str(self.pcscd.socket), **env})


@contextlib.contextmanager
def room() -> Iterator[Room]:
    """Set everything up, and take it down.

    Raises:
        PeerMissing: a Debian package that this takes is not installed.
    """
    program = pcscd_command()
    if program is None or not VPCD.exists():
        raise PeerMissing("pcscd and its virtual reader: apt-get install pcscd vsmartcard-vpcd")
    with contextlib.ExitStack() as stack:
        # Not a longer path: a socket's has to be short.
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="kiosk-speed-"))
        folder = Path(name)
        pcscd = Pcscd(folder, program)
        stack.callback(pcscd.stop)
        pcscd.start()
        # libpcsclite reads this once, at its first call in a process.
        os.environ["PCSCLITE_CSOCK_NAME"] = str(pcscd.socket)
        sandbox = folder / "sandbox"
        pki = SandboxPki.open(sandbox)
        card = stack.enter_context(CardProcess(sandbox, folder / "control", port=pcscd.port))
        url = stack.enter_context(sandbox_service(sandbox))
        config = write_config(folder, url, pki.trust_directory)
        # The tests look at the service twice a second, a kiosk at a counter does not.
        lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("health_interval")]
        # And a helper that hangs is to hang for as long as keys are pressed.
        kept.append("[hardware]\nlogin_deadline = 600\n")
        config.write_text("".join(kept), encoding="utf-8")
        yield Room(folder, config, pcscd, card.control)
