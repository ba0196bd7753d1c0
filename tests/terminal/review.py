"""Looks through the gallery in a real terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from tests.screens.gallery import VIEWS
from tests.terminal import glyphs
from tests.terminal.cells import Gallery, Shown
from tests.terminal.laboratory import FONT_SIZE, Laboratory, codes_in
from tests.terminal.picture_check import PictureCheck

PATIENCE = 5.0
"""Seconds in which the terminal has to show what the program has drawn."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One view as the terminal shows it."""

    picture: Image.Image
    faults: list[str]


class Review:
    """The gallery in a terminal of one size. Use it as a context manager."""

    def __init__(
        self, laboratory: Laboratory, columns: int, lines: int, *, font_size: int = FONT_SIZE
    ) -> None:
        """Open the terminal.

        Raises:
            LaboratoryError: the terminal or the gallery does not come.
        """
        self._laboratory = laboratory
        path = laboratory.folder / "gallery"
        self.window = laboratory.open_terminal(
            [sys.executable, "-m", "tests.terminal.gallery_program", path],
            columns=columns,
            lines=lines,
            font_size=font_size,
        )
        self._gallery = Gallery(path)
        self._check = PictureCheck()

    def __enter__(self) -> Review:
        return self

    def __exit__(self, *_: object) -> None:
        self._gallery.close()

    def look(self, view: str, language: str, theme: str) -> Seen:
        """Show a view of the gallery, and compare picture and cells."""
        _, picture, faults = self.show(view=view, language=language, theme=theme)
        return Seen(picture, faults)

    def glyph_faults(self) -> list[str]:
        """Which of the signs that were seen so far are in no font."""

        def show(lines: list[str]) -> tuple[Shown, Image.Image]:
            shown, picture, faults = self.show(sheet=lines)
            found.extend(faults)
            return shown, picture

        found: list[str] = []
        found += glyphs.faults(dict(self._check.used), show, self.window)
        return found

    def show(self, **question: object) -> tuple[Shown, Image.Image, list[str]]:
        """Have something shown; return what was drawn, its picture, and what is wrong with it.

        Args:
            question: as the gallery's program takes it.
        """
        shown = self._gallery.ask(**question)
        deadline = time.monotonic() + PATIENCE
        while True:
            picture = self._laboratory.picture()
            faults = list(self._check.faults(picture, shown, self.window))
            if not faults or time.monotonic() > deadline:
                break
            # What moves by itself may have gone on.
            shown = self._gallery.ask()
        faults += self._other_faults(shown, picture)
        return shown, picture, faults

    def _other_faults(self, shown: Shown, picture: Image.Image) -> Iterator[str]:
        if shown.missing:
            yield f"messages that the language lacks: {', '.join(shown.missing)}"
        if shown.scrolled:
            yield f"wider than its place: {', '.join(shown.scrolled)}"
        if shown.codes:
            found = codes_in(picture, self._laboratory.folder)
            if sorted(found) != sorted(shown.codes):
                yield f"the QR codes say {found}, not {list(shown.codes)}"


def main_views() -> list[str]:
    """The views to look at when there is no time for all: each screen once, and one problem."""
    names = [name for name in VIEWS if ", " not in name]
    problems = [name for name in names if name.startswith("problem ")]
    return [name for name in names if name not in problems[1:]]
