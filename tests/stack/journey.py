"""A customer at the terminal: what they see and what they press, step by step."""

from __future__ import annotations

from tests.terminal.console import Console

WELCOME = "Lấy lại mật khẩu VNPT-BHXH"
INSERT = "Vui lòng cắm USB Token"
USERNAME = "Nhập tên đăng nhập VNPT-BHXH"
PIN_ASKED = "Nhập mã PIN của USB Token"
CONFIRM = "Xác nhận cấp lại mật khẩu"
SENT = "Mật khẩu mới đã được gửi"
REMOVE = "Vui lòng rút USB Token"
GOODBYE = "Cảm ơn Quý khách"


class Customer:
    """Someone who reads the screen, types, and presses Enter."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def start(self) -> None:
        """From the welcome screen to "please insert your token"."""
        self.console.wait(WELCOME)
        self.console.press("enter")
        self.console.wait("Tôi đồng ý")
        self.console.press("enter")
        self.console.wait("Tôi nhớ tên đăng nhập")
        self.console.press("enter")
        self.console.wait(INSERT)

    def enter_username(self, username: str) -> None:
        """From the username screen onwards."""
        self.console.wait(USERNAME)
        self.console.type(username)
        self.console.press("enter")

    def enter_pin(self, pin: str) -> None:
        """From the PIN screen onwards."""
        self.console.wait(PIN_ASKED)
        self.console.type(pin)
        self.console.press("enter")

    def confirm(self) -> None:
        """From the confirm screen to "sent"."""
        self.console.wait(CONFIRM)
        self.console.press("enter")
        self.console.wait(SENT)

    def finish(self) -> None:
        """From a last screen to "please remove your token"."""
        self.console.press("enter")
        self.console.wait(REMOVE)
