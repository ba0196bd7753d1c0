"""Shows the gallery's views in a terminal, and tells cell by cell what it has drawn.

    python -m tests.terminal.gallery_program SOCKET

It serves one client on the socket. A question is a line of JSON, and so is the answer:

- `{"view": …, "language": …, "theme": …}` shows a view, standing still;
- `{"sheet": ["…", …]}` shows these lines as they are, plain and then bold;
- `{}` tells again what is shown, which may have moved on by itself.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import struct
import sys
import termios
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace
from rich.text import Text
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from kiosk.i18n import MessageMissing, Translator
from kiosk.keyboard import KeyByKeyDriver
from kiosk.screens import screen_for
from kiosk.styles.tokens import theme_name
from kiosk.widgets.qr import QrCode
from tests.screens.gallery import VIEWS, GalleryApp
from tests.terminal.pictures import colours_of, lines_of

LARGE = 1 << 20
"""Bytes of the longest line on the socket. A screen of 240×67 cells takes a quarter of it."""


class _Sheet(Screen[None]):
    """Lines, plain and bold."""

    CSS = "_Sheet { background: #000000; } Static { width: auto; height: auto; color: #ffffff; }"

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        text = "\n".join(self._lines)
        yield Static(Text(text, no_wrap=True))
        yield Static(Text(text, style="bold", no_wrap=True))


class GalleryProgram(GalleryApp):
    """One view after the other, on demand."""

    def __init__(self, socket: str) -> None:
        super().__init__(next(iter(VIEWS.values())))
        self.driver_class = KeyByKeyDriver
        self.animation_level = "none"
        self._socket = socket

    async def on_ready(self) -> None:
        """Listen. Who finds the socket finds the first view drawn."""
        await asyncio.start_unix_server(self._serve, self._socket, limit=LARGE)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            question = json.loads(line)
            await self._obey(question)
            await Pilot(self).pause()
            writer.write(json.dumps(self._shown()).encode() + b"\n")
            await writer.drain()

    async def _obey(self, question: dict[str, Any]) -> None:
        if question:
            _missing.clear()
        if "view" in question:
            self.view = replace(
                VIEWS[question["view"]],
                language=question["language"],
                theme=question["theme"],
                reduced_motion=True,
            )
            self.theme = theme_name(self.view.theme)
            await self.switch_screen(screen_for(self.view))
        elif "sheet" in question:
            await self.switch_screen(_Sheet(question["sheet"]))

    def _shown(self) -> dict[str, Any]:
        columns, lines = self.size
        return {
            "columns": columns,
            "lines": lines,
            "terminal": _terminal_size(),
            "runs": [list(_runs(line)) for line in lines_of(self)],
            "codes": [code._source(self.view) for code in self._codes()],
            "missing": sorted(_missing),
            "scrolled": [str(widget) for widget in self._scrolled()],
        }

    def _codes(self) -> Iterator[QrCode]:
        yield from (code for code in self.screen.query(QrCode) if code.is_on_screen)

    def _scrolled(self) -> Iterator[object]:
        """What is wider than the place where it is shown."""
        for widget in (self.screen, *self.screen.query("*")):
            if widget.show_horizontal_scrollbar or (
                widget.allow_horizontal_scroll and widget.max_scroll_x > 0
            ):
                yield widget


def _runs(line: Any) -> Iterator[list[Any]]:
    for text, style, control in line:
        if control or not text:
            continue
        foreground, background = colours_of(style)
        marks = [bool(style and getattr(style, mark)) for mark in ("bold", "italic", "underline")]
        yield [text, foreground, background, *marks]


def _terminal_size() -> tuple[int, int, int, int]:
    """Columns, lines, and pixels in width and height, as the terminal tells the kernel."""
    answer = fcntl.ioctl(sys.__stdin__.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
    lines, columns, width, height = struct.unpack("4H", answer)
    return columns, lines, width, height


_missing: set[str] = set()
"""The messages that the view wants and its language lacks."""


def _note_missing_messages() -> None:
    """Have them noted; on the screen their names stand in their place, as at the counter."""
    look_up = Translator.unfilled

    def look_up_and_note(self: Translator, key: str) -> str:
        try:
            return look_up(self, key)
        except MessageMissing:
            _missing.add(key)
            raise

    Translator.unfilled = look_up_and_note


def main() -> None:
    _note_missing_messages()
    GalleryProgram(sys.argv[1]).run()


if __name__ == "__main__":
    main()
