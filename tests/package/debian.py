"""A Debian 13 in a folder, in which the package lives its life: installed, upgraded, removed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DEBIAN_ROOT = REPOSITORY / "scripts" / "debian-root"
BUILD_DEB = REPOSITORY / "scripts" / "build-deb"

OF_THE_PACKAGE = [pytest.mark.package, pytest.mark.timeout(1800)]
"""Building, fetching and installing take their time, longer beside other tests."""

PATIENCE = 900.0
"""Seconds for one step; the longest fetches half of a Debian."""


def need_root() -> None:
    """Fail where no Debian can be made to install the package in."""
    if os.geteuid() != 0:
        pytest.fail("needs root: the package is built and installed in a Debian 13 of its own")
    if shutil.which("mmdebstrap") is None:
        pytest.fail("needs the Debian package mmdebstrap")


def command(*arguments: str | Path) -> str:
    """Run one of the scripts, and give what it prints; what it says goes into the failure."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if done.returncode != 0:
        pytest.fail(
            f"{arguments[0]}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-8000:]}"
        )
    return done.stdout


class Debian:
    """One Debian 13. Its commands have mounts of their own, so that none can be left behind."""

    def __init__(self, folder: Path) -> None:
        """Make it.

        Args:
            folder: where it is put; what is there afterwards can be looked at from outside.
        """
        self.folder = folder
        command(DEBIAN_ROOT, "make", folder)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, whatever comes of it."""
        return subprocess.run(
            [DEBIAN_ROOT, "run", "--archives", self.folder, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def must(self, *arguments: str) -> str:
        """Run a command in it that has to work, and give what it prints."""
        done = self.run(*arguments)
        if done.returncode != 0:
            pytest.fail(
                f"{arguments}: {done.returncode}\n{done.stdout[-6000:]}{done.stderr[-6000:]}"
            )
        return done.stdout

    def apt_install(self, what: str, *options: str) -> str:
        """Install a package with everything that it needs, as docs/install.md says."""
        # The option spares a disk the waiting, and nothing else.
        unsafe = "Dpkg::Options::=--force-unsafe-io"
        return self.must(
            *("apt-get", "install", "-y", "--no-install-recommends", "-o", unsafe, *options, what)
        )

    def install(self, package: Path, *options: str) -> str:
        """Install a package file of this machine."""
        shutil.copy(package, self.folder / "root" / package.name)
        return self.apt_install(f"/root/{package.name}", *options)

    def read(self, path: str) -> str:
        """A file's text."""
        return (self.folder / path.lstrip("/")).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        """Write a file over."""
        (self.folder / path.lstrip("/")).write_text(text, encoding="utf-8")

    def exists(self, path: str) -> bool:
        """Whether a file, a folder or a link that leads nowhere is there."""
        place = self.folder / path.lstrip("/")
        return place.is_symlink() or place.exists()

    def package_status(self, name: str) -> str:
        """What dpkg says of a package: `ii`, `rc`; empty, if it knows nothing."""
        done = self.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", name)
        return done.stdout.strip() if done.returncode == 0 else ""


RECORDER = """#!/bin/sh
case " $* " in
    *" start "* | *" stop "* | *"restart "* | *reload*) printf '%s\\n' "$*" >>/opt/recorder/calls ;;
    *) SYSTEMD_OFFLINE=1 exec /usr/bin/systemctl "$@" ;;
esac
"""
"""Stands in for systemctl: what a running systemd is asked to do is written down instead, and
what concerns files is done."""


GRUB = """#!/bin/sh
echo "$DPKG_MAINTSCRIPT_PACKAGE $DPKG_MAINTSCRIPT_NAME" >>/root/grub
exit 1
"""
"""Stands in for update-grub, on a machine on which it fails."""


@contextmanager
def running_systemd(debian: Debian) -> Iterator[list[str]]:
    """Make the maintainer scripts believe in a running systemd, and in GRUB.

    Yields:
        What they asked of it about the kiosk's units; there when the block has ended.
    """
    recorder = debian.folder / "opt" / "recorder"
    setting = debian.folder / "etc" / "apt" / "apt.conf.d" / "recorder"
    running = debian.folder / "run" / "systemd" / "system"
    recorder.mkdir()
    running.mkdir(parents=True)
    calls = recorder / "calls"
    calls.touch()
    (recorder / "systemctl").write_text(RECORDER, encoding="utf-8")
    (recorder / "update-grub").write_text(GRUB, encoding="utf-8")
    for name in ("systemctl", "update-grub"):
        (recorder / name).chmod(0o755)
    menu = debian.folder / "boot" / "grub" / "grub.cfg"
    menu.parent.mkdir(parents=True, exist_ok=True)
    menu.touch()
    # apt gives maintainer scripts a search path of its own.
    setting.write_text('DPkg::Path "/opt/recorder:/usr/sbin:/usr/bin";\n', encoding="utf-8")
    asked: list[str] = []
    yield asked
    told = calls.read_text(encoding="utf-8").splitlines()
    asked += [call for call in told if "vnpt-bhxh-kiosk" in call or "getty" in call]
    setting.unlink()
    shutil.rmtree(recorder)
    shutil.rmtree(running)
