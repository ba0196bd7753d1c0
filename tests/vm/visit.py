"""A customer at the machine's keyboard, from the welcome screen to the mail."""

from __future__ import annotations

import re
import time

from kiosk.sandbox.scenario import PIN
from tests.vm.bench import WELCOME, Bench
from tests.vm.waiting import wait_until

TOKEN = "hoa-sen"
USERNAME = "hoasen"
STEP = 90.0
"""Seconds that a step may take."""

LONGER_THAN_A_DOUBLE_TAP = 0.5
LONGER_THAN_SETTLING = 1.5

CANCEL_AFTER_THE_PIN = 4
"""How far Cancel is from the field: after Confirm, Clear and Back."""


class Customer:
    """Goes through the steps; each is on the screen before the next key is pressed."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def _see(self, *words: str) -> None:
        self._bench.await_words(*words, seconds=STEP)

    def press(self, key: str) -> None:
        """Press a key, not so soon after another that it would be taken for its echo."""
        time.sleep(LONGER_THAN_A_DOUBLE_TAP)
        self._bench.machine.press(key)

    def _go(self, key: str, *words: str) -> None:
        time.sleep(LONGER_THAN_A_DOUBLE_TAP)
        self._bench.press_for(key, *words, seconds=STEP)

    def to_username(self) -> None:
        """Start, agree, plug in the token, and see whose it is."""
        bench = self._bench
        self._see(*WELCOME)
        self._go("ret", "Thông báo về dữ liệu cá nhân")
        self.press("tab")
        self._go("ret", "Quý khách đang gặp trường hợp nào")
        self._go("ret", "Vui lòng cắm USB Token")
        bench.counter.plug_in(TOKEN)
        self._see("Nhập tên đăng nhập VNPT-BHXH", "CÔNG TY TNHH THƯƠNG MẠI HOA SEN")

    def to_pin(self) -> None:
        """Go on to the PIN."""
        self.to_username()
        self.enter_username()

    def enter_username(self) -> None:
        """Type the username."""
        self._bench.machine.type(USERNAME)
        self._see(USERNAME)
        self._go("ret", "Nhập mã PIN của USB Token")

    def to_confirm(self) -> None:
        """Type the PIN."""
        self.to_pin()
        self.type_pin()
        self.enter_pin()

    def type_pin(self) -> None:
        """Type the PIN, which is shown as dots."""
        self._bench.machine.type(PIN)
        dots = re.compile(rf"(\S)(?: \1){{{len(PIN) - 1}}}")
        wait_until(
            lambda: any(dots.search(line) for line in self._bench.lines()),
            "the PIN's dots are not on the screen",
            STEP,
        )

    def enter_pin(self) -> None:
        """Go on to the confirmation."""
        self._go("ret", "Xác nhận cấp lại mật khẩu", "Gửi mật khẩu mới")

    def order(self) -> None:
        """Confirm."""
        time.sleep(LONGER_THAN_SETTLING)
        self.press("ret")

    def cancel(self) -> None:
        """Give up at the PIN, take the token out, and see the welcome screen."""
        for _ in range(CANCEL_AFTER_THE_PIN):
            self.press("tab")
        self._go("ret", "Vui lòng rút USB Token")
        self._bench.counter.pull_out()
        self._see(*WELCOME)

    def leave(self) -> None:
        """Finish, take the token out, and see the welcome screen."""
        self._go("ret", "Vui lòng rút USB Token")
        self._bench.counter.pull_out()
        self._see("Cảm ơn Quý khách")
        self._go("ret", *WELCOME)
