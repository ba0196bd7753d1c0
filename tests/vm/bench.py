"""What every check works with: the machine, what stands around it, and words on its screen."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from tests.vm.counter import Counter
from tests.vm.image import DISPLAY, PIXEL_SIZE, Disk
from tests.vm.machine import BOOT_PATIENCE, Machine
from tests.vm.screen import Reader, holds, terminal_reader
from tests.vm.waiting import CheckFailed, wait_until

UNIT = "vnpt-bhxh-kiosk.service"
STATE = "/var/lib/vnpt-bhxh-kiosk"
CONFIG = "/etc/vnpt-bhxh-kiosk/kiosk.toml"

WELCOME = ("Lấy lại mật khẩu VNPT-BHXH", "Mã PIN của USB Token", "Bắt đầu")
OUT_OF_SERVICE = ("Máy tạm ngừng phục vụ",)

PATIENCE = 120.0
"""Seconds for the kiosk to come, once the machine is up."""

UNANSWERED = 15.0
"""Seconds without any change on the screen after which a key has been lost."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process inside, and since when, in ticks of the clock since boot: both name it."""

    pid: int
    started: int
    name: str


@dataclass(slots=True)
class Bench:
    """The checks' workplace."""

    machine: Machine
    counter: Counter
    disk: Disk
    pictures: Path
    """Folder that pictures for the report go to."""
    reader: Reader = field(default_factory=lambda: terminal_reader(DISPLAY, PIXEL_SIZE))
    taken: list[tuple[str, str]] = field(default_factory=list)
    """File and caption of the pictures that the check under way has taken."""
    _last: Image.Image | None = None

    # The screen

    def lines(self) -> list[str]:
        """The text on the screen now."""
        self._last = self.machine.picture()
        return self.reader.lines(self._last)

    def shows(self, *words: str) -> bool:
        """Whether all of these are on the screen now."""
        lines = self.lines()
        return all(holds(lines, one) for one in words)

    def await_words(self, *words: str, seconds: float = PATIENCE) -> None:
        """Wait until all of these are on the screen.

        Raises:
            CheckFailed: they did not come; the message has what is there instead.
        """
        wait_until(
            lambda: self.shows(*words),
            lambda: f"{' / '.join(words)} is not on the screen, but: {self.words_now()}",
            seconds,
        )

    def press_for(self, key: str, *words: str, seconds: float = PATIENCE) -> None:
        """Press a key and wait until all of these are on the screen. As a person does, press it
        again if nothing at all has changed: the virtual keyboard may lose one.

        Raises:
            CheckFailed: they did not come.
        """
        before = self.lines()
        self.machine.press(key)
        deadline = time.monotonic() + seconds
        with contextlib.suppress(CheckFailed):
            self.await_words(*words, seconds=min(UNANSWERED, seconds))
            return
        if self.lines() == before:
            self.machine.press(key)
        self.await_words(*words, seconds=max(0.0, deadline - time.monotonic()))

    def words_now(self) -> str:
        """What is on the screen, in one line."""
        return " | ".join(line.strip() for line in self.lines() if line.strip())[:600]

    def keep_picture(self, name: str, caption: str) -> None:
        """Keep the picture that was looked at last for the report."""
        picture = self._last or self.machine.picture()
        self.pictures.mkdir(parents=True, exist_ok=True)
        small = picture.resize((960, 600), Image.Resampling.LANCZOS)
        small.quantize(48, dither=Image.Dither.NONE).save(
            self.pictures / f"{name}.png", optimize=True
        )
        self.taken.append((f"{name}.png", caption))

    def keep_picture_when(self, name: str, caption: str, *words: str) -> None:
        """Wait for the words and keep the picture they are on."""
        self.await_words(*words)
        self.keep_picture(name, caption)

    # Where the machine stands

    def boot(self) -> float:
        """Switch on and wait for the welcome screen; returns how many seconds that took."""
        self.machine.power_on()
        self.await_words(*WELCOME, seconds=BOOT_PATIENCE)
        took = time.monotonic() - self.machine.power_on_at
        self.machine.await_agent()
        return took

    def at_welcome(self) -> None:
        """Have the machine at the welcome screen, by whatever it takes: a check begins."""
        self.counter.pull_out()
        with contextlib.suppress(CheckFailed):
            self.machine.press_harmless_key()
            self.await_words(*WELCOME, "Gọi nhân viên", seconds=20)
            return
        with contextlib.suppress(CheckFailed):
            self.machine.shell("rm -f /run/vnpt-bhxh-kiosk/crashes")
            self.machine.shell(f"systemctl restart {UNIT}", seconds=120)
            self.await_words(*WELCOME)
            return
        self.machine.cut_power()
        self.machine.renew_disk()
        self.boot()

    def time_to_welcome(self, do: Callable[[], object], seconds: float = PATIENCE) -> float:
        """Do something that takes the welcome screen away; returns how many seconds it was
        until it was there again, drawn by another process."""
        before = self.kiosk()
        started = time.monotonic()
        do()

        def another() -> bool:
            now = self.find_kiosk()
            return now is not None and now != before

        wait_until(another, "the kiosk was not started again", seconds)
        self.await_words(*WELCOME, seconds=seconds)
        return time.monotonic() - started

    # Processes

    def processes(self, user: str = "kiosk") -> list[Process]:
        """The processes of a user, oldest first."""
        script = (
            f"for p in $(pgrep -u {user}); do "
            "[ -r /proc/$p/stat ] && echo $p $(sed 's/.*) //' /proc/$p/stat | cut -d' ' -f20) "
            "$(tr '\\0' ' ' </proc/$p/cmdline); done 2>/dev/null; true"
        )
        found = []
        for line in self.machine.shell(script).splitlines():
            parts = line.split(maxsplit=2)
            if len(parts) == 3 and parts[1].isdigit():
                found.append(Process(int(parts[0]), int(parts[1]), parts[2].strip()))
        return sorted(found, key=lambda process: process.started)

    def find(self, part: str) -> Process | None:
        """The first process of the kiosk's user with this in its command line."""
        return next((one for one in self.processes() if part in one.name), None)

    def find_kiosk(self) -> Process | None:
        """The process that draws."""
        return next(
            (
                one
                for one in self.processes()
                if " run " in f"{one.name} " and not one.name.startswith(("/usr/bin/", "cage"))
            ),
            None,
        )

    def kiosk(self) -> Process:
        """The process that draws.

        Raises:
            CheckFailed: there is none.
        """
        found = self.find_kiosk()
        if found is None:
            raise CheckFailed("no kiosk is running")
        return found

    def boot_id(self) -> str:
        """Another one after each boot."""
        return self.machine.shell("cat /proc/sys/kernel/random/boot_id").strip()

    def journal(self, unit: str = UNIT) -> str:
        """What the journal of this boot has of a unit."""
        return self.machine.shell(f"journalctl -b -u {unit} --no-pager -o cat | tail -n 400")
