"""The unit for machines without a compositor: the kiosk on the bare virtual terminal."""

from __future__ import annotations

import time

from kiosk.console import FONTS, font_file
from kiosk.console_font import size_for
from tests.vm.bench import UNIT, WELCOME, Bench
from tests.vm.image import DISPLAY
from tests.vm.registry import check
from tests.vm.screen import console_reader, qr_code
from tests.vm.visit import LONGER_THAN_A_DOUBLE_TAP, Customer
from tests.vm.waiting import CheckFailed, wait_until

CONSOLE_UNIT = "vnpt-bhxh-kiosk-console.service"


@check("console", "The bare console: Vietnamese letters, a whole visit, the QR code is read")
def console(bench: Bench) -> str:
    terminal = bench.reader
    bench.machine.shell(f"systemctl start {CONSOLE_UNIT}", seconds=180)
    try:
        size = size_for(*DISPLAY)
        folder = bench.disk.root / FONTS.relative_to("/")
        bench.reader = console_reader(DISPLAY, font_file(size, folder))
        customer = Customer(bench)
        customer.to_confirm()
        bench.keep_picture("console-confirm", "The bare console")
        customer.order()
        bench.await_words("Mật khẩu mới đã được gửi", seconds=120)
        code = wait_until(
            lambda: qr_code(bench.machine.picture()), "no QR code is read from the screen", 30
        )
        bench.lines()
        bench.keep_picture("console-sent", "The code on the bare console")
        customer.leave()
        bench.keep_picture("console-welcome", "The welcome screen on the bare console")
        bench.machine.press("scroll_lock", "ctrl-scroll_lock", "alt-scroll_lock")
        for title in ("Reset your VNPT-BHXH password", WELCOME[0]):
            time.sleep(LONGER_THAN_A_DOUBLE_TAP)
            bench.press_for("f2", title, seconds=60)
        bench.machine.press("ctrl-alt-f2", "alt-f2", "alt-right", "ctrl-c", "ctrl-z")
        active = bench.machine.shell("cat /sys/class/tty/tty0/active").strip()
        if active != "tty1":
            raise CheckFailed(f"{active} is on the screen after Ctrl+Alt+F2")
        bench.machine.shell(f"systemctl stop {CONSOLE_UNIT}", seconds=120)
        result = bench.machine.shell(f"systemctl show {CONSOLE_UNIT} -p Result --value").strip()
        if result != "success":
            raise CheckFailed(f"the unit did not end well: {result}")
    finally:
        bench.reader = terminal
        bench.machine.shell(f"systemctl stop {CONSOLE_UNIT}; systemctl start {UNIT}", seconds=240)
    return (
        f"{size.name}, letters of {size.cell[0]} × {size.cell[1]} dots; the code says {code}; "
        "Alt+F2, Ctrl+Alt+F2 and Scroll Lock do nothing"
    )
