"""Numbered lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Horizontal

from kiosk.widgets.drawn import Source, Words


class ChecklistLine(Horizontal):
    """A number on a badge, and a text that may run over several lines."""

    def __init__(self, number: int, source: Source) -> None:
        super().__init__(classes="item")
        self._number = number
        self._source = source

    def compose(self) -> ComposeResult:
        """Make the badge and the text."""
        number = f" {self._number} "
        yield Words(lambda _view, _t: number, "badge")
        yield Words(self._source, "item-text")


def checklist(*sources: Source) -> Iterator[ChecklistLine]:
    """Number the texts from 1."""
    # Circled digits are missing in most monospaced and all console fonts.
    for number, source in enumerate(sources, 1):
        yield ChecklistLine(number, source)
