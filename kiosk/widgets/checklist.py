"""Lines of text with a number or a point before each."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Horizontal

from kiosk.widgets.drawn import Source, Words


class ChecklistLine(Horizontal):
    """A mark on a badge, and a text that may run over several lines."""

    def __init__(self, mark: str, source: Source) -> None:
        super().__init__(classes="item")
        self._mark = mark
        self._source = source

    def compose(self) -> ComposeResult:
        """Make the badge and the text."""
        mark = f" {self._mark} "
        yield Words(lambda _view, _t: mark, "badge")
        yield Words(self._source, "item-text")


def checklist(*sources: Source) -> Iterator[ChecklistLine]:
    """Number the texts from 1."""
    # Circled digits are missing in most monospaced and all console fonts.
    for number, source in enumerate(sources, 1):
        yield ChecklistLine(str(number), source)


def points(*sources: Source) -> Iterator[ChecklistLine]:
    """Set the texts one under the other, where a number would look like a key to press."""
    for source in sources:
        yield ChecklistLine("●", source)
