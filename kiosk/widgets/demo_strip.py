"""The strip under a demonstration: what the virtual hardware holds, and keys to change it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from kiosk.i18n import Translator
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words

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
        yield Words(_facts, "demo-facts")

    def on_mount(self) -> None:
        """Keep the strip out of the way of Tab: it has keys of its own."""
        for button in self.query(ActionButton):
            button.can_focus = False


def _insert_or_remove(view: View, t: Translator) -> str:
    if view.demo is not None and view.demo.token:
        return t("demo.remove", token=view.demo.token)
    return t("demo.insert")


def _facts(view: View, t: Translator) -> Content:
    """PIN, usernames and mailbox of the virtual token that is in the reader."""
    demo = view.demo
    if demo is None:
        return Content("")
    parts = []
    if demo.pin:
        parts.append(t("demo.pin", pin=demo.pin))
    if demo.accounts:
        parts.append(t("demo.accounts", accounts=", ".join(demo.accounts)))
    if demo.mailbox_url:
        parts.append(demo.mailbox_url)
    return Content("  ·  ".join(parts))
