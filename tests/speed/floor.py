"""Builds and steers the floor program: see `floor.c` for what it can do."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from kiosk.sandbox.scenario import PIN
from tests.speed.apdus import Apdu
from tests.speed.figures import PeerMissing
from tests.speed.lab import environment
from tests.speed.needs import MODULE, require, require_opensc
from tests.speed.reader import Reader
from tests.stack.parts import Pcscd

SOURCE = Path(__file__).with_name("floor.c")

_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2")
_PATHS = ("-I/usr/include/p11-kit-1", "-I/usr/include/PCSC")
_HEADERS = {
    "/usr/include/p11-kit-1/p11-kit/pkcs11.h": "libp11-kit-dev",
    "/usr/include/PCSC/winscard.h": "libpcsclite-dev",
}


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="kiosk-floor-")


@functools.cache
def built() -> Path:
    """The program, compiled once in this process.

    Raises:
        PeerMissing: it takes a compiler or a header that is not installed.
    """
    gcc = require("gcc", "gcc")
    for header, package in _HEADERS.items():
        if not Path(header).exists():
            raise PeerMissing(f"{header} is not there (Debian's package {package})")
    program = Path(_folder().name) / "floor"
    subprocess.run(
        [gcc, *_FLAGS, *_PATHS, "-o", str(program), str(SOURCE), "-lpcsclite"], check=True
    )
    return program


class Floor:
    """One run of the program, on the first reader."""

    def __init__(self, pcscd: Pcscd) -> None:
        """Remember where to run it.

        Raises:
            PeerMissing: see `built`; or OpenSC's module is not installed.
        """
        require_opensc()
        self._command = [str(built()), str(MODULE), pcscd.reader]
        self._environment = environment(pcscd)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Floor:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            with self._process as process:
                process.kill()

    def begin(self, *words: str) -> None:
        """Have it do something; `result` waits for the end."""
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("it does not run")
        self._process.stdin.write("\n".join(words) + "\n")
        self._process.stdin.flush()

    def result(self) -> float:
        """How many seconds that took; of `event`, when it came (CLOCK_MONOTONIC).

        Raises:
            RuntimeError: it has failed, and said why on stderr.
        """
        line = self._process.stdout.readline() if self._process and self._process.stdout else ""
        if not line:
            raise RuntimeError("the floor program has failed")
        return float(line.split()[1])

    def do(self, *words: str) -> float:
        """Do it, and return what `result` returns."""
        self.begin(*words)
        return self.result()


@dataclass(frozen=True, slots=True)
class FloorVisit:
    """A visit as short as it can be. Seconds, and commands to the card."""

    event: float
    """From the card's insertion to PC/SC's event."""
    read: float
    """From there to the certificates, with the module loaded."""
    login_and_sign: float
    read_apdus: int
    proof_apdus: tuple[Apdu, ...]
    """Of login and signature."""


def floor_visit(reader: Reader) -> FloorVisit:
    """Put the card in, read it, log in, sign, and take it out."""
    with Floor(reader.pcscd) as floor:
        floor.do("load")
        floor.begin("event")
        start = reader.record.mark
        inserted = reader.insert()
        event = floor.result() - inserted
        read = floor.do("read")
        read_apdus = len(reader.record.since(start))
        mark = reader.record.mark
        signed = floor.do("login", PIN) + floor.do("sign")
        proof = tuple(reader.record.since(mark))
    reader.remove()
    return FloorVisit(event, read, signed, read_apdus, proof)
