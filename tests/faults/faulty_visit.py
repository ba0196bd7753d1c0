"""A kiosk on a misbehaving module, its processes seen from outside, and a customer at it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.server.run import SandboxServer, latest_mails
from tests.faults.misbehaving import Misbehaving
from tests.stack.journey import PIN_ASKED, USERNAME, Customer
from tests.stack.parts import write_config
from tests.terminal.console import Console

ROOT = Path(__file__).parents[2]


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come in {seconds} s"
        time.sleep(0.005)


def exists(pid: int) -> bool:
    """Whether there is such a process, were it a zombie."""
    return Path(f"/proc/{pid}").exists()


@dataclass
class FaultyKiosk:
    """A kiosk that runs on a misbehaving module, in folders of its own."""

    console: Console
    misbehaving: Misbehaving
    folder: Path
    """HOME, TMPDIR, working directory, configuration and log are in here."""
    directory: Path
    """The sandbox service's folder."""
    log: Path

    @property
    def pid(self) -> int:
        """The process that draws the screens."""
        return int(self.console.process.pid)

    @property
    def customer(self) -> Customer:
        """Whoever stands before it."""
        return Customer(self.console)

    def insert_or_remove(self) -> None:
        """Put the token in, or take it out."""
        os.kill(self.pid, signal.SIGUSR1)

    def helpers(self) -> list[int]:
        """Its helper processes that live, by what they were started with."""
        found = []
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                if process.name.isdigit():
                    arguments = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                    if (
                        b"kiosk.hardware.token_helper" in arguments
                        and arguments[-1] == str(self.pid).encode()
                    ):
                        found.append(int(process.name))
        return found

    def helper(self) -> int:
        """Its one helper, as soon as there is one with a module in it."""
        found: list[int] = []

        def ready() -> bool:
            found[:] = self.helpers()
            return len(found) == 1 and any(
                line.pid == found[0] and line.function == "C_Initialize" and not line.entry
                for line in self.misbehaving.log()
            )

        wait_for(ready, "a helper that stands ready")
        return found[0]

    def mails(self) -> int:
        """How many mails were sent until now."""
        return len(latest_mails(self.directory))

    def to_username(self) -> None:
        """From the welcome screen to the username."""
        self.customer.start()
        self.insert_or_remove()
        self.console.wait(USERNAME)

    def to_pin(self) -> None:
        """From the welcome screen to the PIN."""
        self.to_username()
        self.customer.enter_username("hoasen")
        self.console.wait(PIN_ASKED)


@contextmanager
def faulty_kiosk(
    misbehaving: Misbehaving,
    server: SandboxServer,
    directory: Path,
    folder: Path,
    *,
    deadline: float = 10,
    times: str = "",
    environment: dict[str, str] | None = None,
) -> Iterator[FaultyKiosk]:
    """Start the kiosk and end it.

    Args:
        deadline: seconds for reading, login and signature.
        times: further lines of the configuration's `[time]`.
        environment: further variables of the kiosk.
    """
    places = {name: folder / name for name in ("home", "tmp", "cwd", "config")}
    for place in places.values():
        place.mkdir(parents=True)
    config = write_config(places["config"], server.url, SandboxPki.open(directory).trust_directory)
    config.write_text(
        config.read_text(encoding="utf-8")
        + f"{times}\n[hardware]\nread_deadline = {deadline}\nlogin_deadline = {deadline}\n"
        + f"sign_deadline = {deadline}\nopen_deadline = {max(deadline, OPEN_DEADLINE)}\n",
        encoding="utf-8",
    )
    (places["config"] / "tokens.toml").write_text(
        f'[default]\nmodules = ["{misbehaving.module}"]\n', encoding="utf-8"
    )
    log = folder / "kiosk.log"
    command = ["env", "-C", str(places["cwd"]), sys.executable, "-m", "tests.faults.faulty_kiosk"]
    command += ["run", "--config", str(config), "--log", str(log)]
    with Console(
        command,
        env={
            **misbehaving.environment,
            "HOME": str(places["home"]),
            "TMPDIR": str(places["tmp"]),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            **(environment or {}),
        },
    ) as console:
        yield FaultyKiosk(console, misbehaving, folder, directory, log)


OPEN_DEADLINE = 4.0
"""Seconds. On a busy machine, a helper takes more than one to start."""
