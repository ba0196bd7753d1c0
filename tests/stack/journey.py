"""A customer at the terminal: what they see and what they press, step by step."""

from __future__ import annotations

import time

from tests.terminal.console import Console

BETWEEN_PRESSES = 0.31
"""Seconds. Quicker presses are taken for a double tap (`kiosk.widgets.presses`)."""

WELCOME = "Lấy lại mật khẩu VNPT-BHXH"
INSERT = "Vui lòng cắm USB Token"
USERNAME = "Nhập tên đăng nhập VNPT-BHXH"
PIN_ASKED = "Nhập mã PIN của USB Token"
CONFIRM = "Xác nhận cấp lại mật khẩu"
SENT = "Mật khẩu mới đã được gửi"
REMOVE = "Vui lòng rút USB Token"
GOODBYE = "Cảm ơn Quý khách"

READING = 0.8
"""Seconds. With the pause before the press, longer than `ConfirmScreen.SETTLE`."""


class Customer:
    """Someone who reads the screen, types, and presses Enter."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def press(self, key: str) -> None:
        """Press a key that acts, no sooner than a person would."""
        self._pace()
        self.console.press(key)

    def click(self, text: str) -> None:
        """Click on a text, as `press` presses."""
        self._pace()
        self.console.click(text)

    def _pace(self) -> None:
        """Look at the screen for a moment. What is on it was drawn after the press before
        had been taken, so the next one is certainly no double tap."""
        time.sleep(BETWEEN_PRESSES)

    def start(self) -> None:
        """From the welcome screen to "please insert your token"."""
        self.console.wait(WELCOME)
        self.press("enter")
        self.agree()
        self.console.wait(INSERT)

    def agree(self) -> None:
        """From the notice to the token: agree, and say that the username is known."""
        self.console.wait("Tôi đồng ý")
        self.press("tab")
        self.press("enter")
        self.console.wait("Tôi nhớ tên đăng nhập")
        self.press("enter")

    def enter_username(self, username: str) -> None:
        """From the username screen onwards."""
        self.console.wait(USERNAME)
        self.console.type(username)
        self.press("enter")

    def enter_pin(self, pin: str) -> None:
        """From the PIN screen onwards."""
        self.console.wait(PIN_ASKED)
        self.console.type(pin)
        self.press("enter")

    def confirm(self) -> None:
        """From the confirm screen to "sent"."""
        self.console.wait(CONFIRM)
        time.sleep(READING)
        self.press("enter")
        self.console.wait(SENT)

    def finish(self) -> None:
        """From a last screen to "please remove your token"."""
        self.press("enter")
        self.console.wait(REMOVE)
