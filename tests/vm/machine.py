"""The machine: QEMU, its monitor (QMP), its screen and keyboard, and the agent inside.

No KVM: every processor that runs Python runs this.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tests.vm.image import DISPLAY, Disk
from tests.vm.waiting import CheckFailed, wait_until

BOOT_PATIENCE = 600.0
"""Seconds. A machine whose processor is a program, on a busy host, takes its time."""

HOLD = 0.06
"""Seconds that a key is held down."""

BREATH = 0.12
"""Seconds from one key to the next. The virtual keyboard keeps sixteen events; what comes faster
than an emulated machine fetches them is lost, a key's release as well."""

_READER_INSIDE = 35963
_COMMAND_LINE = "root=/dev/vda rw quiet loglevel=3 net.ifnames=0 console=ttyS0 console=tty0"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program inside the machine ended with."""

    code: int
    out: str
    err: str


class Machine:
    """One machine with a disk of its own over the built one."""

    def __init__(self, disk: Disk, state: Path, reader_port: int) -> None:
        self._disk = disk
        self._state = state
        self._overlay = state / "run.qcow2"
        self._reader_port = reader_port
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor: _Lines | None = None
        self._agent: _Lines | None = None
        self._next_id = 0
        self.power_on_at = 0.0
        """`time.monotonic()` when the power was switched on last."""

    # Power

    def renew_disk(self) -> None:
        """Forget everything that was written since the disk was built."""
        self._overlay.unlink(missing_ok=True)
        _run(
            *("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw"),
            *("-b", str(self._disk.file), str(self._overlay)),
        )

    def power_on(self) -> None:
        """Switch on; returns when the monitor answers, long before the machine is up."""
        sockets = [self._state / name for name in ("monitor.sock", "agent.sock")]
        for path in sockets:
            path.unlink(missing_ok=True)
        with (self._state / "serial.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.power_on_at = time.monotonic()
        self._monitor, self._agent = (_Lines(path, self._process) for path in sockets)
        self._monitor.read(30)
        self.monitor("qmp_capabilities")

    def _command(self) -> list[str]:
        width, height = DISPLAY
        forward = f"hostfwd=tcp:127.0.0.1:{self._reader_port}-:{_READER_INSIDE}"
        state = self._state
        return [
            # It ends when this process does, however that ends.
            *("setpriv", "--pdeathsig", "KILL"),
            *("qemu-system-x86_64", "-machine", "pc", "-accel", "tcg,thread=multi"),
            *("-cpu", "qemu64", "-smp", "2", "-m", "2048", "-nodefaults", "-display", "none"),
            *("-kernel", str(self._disk.kernel), "-initrd", str(self._disk.initrd)),
            *("-append", _COMMAND_LINE),
            *("-drive", f"file={self._overlay},if=virtio,format=qcow2,cache=writeback"),
            *("-drive", f"file={self._disk.swap},if=virtio,format=raw,cache=unsafe"),
            *("-device", f"virtio-vga,xres={width},yres={height}"),
            *("-device", "qemu-xhci,id=usb", "-device", "usb-kbd,bus=usb.0"),
            *("-netdev", f"user,id=net,{forward}", "-device", "virtio-net-pci,netdev=net"),
            *("-chardev", f"file,id=serial,path={state / 'serial.log'},append=on"),
            *("-serial", "chardev:serial"),
            *("-qmp", f"unix:{state / 'monitor.sock'},server=on,wait=off"),
            *("-chardev", f"socket,id=agent,path={state / 'agent.sock'},server=on,wait=off"),
            *("-device", "virtio-serial-pci"),
            *("-device", "virtserialport,chardev=agent,name=vm-test"),
            *("-device", "virtio-rng-pci"),
        ]

    def cut_power(self) -> None:
        """Pull the plug: nothing inside gets to know of it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        for lines in (self._monitor, self._agent):
            if lines is not None:
                lines.close()
        self._monitor = self._agent = None

    # Monitor

    def monitor(self, command: str, **arguments: Any) -> Any:
        """Have QEMU's monitor do something (QEMU QMP Reference Manual).

        Raises:
            CheckFailed: it refused.
        """
        monitor = self._monitor
        if monitor is None:
            raise CheckFailed("the machine is off")
        monitor.write({"execute": command, "arguments": arguments})
        while True:
            message = monitor.read(60)
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise CheckFailed(f"monitor: {command}: {message['error']['desc']}")

    def press(self, *combinations: str) -> None:
        """Press keys, such as `ret` or `ctrl-alt-f2`; names as in QEMU's QKeyCode."""
        for combination in combinations:
            names = combination.split("-")
            self._turn(names, down=True)
            time.sleep(HOLD)
            self._turn(list(reversed(names)), down=False)
            time.sleep(BREATH)

    def _turn(self, names: list[str], *, down: bool) -> None:
        for name in names:
            key = {"key": {"type": "qcode", "data": name}, "down": down}
            self.monitor("input-send-event", events=[{"type": "key", "data": key}])

    def press_harmless_key(self) -> None:
        """Press a key that means nothing, but shows that somebody is there."""
        self.press("shift")

    def type(self, text: str) -> None:
        """Type letters and digits."""
        self.press(*(_KEY_NAMES.get(letter, letter) for letter in text))

    def picture(self) -> Image.Image:
        """What is on the screen now."""
        file = self._state / "screen.ppm"
        self.monitor("screendump", filename=str(file))
        with Image.open(file) as image:
            return image.convert("RGB")

    def plug_in(self, driver: str, name: str, **properties: Any) -> None:
        """Plug a USB device in."""
        self.monitor("device_add", driver=driver, id=name, bus="usb.0", **properties)

    def pull_out(self, name: str) -> None:
        """Pull a USB device out."""
        self.monitor("device_del", id=name)

    # Inside

    def run(self, *command: str, text: str = "", seconds: float = 60) -> Ran:
        """Run a program inside, as root, and return what it ended with.

        Raises:
            CheckFailed: nothing inside answers.
        """
        agent = self._agent
        if agent is None:
            raise CheckFailed("the machine is off")
        self._next_id += 1
        agent.write({"id": self._next_id, "run": command, "input": text, "seconds": seconds})
        while (answer := agent.read(seconds + 60)).get("id") != self._next_id:
            pass
        return Ran(answer["code"], answer["out"], answer["err"])

    def shell(self, script: str, seconds: float = 60) -> str:
        """Run a shell script inside and return what it printed.

        Raises:
            CheckFailed: it failed.
        """
        ran = self.run("sh", "-c", script, seconds=seconds)
        if ran.code != 0:
            raise CheckFailed(f"inside: {shlex.quote(script)}: {ran.code}: {ran.out}{ran.err}")
        return ran.out

    def await_agent(self, seconds: float = BOOT_PATIENCE) -> None:
        """Wait until somebody inside answers."""
        agent = self._agent
        if agent is None:
            raise CheckFailed("the machine is off")

        def answers() -> bool:
            self._next_id += 1
            agent.write({"id": self._next_id, "run": ["true"], "input": "", "seconds": 5})
            try:
                while agent.read(5).get("id") != self._next_id:
                    pass
            except CheckFailed:
                return False
            return True

        wait_until(answers, "nobody inside answers; see serial.log", seconds)


