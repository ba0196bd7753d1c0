"""Widgets that draw themselves from the screen's view."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol, cast

from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

from kiosk.i18n import Translator
from kiosk.view import View
from kiosk.widgets.lines import NO_BREAK_SPACE, breaks, unbroken, width_of

Source = str | Callable[[View, Translator], Content | str]
"""A message's key, or a function that makes the text."""

When = Callable[[View], bool]
"""Tells whether something is shown."""


class _Picture(Protocol):
    """What a drawn widget needs of its screen."""

    view: View
    t: Translator


class Drawn:
    """A widget whose look is a function of the view. Mixed into a `Widget`.

    It draws itself when it is mounted, and again whenever its screen is shown a new
    view; so a change of language needs no new widgets, and focus and drafts stay.
    """

    def on_mount(self) -> None:
        """Draw for the first time."""
        picture = cast(_Picture, self.screen)  # type: ignore[attr-defined]
        self.draw(picture.view, picture.t)

    @abstractmethod
    def draw(self, view: View, t: Translator) -> None:
        """Show what `view` says in the words of `t`."""


def phrase(source: Source, view: View, t: Translator) -> Content:
    """Return the text of `source`, never read as markup.

    A key's message may use `{hotline}` and the problem's facts.
    """
    if callable(source):
        words = source(view, t)
    else:
        words = t(source, **{**view.facts, "hotline": unbroken(view.support.hotline)})
    return words if isinstance(words, Content) else Content(words)


class Words(Drawn, Static):
    """A piece of text in the customer's language."""

    def __init__(
        self,
        source: Source,
        classes: str = "",
        *,
        when: When | None = None,
        widget_id: str | None = None,
    ) -> None:
        super().__init__("", markup=False, classes=classes, id=widget_id)
        self.source = source
        """What the text is made from."""
        self._when = when
        self._language = ""
        """By whose rules the lines are broken."""
        self._shown = Content("")

    def draw(self, view: View, t: Translator) -> None:
        """Show the text, or hide the widget if it does not belong to this view."""
        self.display = self.belongs(view)
        if not self.display:
            return
        words = self.words(view, t)
        # The same words again would have the whole screen laid out anew, also where nobody looks
        # for hours.
        if self._language != t.language or not words.is_same(self._shown):
            room = self._room
            self._language, self._shown = t.language, words
            self.update(words, layout=False)
            if self._room != room or not room[1]:
                self.refresh(layout=True)

    def belongs(self, view: View) -> bool:
        """Whether the text is part of this view."""
        return self._when is None or self._when(view)

    def words(self, view: View, t: Translator) -> Content:
        """What to show of `view`."""
        return phrase(self.source, view, t)

    def get_content_width(self, _container: Size, _viewport: Size) -> int:
        """Width of the text if no line is broken."""
        return width_of(self._whole.plain)

    def get_content_height(self, _container: Size, _viewport: Size, width: int) -> int:
        """Number of lines in which the text fits into so many cells."""
        return len(self._broken(width)) if width else 0

    def render(self) -> Content:
        """The text, broken into lines for the widget's width."""
        text = Content("\n").join(self._broken(self.content_size.width))
        # A console's font may have no picture for the other space.
        return Content(text.plain.replace(NO_BREAK_SPACE, " "), spans=list(text.spans))

    @property
    def _room(self) -> tuple[int, int]:
        """Columns and lines that the text takes; the columns count where they make the widget's
        width, and no lines where it has none yet."""
        width = self.styles.width
        columns = width_of(self._whole.plain) if width is None or width.is_auto else 0
        return columns, self.get_content_height(Size(), Size(), self.content_size.width)

    @property
    def _whole(self) -> Content:
        return cast(Content, self.visual)

    def _broken(self, width: int) -> list[Content]:
        """The lines of the text, without the spaces at which they were broken."""
        paragraphs = self._whole.split("\n", allow_blank=True)
        if self.styles.text_wrap == "nowrap" or width < 1:
            return paragraphs
        balanced = self.styles.text_align == "center"
        lines = []
        for paragraph in paragraphs:
            places = breaks(paragraph.plain, width, self._language, balanced=balanced)
            *broken, last = paragraph.divide(places)
            lines += [*(line.rstrip(" ") for line in broken), last]
        return lines
