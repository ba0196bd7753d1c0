"""The terminal laboratory: a real compositor, a real terminal, and hands and eyes for them.

sway runs without a screen, foot runs in it, grim takes the pictures, wtype presses the keys, a
virtual mouse clicks and zbarimg reads the codes. sway refuses to run as root; as root it is run
as `nobody`, and everything else connects to it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.terminal.pointer import Pointer

ROOT = Path(__file__).parents[2]
OUTPUT = (2560, 1700)
"""Pixels of the output; the largest terminal has room on it."""

FONT_SIZE = 14
"""Pixels. A cell is 8 wide and 20 high then."""

FAMILY = "Noto Sans Mono"

_APPLICATION = "kiosk-laboratory"
_SWAY_CONFIG = f"""
xwayland disable
output * mode --custom {OUTPUT[0]}x{OUTPUT[1]}
output * bg #202020 solid_color
default_border none
for_window [app_id="{_APPLICATION}"] floating enable, border none, move position 0 0
"""

_ESCAPES = re.compile(r"\x1b\[[0-9;:?<>=]*[a-zA-Z]")

_TOOLS = {
    "sway": "sway",
    "foot": "foot",
    "wtype": "wtype",
    "grim": "grim",
    "zbarimg": "zbar-tools",
    "script": "bsdutils",
    "setpriv": "util-linux",
    "fc-list": "fontconfig",
}
"""What is run, and the Debian package that has it."""


class LaboratoryError(Exception):
    """Something that was waited for did not come. The message says what."""


def installed() -> dict[str, bool]:
    """Whether each Debian package that the laboratory needs is there."""
    there = {package: shutil.which(tool) is not None for tool, package in _TOOLS.items()}
    there["fonts-noto-mono"] = Path("/usr/share/fonts/truetype/noto/NotoSansMono-Bold.ttf").exists()
    return there


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Wait until this holds.

    Raises:
        LaboratoryError: it does not within this time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LaboratoryError(f"{what} did not come in {seconds:.0f} s")
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Window:
    """Where a terminal is on the output, in pixels, and its cells."""

    x: int
    y: int
    width: int
    height: int
    columns: int
    lines: int

    @property
    def cell(self) -> tuple[int, int]:
        """Pixels of a cell; whole cells fill the window."""
        return self.width // self.columns, self.height // self.lines


class Laboratory:
    """One compositor, and one terminal on it.

    It takes a tenth of a second, so whoever needs another terminal makes another laboratory: once
    keys were pressed on one terminal, sway 1.7 lets no other hear the mouse.
    """

    def __init__(self, folder: Path) -> None:
        """Start the compositor.

        Args:
            folder: for sockets, so its path has to be short; nobody else uses it.

        Raises:
            LaboratoryError: it does not start.
        """
        self.folder = folder
        self._ends = contextlib.ExitStack()
        self._foot: subprocess.Popen[bytes] | None = None
        self._window: Window | None = None
        self._typescript = folder / "typescript"
        config = folder / "sway.conf"
        config.write_text(_SWAY_CONFIG)
        home = folder / "home"
        home.mkdir()
        self.env = {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(folder),
            "WLR_BACKENDS": "headless",
            "WLR_RENDERER": "pixman",
            "WLR_LIBINPUT_NO_DEVICES": "1",
            "SWAYSOCK": str(folder / "sway.sock"),
        }
        command = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            command += ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
        sway = self._run([*command, "sway", "-c", str(config)], "sway.log")
        try:
            wait_for(lambda: self._display() or sway.poll() is not None, "the compositor")
            display = self._display()
            if display is None:
                raise LaboratoryError(f"sway does not start: {self._last_words('sway.log')}")
            self.env["WAYLAND_DISPLAY"] = display.name
            # One keyboard and one mouse stay, so that the terminal keeps the focus and loses no
            # press while the others come and go.
            self._run(["wtype", "-s", "86400000"], "wtype.log")
            self.pointer = Pointer(display, OUTPUT)
            self._ends.callback(self.pointer.close)
            self.rest()
        except BaseException:
            self.close()
            raise

    def _display(self) -> Path | None:
        return next((file for file in self.folder.glob("wayland-?") if file.is_socket()), None)

    def _run(self, command: Sequence[str], log: str) -> subprocess.Popen[bytes]:
        output = self._ends.enter_context((self.folder / log).open("wb"))
        process = subprocess.Popen(
            command, env=self.env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        self._ends.callback(_end, process)
        return process

    def _last_words(self, log: str) -> str:
        return (self.folder / log).read_text(errors="replace")[-500:]

    def __enter__(self) -> Laboratory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything that was started."""
        self._ends.close()

    # The terminal

    def open_terminal(
        self,
        command: Sequence[str | Path],
        *,
        columns: int = 120,
        lines: int = 34,
        font_size: int = FONT_SIZE,
        env: dict[str, str] | None = None,
    ) -> Window:
        """Run a program in a terminal of this many cells.

        What the program draws is kept as well, for `drawn`.

        Raises:
            LaboratoryError: the terminal does not come, or not at this size.
        """
        assert self._window is None, "it has its terminal already"
        quoted = " ".join(f"'{part}'" for part in command)
        log = self._ends.enter_context((self.folder / "foot.log").open("wb"))
        foot = subprocess.Popen(
            [
                *("foot", "--config=/dev/null", f"--app-id={_APPLICATION}"),
                f"--font={FAMILY}:pixelsize={font_size}",
                f"--window-size-chars={columns}x{lines}",
                *(
                    "--override=pad=0x0",
                    "--override=tweak.overflowing-glyphs=no",
                    "--override=cursor.blink=no",
                ),
                # Blocks and lines by the terminal itself, as the kiosk's configuration has it.
                "--override=box-drawings-uses-font-glyphs=no",
                *("script", "--quiet", "--flush", "--command", quoted, str(self._typescript)),
            ],
            env={**self.env, **(env or {})},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self._foot = foot
        self._ends.callback(_end, foot)
        wait_for(lambda: self._rectangle() or foot.poll() is not None, "the terminal")
        rectangle = self._rectangle()
        if rectangle is None:
            raise LaboratoryError(f"foot does not start: {self._last_words('foot.log')}")
        self._window = Window(
            rectangle["x"],
            rectangle["y"],
            rectangle["width"],
            rectangle["height"],
            columns,
            lines,
        )
        return self._window

    @property
    def window(self) -> Window:
        """The terminal's place."""
        assert self._window is not None
        return self._window

    @property
    def running(self) -> bool:
        """Whether the terminal, and so the program in it, is still there."""
        return self._foot is not None and self._foot.poll() is None

    def _rectangle(self) -> dict[str, int] | None:
        tree = subprocess.run(
            ["swaymsg", "-t", "get_tree"], env=self.env, capture_output=True, check=False
        )
        todo = [json.loads(tree.stdout or b"{}")]
        while todo:
            node = todo.pop()
            if node.get("app_id") == _APPLICATION and node["type"] == "floating_con":
                return dict(node["rect"])
            todo += [*node.get("nodes", []), *node.get("floating_nodes", [])]
        return None

    def drawn(self) -> bytes:
        """All that the program has written to the terminal so far."""
        if not self._typescript.exists():
            return b""
        # The first line is script's own.
        return self._typescript.read_bytes().partition(b"\n")[2]

    def last_line(self) -> str:
        """What the program said last, once it has ended: of a failure, its name."""
        wait_for(lambda: not self.running, "the program's end")
        said = _ESCAPES.sub("", self.drawn().decode(errors="replace"))
        lines = [line.strip() for line in said.splitlines() if re.match(r"\w+: ", line)]
        return lines[-1] if lines else ""

    # Eyes

    def picture(self) -> Image.Image:
        """What the terminal shows now, pixel by pixel."""
        place = self.window
        area = f"{place.x},{place.y} {place.width}x{place.height}"
        done = subprocess.run(
            ["grim", "-t", "ppm", "-g", area, "-"], env=self.env, capture_output=True, check=False
        )
        if done.returncode != 0:
            raise LaboratoryError(f"no picture: {done.stderr.decode(errors='replace').strip()}")
        return Image.open(io.BytesIO(done.stdout))

    def still_picture(self, still: float = 0.3, seconds: float = 5.0) -> Image.Image:
        """The picture, once it has been the same for some time.

        Args:
            still: how long it has to be the same, in seconds.
            seconds: how long to wait for that. A screen that moves by itself is taken then.
        """
        deadline = time.monotonic() + seconds
        before, since = self.picture(), time.monotonic()
        while time.monotonic() - since < still and time.monotonic() < deadline:
            now = self.picture()
            if now.tobytes() != before.tobytes():
                before, since = now, time.monotonic()
            time.sleep(0.05)
        return before

    # Hands

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, by the names of X (`Return`, `F5`, `a`)."""
        for key in keys:
            # A keyboard's first key may get lost while its key map is made known, so the first
            # is one that does nothing.
            command = ["wtype", "-k", "Shift_L", "-s", "150", "-k", key]
            subprocess.run(command, env=self.env, check=True)

    def click(self, column: int, line: int) -> None:
        """Click on the middle of this cell; both count from 0."""
        width, height = self.window.cell
        self.pointer.click(
            self.window.x + column * width + width // 2, self.window.y + line * height + height // 2
        )

    def rest(self) -> None:
        """Take the mouse off the terminal, so that nothing lies under it."""
        self.pointer.move(OUTPUT[0] - 1, OUTPUT[1] - 1)


@contextlib.contextmanager
def laboratory() -> Iterator[Laboratory]:
    """Make a laboratory in a folder of its own, which goes with it."""
    # Below /tmp, since a socket's path has to be short.
    with (
        tempfile.TemporaryDirectory(prefix="kiosk-lab-") as folder,
        Laboratory(Path(folder)) as made,
    ):
        yield made


def codes_in(picture: Image.Image, folder: Path) -> list[str]:
    """What zbarimg reads in the QR codes of the picture; the folder is for its file."""
    file = folder / "code.ppm"
    picture.save(file)
    done = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(file)],
        capture_output=True,
        check=False,
    )
    return done.stdout.decode().splitlines()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
