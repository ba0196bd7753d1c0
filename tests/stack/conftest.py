"""A real pcscd with two virtual readers, and a real PIV card to put into them.

The pcscd is the tests' own: it runs in a mount namespace with a /run of its own and with
vpcd on free ports, so the machine's pcscd, and other runs of these tests, go on
undisturbed. That takes root, or a kernel that lets users make namespaces.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.sandbox.card import CardControl, CardProcess

VPCD = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")

_START_TIME = 10.0

_SCRIPT = 'mount --bind "$1" /run && exec "$2" --foreground --config "$3"'


class Pcscd:
    """The tests' pcscd. It may be stopped and started again by a test."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self.socket = folder / "run/pcscd/pcscd.comm"
        """pcscd's socket, for PCSCLITE_CSOCK_NAME."""
        self.port, self.second_port = _two_free_ports()
        """TCP ports of the virtual readers: a connection is a card that is put in."""
        self.reader, self.second_reader = "Virtual PCD 00 00", "Virtual PCD 00 01"
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers and both readers are there."""
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        config = self.folder / "reader.conf"
        channel = f"0x{self.port:04X}"
        config.write_text(
            f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:{channel}\n'
            f"LIBPATH {VPCD}\nCHANNELID {channel}\n"
        )
        log = self.folder / "pcscd.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *("unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])),
                    *("setpriv", "--pdeathsig", "KILL"),
                    *("sh", "-c", _SCRIPT, "pcscd"),
                    *(str(self.folder / "run"), self._program, str(config)),
                ],
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
            probe.bind(("0.0.0.0", port))  # noqa: S104 - as vpcd does
        except OSError:
            return False
    return True


def _two_free_ports() -> tuple[int, int]:
    """A free port with a free one after it: vpcd takes two."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port < 65535 and _is_free(port) and _is_free(port + 1):
            return port, port + 1


@pytest.fixture(scope="session")
def _session_pcscd() -> Iterator[Pcscd]:
    program = shutil.which("pcscd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    missing = [
        name
        for name, there in (("pcscd", program), ("vsmartcard-vpcd", VPCD.exists()))
        if not there
    ]
    if missing or program is None:
        message = f"not installed: {', '.join(missing)}"
        if os.environ.get("KIOSK_TEST_WITHOUT_PCSC") == "1":
            pytest.skip(message)
        pytest.fail(f"{message}; set KIOSK_TEST_WITHOUT_PCSC=1 to skip these tests")
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
