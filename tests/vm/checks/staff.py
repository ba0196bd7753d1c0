"""Staff at the machine: their mode is opened, and diagnostics go to a USB stick."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from kiosk.sandbox.scenario import PIN, STAFF_PIN
from tests.vm.bench import WELCOME, Bench
from tests.vm.registry import check
from tests.vm.visit import USERNAME, Customer
from tests.vm.waiting import CheckFailed, wait_until

STICK_SIZE = 32 << 20
"""Bytes."""

DEVICE = "/dev/vnpt-bhxh-kiosk-stick"


@check("staff-export", "Staff mode opens by F11+F12 and a PIN; diagnostics go to a USB stick")
def export(bench: Bench) -> str:
    machine = bench.machine
    stick = _new_stick(bench.counter.state.parent)
    mounts = machine.shell("cat /proc/self/mounts")
    bench.press_for("f11-f12", "Dành cho nhân viên VNPT")
    machine.type(STAFF_PIN)
    bench.press_for("ret", "Tình trạng máy", "Xuất chẩn đoán")
    bench.keep_picture_when("staff-health", "Staff mode: each part at a glance", "ĐẠT")
    bench.press_for("9", "Xuất tệp chẩn đoán cho kỹ thuật")
    machine.monitor("blockdev-add", driver="file", **{"node-name": "stick", "filename": str(stick)})
    machine.plug_in("usb-storage", "disk", drive="stick")
    wait_until(lambda: machine.run("ls", DEVICE).code == 0, "the stick gets no name", 60)
    Customer(bench).press("ret")
    bench.await_words("Đã ghi vào USB", "Có thể rút USB ra.")
    bench.keep_picture("staff-export", "Diagnostics on the stick, which may be pulled out")
    if machine.shell("cat /proc/self/mounts") != mounts:
        raise CheckFailed("the stick is mounted still")
    machine.pull_out("disk")
    wait_until(lambda: machine.run("ls", DEVICE).code != 0, "the stick does not vanish", 60)
    machine.monitor("blockdev-del", **{"node-name": "stick"})
    bench.press_for("esc", *WELCOME)
    names = _checked(_only_file(stick))
    return f"on the stick: a zip of {len(names)} files ({', '.join(names)}); nothing stays mounted"


def _new_stick(folder: Path) -> Path:
    stick = folder / "stick.img"
    with stick.open("wb") as new:
        new.truncate(STICK_SIZE)
    subprocess.run(["mkfs.vfat", "-n", "KIOSK", stick], check=True, capture_output=True)
    return stick


def _only_file(stick: Path) -> Path:
    folder = stick.with_suffix("")
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    copied = subprocess.run(
        ["mcopy", "-n", "-i", stick, "::*", folder], capture_output=True, text=True, check=False
    )
    found = list(folder.iterdir())
    if len(found) != 1:
        raise CheckFailed(f"on the stick: {found} {copied.stderr}")
    return found[0]


def _checked(file: Path) -> list[str]:
    """The names of the files in it.

    Raises:
        CheckFailed: it is no zip, or holds what it must not.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            texts = {name: archive.read(name).decode() for name in archive.namelist()}
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise CheckFailed(f"{file.name}: {error}") from None
    for name, text in texts.items():
        for secret in (PIN, STAFF_PIN, USERNAME, "HOA SEN"):
            if secret in text:
                raise CheckFailed(f"{name} in the export holds {secret!r}")
    return sorted(texts)
