"""Steers the misbehaving PKCS#11 module: see `misbehaving.c` for what it can do.

A test gives an order for a function, lets the kiosk run into it, and reads from the log
what was called:

    misbehaving.order("C_Login", "after 0x30", times=1)
    ...
    assert misbehaving.logins() == 1
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("misbehaving.c")

FUNCTIONS = frozenset(re.findall(r"^WRAP\((\w+),", SOURCE.read_text(), re.MULTILINE)) | {"load"}
"""What can misbehave; `load` is the loading of the library."""

_ACTION = re.compile(r"hang|crash|exit|fork|size0|(return|after) 0x[0-9A-Fa-f]+|delay [0-9]+")

_SIZE_QUERIES = {"C_GetSlotList", "C_GetMechanismList", "C_GetAttributeValue", "C_Sign"}

_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC")


def build(folder: Path) -> Path:
    """Compile the module into the folder and return its path."""
    module = folder / "misbehaving.so"
    compiled = subprocess.run(
        ["gcc", *_FLAGS, "-I/usr/include/p11-kit-1", "-o", str(module), str(SOURCE)],
        check=False,
        capture_output=True,
        text=True,
    )
    if compiled.returncode != 0:
        raise RuntimeError(f"{SOURCE.name} does not compile:\n{compiled.stderr}")
    return module


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the module's log."""

    pid: int
    entry: bool
    """The call began; else it ended."""
    function: str
    detail: str
    """At an entry, what tells calls apart (`USER`); at the end, the results."""


class Misbehaving:
    """One misbehaving module. It obeys until it is ordered otherwise."""

    def __init__(
        self, module: Path, folder: Path, real: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Make an obedient module.

        Args:
            module: the compiled module, as `build` made it.
            folder: an empty folder for orders and log.
            real: the module that calls are passed on to.
            environment: what the real module needs.
        """
        self.module = module
        self.folder = folder
        self.environment = {
            **(environment or {}),
            "MISBEHAVING_MODULE": str(real),
            "MISBEHAVING_DIR": str(folder),
        }
        """For the process that loads the module."""
        self._orders: dict[str, str] = {}
        self._shape: list[str] = []
        self._given = 0
        self._skips: dict[int, tuple[str, int]] = {}
        """Function and calls to let pass, of every order ever given."""
        self._write()

    def order(self, function: str, action: str, *, skip: int = 0, times: int | None = None) -> None:
        """Spoil a function, from its next call on. A function has one order: the last one.

        Args:
            function: one of `FUNCTIONS`.
            action: `hang`, `crash`, `exit`, `return 0xA0` (the real function is not called),
                `after 0xA0` (it is called, and its result replaced), `delay 500` (milliseconds),
                `fork` (a process is started that stays), or `size0` (a size query is answered
                with 0).
            skip: how many calls are let through first, in whatever process.
            times: how many calls are spoilt then; all if not given.
        """
        if function not in FUNCTIONS or not _ACTION.fullmatch(action):
            raise ValueError(f"no such order: {function} {action}")
        if action == "size0" and function not in _SIZE_QUERIES:
            raise ValueError(f"{function} tells no size")
        if function == "load" and action.startswith(("return", "after")):
            raise ValueError("load returns nothing")
        self._given += 1
        self._skips[self._given] = (function, skip)
        limit = -1 if times is None else times
        self._orders[function] = f"{function} {self._given} {skip} {limit} {action}"
        self._write()

    def shape(
        self,
        *,
        set_flags: int = 0,
        clear_flags: int = 0,
        pin_length: tuple[int, int] | None = None,
        describe: str | None = None,
        serial: str | None = None,
        pin_pad: str | None = None,
        hide_certificates: bool = False,
        hide_keys: bool = False,
        no_rw: bool = False,
        hang_before_login: bool = False,
    ) -> None:
        """Make the tokens such, and in everything else as they are. Replaces the last shape.

        Args:
            set_flags: bits of CK_TOKEN_INFO.flags that are on.
            clear_flags: bits that are off.
            pin_length: shortest and longest PIN, sensible or not.
            describe: description of every slot, as of a PC/SC reader.
            serial: serial number of every token.
            pin_pad: tokens take the PIN on the reader, and this is what is typed there.
                It is the one PIN that gets into a file, until `obey` or another shape.
            hide_certificates: certificates show after login only.
            hide_keys: no private key ever shows.
            no_rw: sessions can only be opened for reading.
            hang_before_login: looking for objects before login hangs.
        """
        shape = {
            f"flags set {set_flags:#x} clear {clear_flags:#x}": set_flags or clear_flags,
            "pin-length {} {}".format(*pin_length or (0, 0)): pin_length is not None,
            f"describe {describe}": describe is not None,
            f"serial {serial}": serial is not None,
            f"pin-pad {pin_pad}": pin_pad is not None,
            "hide-certificates": hide_certificates,
            "hide-keys": hide_keys,
            "no-rw": no_rw,
            "list-before-login hang": hang_before_login,
        }
        self._shape = [line for line, wanted in shape.items() if wanted]
        self._write()

    def obey(self) -> None:
        """Forget all orders and the shape: from its next call on, it is a good module."""
        self._orders, self._shape = {}, []
        self._write()

    def log(self) -> list[Line]:
        """Everything that was called until now."""
        calls = self.folder / "calls"
        lines = calls.read_text().splitlines() if calls.exists() else []
        return [
            Line(int(pid), sign == ">", function, detail)
            for pid, sign, function, detail in ((*line.split(" ", 3), "")[:4] for line in lines)
        ]

    def calls(self, function: str) -> int:
        """How often the function was called, in all processes."""
        return sum(line.entry and line.function == function for line in self.log())

    def logins(self, user_type: str = "USER") -> int:
        """How often somebody tried to log in as `USER`, `SO` or `CONTEXT_SPECIFIC`."""
        tries = [line for line in self.log() if line.entry and line.function == "C_Login"]
        return sum(line.detail == user_type for line in tries)

    def reached(self, function: str) -> int:
        """How often the real function was called and came back: for C_Login, the tries spent."""
        ends = [line for line in self.log() if not line.entry and line.function == function]
        return sum(not line.detail.endswith("real=-") for line in ends)

    def unstruck(self) -> list[str]:
        """Functions of the orders that were given and never carried out."""

        def calls(number: int) -> int:
            count = self.folder / f"count-{number}"
            return count.stat().st_size if count.exists() else 0

        return [name for number, (name, skip) in self._skips.items() if calls(number) <= skip]

    def entered(self, function: str) -> bool:
        """Tell whether a living process is inside a call of this function."""
        last = {line.pid: line for line in self.log()}
        return any(
            line.entry and line.function == function and Path(f"/proc/{pid}").exists()
            for pid, line in last.items()
        )

    async def wait_entered(self, function: str, seconds: float = 10.0) -> None:
        """Wait until a process is inside a call of this function."""
        async with asyncio.timeout(seconds):
            while not self.entered(function):
                await asyncio.sleep(0.01)

    def _write(self) -> None:
        """Replace the orders in one step: a call sees the old ones or the new ones."""
        new = self.folder / "orders.new"
        new.write_text("".join(f"{line}\n" for line in [*self._orders.values(), *self._shape]))
        new.replace(self.folder / "orders")
