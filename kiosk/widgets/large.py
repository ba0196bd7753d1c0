"""Words and pictures that are drawn as large as the screen allows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from textwrap import wrap

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from kiosk.i18n import Translator
from kiosk.styles.tokens import TWICE_SCREEN
from kiosk.view import View
from kiosk.widgets.blocks import (
    LARGE,
    POSTER,
    SMALL,
    Bitmap,
    Font,
    beside,
    doubled,
    in_blocks,
)
from kiosk.widgets.drawn import Drawn, Source, When, phrase


class _Large(Drawn, Widget):
    """Something of block elements in the middle of its width."""

    DEFAULT_CSS = "_Large { width: 100%; height: auto; text-align: center; }"

    def get_content_width(self, container: Size, _viewport: Size) -> int:
        """The longest of its lines."""
        return max(map(len, self._lines(container.width)), default=0)

    def get_content_height(self, _container: Size, _viewport: Size, width: int) -> int:
        """The lines that it takes in this width."""
        return len(self._lines(width))

    def render(self) -> Content:
        """Draw it, set as a block, so that its lines keep their places."""
        lines = self._lines(self.size.width)
        longest = max(map(len, lines), default=0)
        return Content("\n".join(line.ljust(longest) for line in lines))

    @abstractmethod
    def _lines(self, width: int) -> list[str]:
        """Return the lines that are shown where there are `width` columns."""

    def _drawn(self, width: int, arrange: Callable[[int], Sequence[Bitmap]]) -> list[str]:
        """Draw, one below the other, what `arrange` makes for so many squares across, as large
        as the screen allows; nothing where there is no room."""
        screen = self.app.size
        twice = screen.width >= TWICE_SCREEN[0] and screen.height >= TWICE_SCREEN[1]
        for scale in (2, 1) if twice else (1,):
            bitmaps = arrange(width // scale)
            if scale == 2:
                bitmaps = [doubled(tuple(bitmap), goes_on=False) for bitmap in bitmaps]
            longest = max((len(bitmap[0]) for bitmap in bitmaps), default=0)
            if 0 < longest <= width:
                lines: list[str] = []
                for bitmap in bitmaps:
                    lines += [""] * scale if lines else []
                    lines += [line.center(longest) for line in in_blocks(bitmap)]
                return lines
        return []


class LargeWords(_Large):
    """A few words in letters of several rows, in the largest font that has room for them all.

    Words that have no room in any, or a sign that no font has, are plain bold text.
    """

    def __init__(
        self,
        source: Source,
        classes: str = "",
        *,
        fonts: Sequence[Font] = (POSTER, LARGE, SMALL),
        most_lines: int = 2,
        when: When | None = None,
    ) -> None:
        """Make the widget.

        Args:
            source: what the words are made from.
            classes: for the style sheets.
            fonts: which ones to try, the largest first.
            most_lines: how many lines of large words there may be.
            when: tells whether the widget is shown.
        """
        super().__init__(classes=classes)
        self._source = source
        self._fonts = fonts
        self._most_lines = most_lines
        self._when = when
        self._text = ""

    def draw(self, view: View, t: Translator) -> None:
        """Show the words, or hide the widget if they do not belong to this view."""
        self.display = self._when is None or self._when(view)
        text = phrase(self._source, view, t).plain
        if text != self._text:
            self._text = text
            self.refresh(layout=True)

    def render(self) -> Content:
        """Draw the words; as plain text they are bold."""
        drawing = super().render()
        return drawing if self._large(self.size.width) else drawing.stylize("bold")

    def _lines(self, width: int) -> list[str]:
        return self._large(width) or self._plain(width)

    def _large(self, width: int) -> list[str]:
        for font in self._fonts:
            if self.app.size.height >= font.least_rows:
                lines = self._drawn(width, partial(self._arranged, font))
                if lines:
                    return lines
        return []

    def _plain(self, width: int) -> list[str]:
        lines = wrap(self._text, width) if width else []
        longest = max(map(len, lines), default=0)
        return ["", *(line.center(longest) for line in lines), ""] if lines else []

    def _arranged(self, font: Font, width: int) -> Sequence[Bitmap]:
        """Write the words on as few lines as they fit on; nothing if those are too many."""
        whole: Sequence[Bitmap] = []
        line = ""
        for word in self._text.split():
            alone, joined = font.write(word), font.write(f"{line} {word}")
            if alone is None or joined is None:
                return []
            if line and len(joined[0]) <= width:
                whole, line = [*whole[:-1], joined], f"{line} {word}"
            else:
                whole, line = [*whole, alone], word
        return whole if len(whole) <= self._most_lines else []


class LargePicture(_Large):
    """A picture that says the same in every language; nothing where it has no room."""

    def __init__(self, *parts: Bitmap, when: When | None = None) -> None:
        super().__init__()
        self._picture = beside(*parts, gap=3)
        self._when = when

    def draw(self, view: View, _t: Translator) -> None:
        """Show it, or hide it if it does not belong to this view."""
        if self._when is not None:
            self.display = self._when(view)

    def _lines(self, width: int) -> list[str]:
        return self._drawn(width, lambda _width: [self._picture])
