"""A real pcscd with two virtual readers, and a real PIV card to put into them.

The pcscd is the tests' own: it runs in a mount namespace with a /run of its own and with
vpcd on free ports, so the machine's pcscd, and other runs of these tests, go on
undisturbed. That takes root, or a kernel that lets users make namespaces; in a container
that allows neither, it is an ordinary pcscd, and no other may run there.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from kiosk.hardware.readers import PcscWatcher
from kiosk.sandbox.card import CardControl, CardProcess
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.processes import pcscd_command
from kiosk.sandbox.scenario import PIN
from kiosk.sandbox.server.run import SandboxServer
from kiosk.sandbox.server.service import Limits
from tests.terminal.console import Console
from tests.watching import Reports

VPCD = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")

_START_TIME = 10.0

_UNSHARE = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
_SCRIPT = 'mount --bind "$0" /run && exec "$@"'


class Pcscd:
    """The tests' pcscd. It may be stopped and started again by a test."""

    def __init__(self, folder: Path, program: list[str]) -> None:
        self.folder = folder
        self._private = subprocess.run([*_UNSHARE, "true"], check=False).returncode == 0
        self._run = folder / "run" if self._private else Path("/run")
        self.socket = self._run / "pcscd/pcscd.comm"
        """pcscd's socket, for PCSCLITE_CSOCK_NAME."""
        self.port, self.second_port = _two_free_ports()
        """TCP ports of the virtual readers: a connection is a card that is put in."""
        self.name = "Virtual PCD"
        """What pcscd calls the readers from its next start on; it adds a number."""
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def reader(self) -> str:
        """Name of the first virtual reader."""
        return f"{self.name} 00 00"

    @property
    def second_reader(self) -> str:
        """Name of the second virtual reader."""
        return f"{self.name} 00 01"

    def start(self) -> None:
        """Start it, and wait until it answers and both readers are there."""
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        config = self.folder / "reader.conf"
        channel = f"0x{self.port:04X}"
        config.write_text(
            f'FRIENDLYNAME "{self.name}"\nDEVICENAME /dev/null:{channel}\n'
            f"LIBPATH {VPCD}\nCHANNELID {channel}\n"
        )
        log = self.folder / "pcscd.log"
        command = ["setpriv", "--pdeathsig", "KILL"]
        if self._private:
            command = [*_UNSHARE, *command, "sh", "-c", _SCRIPT, str(self._run)]
        command += [*self._program, "--config", str(config)]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + _START_TIME
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"pcscd does not start: {log.read_text()[-500:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Kill it, as when it crashes: clients are not told."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        # The next one shall not find what a killed one leaves behind.
        shutil.rmtree(self.socket.parent, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._process is not None

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
            except OSError:
                return False
        return not _is_free(self.port) and not _is_free(self.second_port)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def _two_free_ports() -> tuple[int, int]:
    """A free port with a free one after it: vpcd takes two.

    Below those that the kernel gives to clients, and each process of a test run has a range
    of its own: nobody shall take them while a test has stopped its pcscd.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = 20000 + 1000 * worker + 2 * secrets.randbelow(500)
        if _is_free(port) and _is_free(port + 1):
            return port, port + 1


def require(installed: Mapping[str, bool], opt_out: str) -> None:
    """Fail where a Debian package is missing; skip only with this variable set to 1."""
    missing = [name for name, there in installed.items() if not there]
    if not missing:
        return
    message = f"not installed: {', '.join(missing)}"
    if os.environ.get(opt_out) == "1":
        pytest.skip(message)
    pytest.fail(f"{message}; set {opt_out}=1 to skip these tests")


@pytest.fixture(scope="session")
def _session_pcscd() -> Iterator[Pcscd]:
    program = pcscd_command()
    require({"pcscd": bool(program), "vsmartcard-vpcd": VPCD.exists()}, "KIOSK_TEST_WITHOUT_PCSC")
    assert program
    # Not pytest's folder for temporary files: a socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="kiosk-pcscd-") as folder:
        service = Pcscd(Path(folder), program)
        # libpcsclite reads this once, at its first call in a process.
        os.environ["PCSCLITE_CSOCK_NAME"] = str(service.socket)
        service.start()
        yield service
        service.stop()


@pytest.fixture
def pcscd(_session_pcscd: Pcscd) -> Pcscd:
    """The real pcscd, running; one for the whole test run."""
    if not _session_pcscd.running:
        _session_pcscd.start()
    return _session_pcscd


@pytest.fixture(scope="session")
def sandbox_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sandbox's keys and certificates are; made by the first card."""
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture
def card(pcscd: Pcscd, sandbox_directory: Path) -> Iterator[CardControl]:
    """A PIV card for the first virtual reader, not put in yet; fresh in each test."""
    with (
        tempfile.TemporaryDirectory(prefix="kiosk-card-") as folder,
        CardProcess(sandbox_directory, Path(folder) / "control", port=pcscd.port) as process,
    ):
        yield process.control
    if pcscd.running:
        _wait_until_no_card()


def _wait_until_no_card() -> None:
    """Wait until pcscd, which looks every 0.4 s, has seen that the card is gone.

    A next card put in before that would be the same card to it.
    """
    reports, watcher = Reports(), PcscWatcher()
    watcher.start(reports)
    try:
        reports.wait_for(lambda state: not state.cards)
    finally:
        watcher.stop()


CONFIG = Path(__file__).parents[2] / "config"


def write_config(folder: Path, url: str, trust: Path) -> Path:
    """Write a kiosk's configuration that belongs to a sandbox."""
    for name in ("tokens.toml", "webmail.toml", "opensc.conf"):
        (folder / name).write_bytes((CONFIG / name).read_bytes())
    path = folder / "kiosk.toml"
    path.write_text(
        f'[kiosk]\nid = "test"\n[service]\nurl = "{url}"\nhealth_interval = 0.5\n'
        f'[trust]\ndirectory = "{trust}"\n[time]\ngoodbye = 0.5\n',
        encoding="utf-8",
    )
    return path


@dataclass
class KioskCommand:
    """`kiosk run` on the sandbox and the tests' pcscd."""

    config: Path
    log: Path
    pcscd: Pcscd

    def start(self, program: str = "kiosk", *, controlling_terminal: bool = True) -> Console:
        command = [sys.executable, "-m", program, "run", "--config", str(self.config)]
        command += ["--log", str(self.log)]
        if not controlling_terminal:
            command = ["sh", "-c", "trap '' HUP; exec setsid --wait \"$@\"", "sh", *command]
        return Console(command, env={"PCSCLITE_CSOCK_NAME": str(self.pcscd.socket)})


@pytest.fixture
def server(sandbox_directory: Path) -> Iterator[SandboxServer]:
    """The sandbox service, in this process. A whole year's customers come within minutes."""
    limits = Limits(per_username=10**6, per_certificate=10**6, per_kiosk=10**6, resend_wait=0)
    with SandboxServer(sandbox_directory, limits=limits) as server:
        yield server


@pytest.fixture
def kiosk_command(
    pcscd: Pcscd, sandbox_directory: Path, server: SandboxServer, tmp_path: Path
) -> KioskCommand:
    """The command, not started yet."""
    trust = SandboxPki.open(sandbox_directory).trust_directory
    return KioskCommand(write_config(tmp_path, server.url, trust), tmp_path / "kiosk.log", pcscd)


@pytest.fixture
def console(kiosk_command: KioskCommand) -> Iterator[Console]:
    """`kiosk run` on a real terminal; it must be in order at the end, and its log clean."""
    with kiosk_command.start() as console:
        yield console
        assert console.process.isalive(), console.text
        assert console.leave() == 0
    text = kiosk_command.log.read_text(encoding="utf-8")
    for secret in (PIN, "hoasen", "HOA SEN", "gmail"):
        assert secret not in text
