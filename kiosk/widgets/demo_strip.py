"""The strip under a demonstration: what the virtual hardware holds, and keys to change it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from kiosk.i18n import Translator
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Drawn, Words

DEMO_KEYS = {"f5": "insert_or_remove", "f6": "swap", "f8": "mailbox", "f10": "quit"}
"""Function key to what it asks of the demonstration."""


class DemoStrip(Vertical):
    """Shown by `kiosk demo` only."""

    def compose(self) -> ComposeResult:
        """Make the keys' row and the line about the virtual token."""
        with Horizontal(id="demo-keys"):
            yield Words("demo.mark", "demo-mark")
            yield ActionButton(_insert_or_remove, widget_id="demo-insert_or_remove")
            yield ActionButton("demo.swap", widget_id="demo-swap")
            yield ActionButton("demo.mailbox", widget_id="demo-mailbox")
            yield ActionButton("demo.quit", widget_id="demo-quit")
        yield DemoFacts(markup=False)

    def on_mount(self) -> None:
        """Keep the strip out of the way of Tab: it has keys of its own."""
        for button in self.query(ActionButton):
            button.can_focus = False


def _insert_or_remove(view: View, t: Translator) -> str:
    if view.demo is not None and view.demo.token:
        return t("demo.remove", token=view.demo.token)
    return t("demo.insert")


class DemoFacts(Drawn, Static):
    """PIN, usernames and mailbox of the virtual token that is in the reader, as many of the
    usernames as the line has room for."""

    _parts: tuple[str, tuple[str, ...], str] = ("", (), "")
    _t: Translator | None = None

    def draw(self, view: View, t: Translator) -> None:
        """Take them from the view."""
        demo = view.demo
        if demo is not None:
            pin = t("demo.pin", pin=demo.pin) if demo.pin else ""
            self._parts, self._t = (pin, demo.accounts, demo.mailbox_url), t
            self._fit()

    def on_resize(self) -> None:
        """There is more room, or less."""
        self._fit()

    def _fit(self) -> None:
        pin, accounts, mailbox = self._parts
        # Before the first layout the strip's own width is not known; it has an edge on each side.
        room = self.size.width or self.app.size.width - 2
        for count in range(len(accounts), -1, -1):
            line = self._line(pin, accounts[:count], mailbox)
            if len(line) <= room:
                break
        self.update(Content(line))

    def _line(self, pin: str, accounts: tuple[str, ...], mailbox: str) -> str:
        names = ""
        if self._t is not None and accounts:
            names = self._t("demo.accounts", accounts=", ".join(accounts))
        return "  ·  ".join(part for part in (pin, names, mailbox) if part)
