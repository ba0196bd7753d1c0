"""The machine as the checks see it: its files, its programs and whom the doctor speaks for.

Tests give the checks a folder with made files and a runner with made answers instead.
"""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kiosk.doctor.findings import Finding, ok, warning
from kiosk.hardware.readers import Pcsc, SystemPcsc

UNIT = "vnpt-bhxh-kiosk.service"
CONSOLE_UNIT = "vnpt-bhxh-kiosk-console.service"
LOCKDOWN_UNIT = "vnpt-bhxh-kiosk-lockdown.service"
RESTART_TIMER = "vnpt-bhxh-kiosk-restart.timer"

PROGRAM_SECONDS = 10.0
"""Longest time that a program of the machine may take to answer."""

AS_ROOT = (
    "If the kiosk runs as another user, name that one with --user. `--user root` loads vendors' "
    "modules with root's rights: only where you trust them."
)
"""What root does where there is no user of the kiosk's."""

_TEXT_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program did."""

    code: int | None
    """Its exit code; None: it did not end in time and was killed."""
    output: str = ""
    """Of both its outputs."""


Runner = Callable[[tuple[str, ...]], Ran | None]
"""Runs a program; None where it is not installed."""


def run_program(command: tuple[str, ...], seconds: float = PROGRAM_SECONDS) -> Ran | None:
    """Run a program of the machine; it reads nothing and is killed after so many seconds."""
    environment = {
        **os.environ,
        # Answers are compared with words, so they are wanted in one language; and fontconfig
        # shall not write a cache into anybody's home.
        "LC_ALL": "C.UTF-8",
        "SYSTEMD_PAGER": "",
        "SYSTEMD_COLORS": "0",
        "XDG_CACHE_HOME": "/nonexistent",
    }
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ran(None)
    except OSError:
        return None
    return Ran(done.returncode, done.stdout.decode("utf-8", errors="replace"))


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the checks look."""

    root: Path = Path("/")
    run: Runner = run_program
    pcsc: Callable[[], Pcsc] = SystemPcsc
    patience: float = 1.0
    """How many times longer than usual its answers are waited for."""

    def at(self, path: str | Path) -> Path:
        """A file of this machine by its absolute path."""
        return self.root / str(path).lstrip("/")

    def text(self, path: str | Path) -> str | None:
        """A short text file without the space around it; None where it cannot be read."""
        try:
            with self.at(path).open("rb") as stream:
                return stream.read(_TEXT_MAX).decode("utf-8", errors="replace").strip()
        except OSError:
            return None

    @property
    def booted(self) -> bool:
        """Whether systemd runs this machine (sd_booted(3)); in a container it may not."""
        return self.at("/run/systemd/system").is_dir()


def patient_machine(patience: float) -> Machine:
    """This machine, waited for so many times longer than usual."""
    run = partial(run_program, seconds=PROGRAM_SECONDS * patience)
    return Machine(run=run, patience=patience)


def own_name() -> str:
    """The name of the user that this process runs as."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"number {os.geteuid()}"


def speak_for(user: str) -> Finding:
    """Become the kiosk's user, if root started the doctor: everything that is looked at
    afterwards is what the kiosk can do. For good, so this is done once, at the start.

    Args:
        user: name of the user that the kiosk runs as.
    """
    facts = {"user": own_name(), "kiosk_user": user}
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        text = f"speaks for user {own_name()}: there is no user {user} on this machine"
        advice = (
            "The Debian package makes it; if the kiosk runs as somebody else, name that user "
            "with --user."
        )
        return warning("user", text, advice, **facts)
    if os.geteuid() == entry.pw_uid:
        return ok("user", f"speaks for user {user}", **facts)
    if os.geteuid() != 0:
        text = f"speaks for user {own_name()}, who started it, and not for the kiosk's user {user}"
        advice = f"What {user} may read and reach can differ: run it as root, or as {user}."
        return warning("user", text, advice, **facts)
    os.initgroups(user, entry.pw_gid)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    os.environ.update({"HOME": entry.pw_dir, "USER": user, "LOGNAME": user})
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS", "MAIL"):
        os.environ.pop(name, None)
    os.chdir("/")
    return ok("user", f"speaks for user {user} (started by root)", **{**facts, "user": user})


def may_load_modules(user: str) -> bool:
    """Whether a vendor's module may be loaded by this process, after `speak_for`: not with all
    of root's rights, unless the kiosk itself has them."""
    return os.geteuid() != 0 or own_name() == user


def owner_of(about: os.stat_result) -> str:
    """Owner and group of a file, by name where they have one."""
    try:
        user = pwd.getpwuid(about.st_uid).pw_name
    except KeyError:
        user = str(about.st_uid)
    try:
        group = grp.getgrgid(about.st_gid).gr_name
    except KeyError:
        group = str(about.st_gid)
    return f"{user}:{group}"
