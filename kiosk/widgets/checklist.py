"""Lines of text with a mark before each: a number, a point, or a box that is ticked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message

from kiosk.widgets.drawn import Source, Words

BADGE = "bold $on-band on $band"
"""How a mark is drawn."""

GAP = "  "
"""Between a mark and its text."""


class ChecklistLine(Words):
    """A mark on a badge, and a text that may run over several lines, one below the other. The style
    sheets have to give it a width."""

    def __init__(self, mark: str, source: Source, classes: str = "") -> None:
        """Make the line.

        Args:
            mark: one cell wide.
            source: what the text is made from.
            classes: for the style sheets.
        """
        super().__init__(source, f"item {classes}")
        self._first = Content.assemble((f" {mark} ", BADGE), GAP)
        self._others = Content(" " * len(self._first))

    def _broken(self, width: int) -> list[Content]:
        first, *others = super()._broken(max(1, width - len(self._first)) if width > 0 else 0)
        return [self._first + first, *(self._others + line for line in others)]


def checklist(*sources: Source) -> Iterator[ChecklistLine]:
    """Number the texts from 1."""
    # Circled digits are missing in most monospaced and all console fonts.
    for number, source in enumerate(sources, 1):
        yield ChecklistLine(str(number), source)


def points(*sources: Source) -> Iterator[ChecklistLine]:
    """Set the texts one under the other, where a number would look like a key to press."""
    for source in sources:
        yield ChecklistLine("●", source)


class Tick(Horizontal, can_focus=True):
    """A text with a box that the customer ticks: by Enter, Space or a touch.

    What is ticked is in the widget alone. It stays through changes of language and colours, and
    is gone with the screen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "press", show=False)]

    class Pressed(Message):
        """Somebody wants it ticked, or not ticked any more."""

        def __init__(self, tick: Tick, *, pointer: bool = False) -> None:
            super().__init__()
            self.tick = tick
            self.pointer = pointer
            """By a finger or the mouse."""

    def __init__(self, source: Source) -> None:
        super().__init__(classes="tick")
        self.ticked = False
        """Whether there is a cross in the box."""
        self._sign = Words(lambda _view, _t: "[x]" if self.ticked else "[ ]", "tick-sign")
        self._text = Words(source, "item-text")

    def compose(self) -> ComposeResult:
        """Make the box and the text."""
        yield self._sign
        yield self._text

    def toggle(self) -> None:
        """Tick it, or take the tick away."""
        self.ticked = not self.ticked
        self._sign.update("[x]" if self.ticked else "[ ]")
        self.set_class(self.ticked, "ticked")

    def action_press(self) -> None:
        """Say that it was pressed; the screen knows whether that counts."""
        self.post_message(self.Pressed(self))

    def on_click(self, event: events.Click) -> None:
        """Say that it was pressed."""
        event.stop()
        self.post_message(self.Pressed(self, pointer=True))
