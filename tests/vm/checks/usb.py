"""What is plugged in and pulled out."""

from __future__ import annotations

from tests.vm.bench import WELCOME, Bench
from tests.vm.checks.keys import _difference, _surroundings
from tests.vm.registry import check
from tests.vm.waiting import CheckFailed, wait_until

SEEN = (
    "ls /dev/sda && ls /dev/input/by-id/*Mouse* && "
    "[ $(grep -c 'USB Keyboard' /proc/bus/input/devices) -ge 2 ]"
)
"""Disk, mouse and a keyboard beside the machine's own are there."""

_LIST_READERS = (
    "import smartcard.scard as s; c = s.SCardEstablishContext(s.SCARD_SCOPE_SYSTEM)[1]; "
    "print('\\n'.join(s.SCardListReaders(c, [])[1]))"
)


def _readers(bench: Bench) -> str:
    """What the kiosk's user sees."""
    return bench.machine.shell(
        "setpriv --reuid kiosk --regid kiosk --clear-groups "
        f'/opt/vnpt-bhxh-kiosk/bin/python -c "{_LIST_READERS}"'
    )


@check("usb-reader", "A USB reader is plugged in and pulled out, three times")
def reader(bench: Bench) -> str:
    before = bench.kiosk()
    for round_ in range(3):
        bench.machine.plug_in("usb-ccid", f"reader{round_}")
        wait_until(lambda: "CCID" in _readers(bench), "the reader is not seen", 60)
        bench.machine.pull_out(f"reader{round_}")
        wait_until(lambda: "CCID" not in _readers(bench), "the reader does not vanish", 60)
    bench.await_words(*WELCOME)
    if bench.kiosk() != before:
        raise CheckFailed("the kiosk was started anew")
    return "seen by the kiosk's user and gone again each time; welcome throughout"


@check("usb-strangers", "A USB disk, mouse and second keyboard are plugged in: nothing happens")
def strangers(bench: Bench) -> str:
    before = _surroundings(bench)
    mounts = bench.machine.shell("cat /proc/self/mounts")
    bench.machine.monitor(
        "blockdev-add", driver="null-co", **{"node-name": "stick", "size": 1 << 26}
    )
    bench.machine.plug_in("usb-storage", "disk", drive="stick")
    bench.machine.plug_in("usb-mouse", "mouse")
    bench.machine.plug_in("usb-kbd", "keyboard")
    wait_until(
        lambda: bench.machine.run("sh", "-c", SEEN).code == 0,
        "disk, mouse and keyboard are not seen by the machine",
        60,
    )
    for x, y in ((3000, 2000), (-500, -300)):
        events = [
            {"type": "rel", "data": {"axis": axis, "value": value}}
            for axis, value in (("x", x), ("y", y))
        ]
        bench.machine.monitor("input-send-event", events=events)
    for button in ("right", "middle"):
        for down in (True, False):
            event = {"type": "btn", "data": {"button": button, "down": down}}
            bench.machine.monitor("input-send-event", events=[event])
    after = _surroundings(bench)
    fault = _difference(before, after)
    if bench.machine.shell("cat /proc/self/mounts") != mounts:
        fault = "something was mounted"
    bench.keep_picture("usb-strangers", "With a USB disk, a mouse and a second keyboard plugged in")
    for device in ("disk", "mouse", "keyboard"):
        bench.machine.pull_out(device)
    wait_until(
        lambda: bench.machine.run("ls", "/dev/sda").code != 0, "the disk does not vanish", 60
    )
    bench.machine.monitor("blockdev-del", **{"node-name": "stick"})
    bench.await_words(*WELCOME)
    if fault:
        raise CheckFailed(fault)
    return "nothing mounted, no window, same screen and processes"
