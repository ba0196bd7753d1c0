"""`kiosk run --unattended` in a real terminal, with what stands for systemd around it."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kiosk.audit_verify import verify
from kiosk.sandbox.card import CardControl
from kiosk.sandbox.scenario import PIN
from kiosk.supervision import LOOP_CRASHES
from tests.stack.journey import GOODBYE, REMOVE, WELCOME, Customer
from tests.stack.parts import KioskCommand
from tests.terminal.console import Console

OUT = "Máy tạm ngừng phục vụ"
CANNOT = "Máy chưa phục vụ được"

pytestmark = pytest.mark.stack


@dataclass
class Unit:
    """What systemd gives the kiosk: a terminal, folders, a socket to be told on."""

    command: KioskCommand
    folder: Path
    told: socket.socket
    messages: list[bytes] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def journal(self) -> Path:
        return self.state / "audit" / "audit.jsonl"

    def configure(self, extra: str = "") -> None:
        """Write the configuration; `extra` is appended to it."""
        text = self.original + extra
        self.command.config.write_text(text, encoding="utf-8")

    @property
    def original(self) -> str:
        lines = (self.folder / "original.toml").read_text(encoding="utf-8")
        return lines.replace("[kiosk]\n", f'[kiosk]\nstate_directory = "{self.state}"\n')

    def start(self) -> Console:
        arguments = ["run", "--unattended", "--config", str(self.command.config)]
        environment = {
            "PCSCLITE_CSOCK_NAME": str(self.command.pcscd.socket),
            "RUNTIME_DIRECTORY": str(self.folder / "run"),
            "NOTIFY_SOCKET": str(self.told.getsockname()),
            "WATCHDOG_USEC": "800000",
        }
        return Console([sys.executable, "-m", "kiosk", *arguments], env=environment)

    def heard(self) -> list[bytes]:
        """Everything that was told since the last time."""
        heard, self.messages[:] = list(self.messages), []
        return heard

    def listen(self) -> None:
        """Take what is told until the fixture closes the socket: its queue is ten long."""
        while message := self.told.recv(1000):
            self.messages.append(message)


@pytest.fixture
def unit(kiosk_command: KioskCommand, tmp_path: Path) -> Iterator[Unit]:
    (tmp_path / "run").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "original.toml").write_bytes(kiosk_command.config.read_bytes())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        unit = Unit(kiosk_command, tmp_path, told)
        unit.configure()
        thread = threading.Thread(target=unit.listen)
        thread.start()
        yield unit
        told.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def hears(unit: Unit, message: bytes) -> Callable[[], bool]:
    return lambda: message in unit.heard()


def test_systemd_hears_of_readiness_and_of_every_turn_of_the_screens_loop(unit: Unit) -> None:
    with unit.start() as console:
        console.wait_until(hears(unit, b"READY=1"), "READY=1")
        console.wait(WELCOME)
        for _ in range(3):
            console.wait_until(hears(unit, b"WATCHDOG=1"), "a sign of life")
        os.kill(console.process.pid, signal.SIGTERM)
        assert console.ended() == 0
    assert unit.heard()[-1] == b"STOPPING=1"
    assert [json.loads(line)["what"] for line in unit.journal.read_text().splitlines()] == [
        "started",
        "stopped",
    ]


@pytest.mark.parametrize("broken", ["toml", "trust", "state"])
def test_a_broken_configuration_is_a_page_until_it_is_mended(unit: Unit, broken: str) -> None:
    if broken == "toml":
        unit.configure("[nonsense")
    elif broken == "trust":
        text = unit.original
        at = text.index("directory = ", text.index("[trust]"))
        unit.command.config.write_text(
            f'{text[:at]}directory = "{unit.folder}/nowhere"\n' + text[text.index("\n", at) + 1 :]
        )
    else:
        unit.command.config.write_bytes((unit.folder / "original.toml").read_bytes())
    with unit.start() as console:
        console.wait(CANNOT, "The kiosk cannot serve now", "1800 1260", "K09")
        console.wait_until(hears(unit, b"READY=1"), "READY=1")
        console.press("\x03", "\x1a", "\x1c", "\x04", "q", "enter", "escape")
        console.wait_until(hears(unit, b"WATCHDOG=1"), "a sign of life")
        assert console.shows("K09")
        assert str(unit.folder) not in console.text
        unit.configure()
        console.wait(WELCOME)
        assert not console.shows("K09")


def test_a_crash_loop_is_a_page_with_a_code(unit: Unit) -> None:
    for _ in range(LOOP_CRASHES):
        with unit.start() as console:
            console.wait(WELCOME)
            os.kill(console.process.pid, signal.SIGKILL)
            console.ended()
    with unit.start() as console:
        console.wait("The kiosk has failed several times in a row", "K10")
        os.kill(console.process.pid, signal.SIGTERM)
        assert console.ended() == 0


def test_a_terminal_that_hangs_up_is_no_crash(unit: Unit) -> None:
    for _ in range(LOOP_CRASHES + 1):
        with unit.start() as console:
            console.wait(WELCOME)
            console.hang_up()
            assert console.ended(5) == 0


def test_staff_and_the_hour_take_it_out_of_service_and_it_comes_back(unit: Unit) -> None:
    with unit.start() as console:
        console.wait(WELCOME)
        (unit.state / "out-of-service").touch()
        console.wait(OUT, "K12")
        console.wait_until(hears(unit, b"STATUS=out of service: K12"), "the status")
        (unit.state / "out-of-service").unlink()
        console.wait(WELCOME)
        console.wait_until(hears(unit, b"STATUS=in service"), "the status")
    other_days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    today = int(subprocess.check_output(["date", "+%u"])) - 1
    tomorrow = other_days[(today + 1) % 7]
    unit.configure(f'\n[hours]\n{tomorrow} = ["08:15-11:30"]\n')
    with unit.start() as console:
        console.wait("Quầy đang đóng cửa", "Máy phục vụ lại lúc 08:15 ngày", "1800 1260", "K11")


def test_a_full_disk_takes_it_out_of_service_and_it_comes_back(unit: Unit) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", unit.state], check=True)
    try:
        unit.configure("\n[audit]\nleast_free = 65536\n")
        with unit.start() as console:
            console.wait(WELCOME)
            ballast = unit.state / "ballast"
            with pytest.raises(OSError, match="No space"):
                ballast.write_bytes(b"0" * (1 << 20))
            console.wait(OUT, "K08")
            ballast.unlink()
            console.wait(WELCOME)
        assert verify(unit.state / "audit").in_order
    finally:
        subprocess.run(["umount", "--lazy", unit.state], check=True)


def test_a_visit_is_in_the_journal_and_nothing_of_whom_it_was(
    unit: Unit, card: CardControl
) -> None:
    with unit.start() as console:
        customer = Customer(console)
        customer.start()
        card.insert("hoa-sen")
        customer.enter_username("hoasen")
        customer.enter_pin(PIN)
        customer.confirm()
        reference = console.text.split("Mã yêu cầu")[1].split()[0]
        customer.finish()
        console.wait(REMOVE)
        card.remove()
        console.wait(GOODBYE)
        console.wait(WELCOME)
        os.kill(console.process.pid, signal.SIGTERM)
        console.ended()
    text = unit.journal.read_text()
    records = [json.loads(line) for line in text.splitlines()]
    steps = [
        (record["what"], record.get("effect", record.get("outcome", "")))
        for record in records
        if record.get("visit")
    ]
    assert steps == [
        ("visit begun", ""),
        ("effect begun", "read token"),
        ("effect done", "read token"),
        ("effect begun", "prepare login"),
        ("effect done", "prepare login"),
        ("effect begun", "prove"),
        ("effect done", "prove"),
        ("effect begun", "send"),
        ("effect done", "send"),
        ("visit ended", "sent"),
    ]
    assert len({record["visit"] for record in records if record.get("visit")}) == 1
    last = records[-2]
    assert last["reference"] == reference
    assert last["tax_code"].count("*") == 6
    for personal in ("hoasen", PIN, "HOA SEN", "Hoa Sen", "@", "example"):
        assert personal not in text
    assert verify(unit.state / "audit").in_order


def test_no_key_or_escape_sequence_leads_out(unit: Unit) -> None:
    """Control keys, function keys with every modifier, answers of terminals, pasted commands,
    and a storm of sizes, down to ones in which nothing has room."""
    chance = random.Random(6)  # noqa: S311
    with unit.start() as console:
        console.wait(WELCOME)
        # The helper that waits for a token, and nothing else, however much is pressed.
        console.wait_until(
            lambda: own_processes(console.process.pid) == ["python"], "the token's helper"
        )
        keys = [chr(code) for code in range(1, 32)] + ["\x1b" + chr(c) for c in range(1, 127)]
        keys += [f"\x1b[{n};{m}~" for n in (11, 12, 15, 20, 24) for m in range(2, 9)]
        keys += [f"\x1b[1;{m}{c}" for m in range(2, 9) for c in "ABCDPQRS"]
        keys += [
            "\x1b]52;c;?\x07",
            "\x1b]52;c;cm0gLXJm\x07",
            "\x1b[200~\x03\x1a:!sh\nq\n\x1b[201~",
            "\x1b[?1;2c",
            "\x1bP$q q\x1b\\",
            "\x1b[99;99R",
            "\x1b]11;rgb:0/0/0\x1b\\",
            "\x1b[<0;9999;9999M\x1b[<0;0;0m",
            "\x1b[M   ",
            "\x1b[?2048$p\x1b[48;1;1;1;1t",
            "\x9b\x9d\x90",
            "\x1b_G\x1b\\",
            "\x1b[" + "9" * 500 + "m",
        ]
        chance.shuffle(keys)
        for number, key in enumerate(keys):
            console.process.send(key)
            if number % 20 == 0:
                console.process.setwinsize(chance.randrange(1, 70), chance.randrange(1, 250))
            console.pump(0.01)
        console.process.setwinsize(34, 120)
        console.screen.resize(34, 120)
        assert console.process.isalive()
        assert own_processes(console.process.pid) == ["python"]
        unit.heard()
        console.wait_until(hears(unit, b"WATCHDOG=1"), "a sign of life")


def test_a_sequence_that_makes_no_sense_is_no_crash(unit: Unit) -> None:
    with unit.start() as console:
        console.wait(WELCOME)
        for sequence in (
            "\x1b[:4A",
            "\x1b[1114112u",
            "\x1b[99999999999999999999;5u",
            "\x1b[48;34;120;0;0t\x1b[<0;1;1M\x1b[<0;1;1m",
            "\x1b[48;99999;99999;1;1t",
        ):
            console.press(sequence)
        unit.heard()
        console.wait_until(hears(unit, b"WATCHDOG=1"), "a sign of life")
        # Keys are still heard. Some of these hold letters, any of which begins a visit.
        console.press("f2")
        console.wait("F2 Tiếng Việt")
        assert b"Traceback" not in console.raw


def own_processes(pid: int) -> list[str]:
    """What the kiosk has started: the names of the programs."""
    found = subprocess.run(
        ["ps", "-o", "comm=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.split()
