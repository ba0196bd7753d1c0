"""The screen has too few columns or rows for the steps: one plain page over everything."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

from kiosk.i18n import translator
from kiosk.screens.base import DemoAsked
from kiosk.screens.guarded import GuardedScreen
from kiosk.styles.tokens import SENTENCE_SCREEN, SMALLEST_SCREEN
from kiosk.widgets.demo_strip import DEMO_KEYS
from kiosk.widgets.presses import POINTER, PRESSES

SMALLEST = Size(*SMALLEST_SCREEN)
SENTENCE = Size(*SENTENCE_SCREEN)

LANGUAGES = ("vi", "en")
"""Whoever sees this page has chosen no language on it."""


def fits(size: Size) -> bool:
    """Whether the steps can be shown on a screen of this size."""
    return size.width >= SMALLEST.width and size.height >= SMALLEST.height


class TooSmallScreen(Screen[None], inherit_bindings=False):
    """Says how large the screen has to be, and takes every key and touch, so that nobody presses
    what cannot be read. The app lays it over the others and takes it away again."""

    AUTO_FOCUS = ""

    def compose(self) -> ComposeResult:
        """Make the page."""
        yield Static(self._words(self.app.size), markup=False, id="too-small")

    def on_resize(self, event: events.Resize) -> None:
        """Say how large the screen is now."""
        for page in self.query("#too-small").results(Static):
            page.update(self._words(event.size))

    def _words(self, size: Size) -> Content:
        lines = []
        whole = size.width >= SENTENCE.width and size.height >= SENTENCE.height
        for language in LANGUAGES:
            t = translator(language)
            lines.append(t("too_small.title"))
            if whole:
                lines += [
                    t(
                        "too_small.text",
                        columns=SMALLEST.width,
                        rows=SMALLEST.height,
                        now_columns=size.width,
                        now_rows=size.height,
                    ),
                    "",
                ]
        if not whole:
            lines.append(f"{size.width} x {size.height} → {SMALLEST.width} x {SMALLEST.height}")
        return Content("\n".join(lines).rstrip())

    def on_key(self, event: events.Key) -> None:
        """A key that is still held down when the page goes was not meant for what appears."""
        event.stop()
        if event.key in DEMO_KEYS:
            self.post_message(DemoAsked(DEMO_KEYS[event.key]))
        GuardedScreen.note_missed(event)
        PRESSES.judge(event.key, event.time)

    def on_click(self, event: events.Click) -> None:
        """The same for a touch."""
        event.stop()
        PRESSES.judge(POINTER, event.time)

    def on_paste(self, event: events.Paste) -> None:
        """Nothing on a kiosk is pasted."""
        event.stop()
