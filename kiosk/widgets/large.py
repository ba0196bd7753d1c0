"""Words and pictures that are drawn as large as the screen allows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from kiosk.i18n import Translator
from kiosk.view import View
from kiosk.widgets.blocks import Bitmap, beside, in_blocks, in_letters, scaled
from kiosk.widgets.drawn import Drawn, Source, When, phrase

TWICE_FROM = Size(180, 56)
"""The smallest screen on which each square is drawn twice across and down."""


class _Large(Drawn, Widget):
    """Something of block elements in the middle of its width; nothing where it has no room."""

    DEFAULT_CSS = "_Large { width: 100%; height: auto; text-align: center; }"

    def get_content_width(self, container: Size, _viewport: Size) -> int:
        """All there is."""
        return container.width

    def get_content_height(self, _container: Size, _viewport: Size, width: int) -> int:
        """The lines that it takes in this width."""
        return len(self._lines(width))

    def render(self) -> Content:
        """Draw it, set as a block, so that its lines keep their places."""
        lines = self._lines(self.size.width)
        longest = max(map(len, lines), default=0)
        return Content("\n".join(line.ljust(longest) for line in lines))

    def _lines(self, width: int) -> list[str]:
        screen = self.app.size
        twice = screen.width >= TWICE_FROM.width and screen.height >= TWICE_FROM.height
        for scale in (2, 1) if twice else (1,):
            bitmaps = [scaled(bitmap, scale) for bitmap in self.bitmaps(width // scale)]
            if bitmaps and all(len(bitmap[0]) <= width for bitmap in bitmaps):
                lines: list[str] = []
                for bitmap in bitmaps:
                    lines += [""] * scale if lines else []
                    width_of_all = max(len(one[0]) for one in bitmaps)
                    lines += [line.center(width_of_all) for line in in_blocks(bitmap)]
                return lines
        return []

    @abstractmethod
    def bitmaps(self, width: int) -> Sequence[Bitmap]:
        """Return what stands below one another where there are `width` squares across."""


class LargeWords(_Large):
    """A few words in letters of five rows, on as few lines as they fit on.

    Nothing is drawn where a word is wider than the room, has a sign that there is no large
    letter for, or where the words take more than `MOST_LINES`: the same words stand in plain
    letters elsewhere on the screen.
    """

    MOST_LINES = 2

    def __init__(self, source: Source, classes: str = "", *, when: When | None = None) -> None:
        super().__init__(classes=classes)
        self._source = source
        self._when = when
        self._text = ""

    def draw(self, view: View, t: Translator) -> None:
        """Show the words, or hide the widget if they do not belong to this view."""
        self.display = self._when is None or self._when(view)
        text = phrase(self._source, view, t).plain
        if text != self._text:
            self._text = text
            self.refresh(layout=True)

    def bitmaps(self, width: int) -> Sequence[Bitmap]:
        """Write the words on one line, or on two."""
        whole: Sequence[Bitmap] = []
        line = ""
        for word in self._text.split():
            alone, joined = in_letters(word), in_letters(f"{line} {word}")
            if alone is None or joined is None:
                return []
            if line and len(joined[0]) <= width:
                whole, line = [*whole[:-1], joined], f"{line} {word}"
            else:
                whole, line = [*whole, alone], word
        return whole if len(whole) <= self.MOST_LINES else []


class LargePicture(_Large):
    """A picture that says the same in every language."""

    def __init__(self, *parts: Bitmap, when: When | None = None) -> None:
        super().__init__()
        self._picture = beside(*parts, gap=3)
        self._when = when

    def draw(self, view: View, _t: Translator) -> None:
        """Show it, or hide it if it does not belong to this view."""
        if self._when is not None:
            self.display = self._when(view)

    def bitmaps(self, _width: int) -> Sequence[Bitmap]:
        """The parts beside one another."""
        return [self._picture]