_KEY_NAMES = {".": "dot", "-": "minus", " ": "spc"}


class _Lines:
    """A socket of QEMU's on which each line is a JSON value."""

    def __init__(self, path: Path, process: subprocess.Popen[bytes]) -> None:
        def connected() -> socket.socket | None:
            if process.poll() is not None:
                raise CheckFailed(f"QEMU ended with {process.returncode}; see serial.log")
            one = socket.socket(socket.AF_UNIX)
            try:
                one.connect(os.fspath(path))
            except OSError:
                one.close()
                return None
            return one

        self._socket = wait_until(connected, f"{path.name} is not there", 30, 0.05)
        self._pending = b""

    def write(self, value: dict[str, Any]) -> None:
        self._socket.settimeout(60)
        try:
            self._socket.sendall(json.dumps(value).encode() + b"\n")
        except OSError as error:
            raise CheckFailed(f"the machine does not listen: {error}") from None

    def read(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._pending:
            self._socket.settimeout(max(0.05, deadline - time.monotonic()))
            try:
                part = self._socket.recv(1 << 16)
            except TimeoutError:
                raise CheckFailed(f"no answer from the machine in {seconds:.0f} s") from None
            except OSError as error:
                raise CheckFailed(f"the machine is gone: {error}") from None
            if not part:
                raise CheckFailed("the machine is gone")
            self._pending += part
        line, _, self._pending = self._pending.partition(b"\n")
        value: dict[str, Any] = json.loads(line)
        return value

    def close(self) -> None:
        self._socket.close()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
