"""A large button for fingers, mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from kiosk.flow import Event
from kiosk.i18n import Translator
from kiosk.view import View
from kiosk.widgets.drawn import Source, When, Words


class ActionButton(Words, can_focus=True):
    """Says what happens when it is pressed, and what event that is.

    Textual's own button animates, darkens under a resting finger and draws its frame with
    glyphs that console fonts lack; this one does not.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "press", show=False)]

    NUMBER_GAP = "  "
    """Between the digit that presses the button and its words."""

    class Pressed(Message):
        """The button was pressed."""

        def __init__(self, button: ActionButton, *, pointer: bool = False) -> None:
            super().__init__()
            self.button = button
            self.pointer = pointer
            """Whether a finger or the mouse has pressed it."""

        @property
        def control(self) -> ActionButton:
            """The button that was pressed."""
            return self.button

    def __init__(
        self,
        source: Source,
        event: Callable[[], Event] | None = None,
        classes: str = "",
        *,
        primary: bool = False,
        escape: bool = False,
        number: int = 0,
        when: When | None = None,
        widget_id: str | None = None,
    ) -> None:
        super().__init__(source, classes, when=when, widget_id=widget_id)
        self.event = event
        """Makes the journey event that the button stands for; None: the screen knows."""
        self.escape = escape
        """Whether the Esc key presses this button."""
        self.number = number if number <= 9 else 0
        """The digit that presses this button, shown before its words; 0: none does."""
        self.set_class(primary, "primary")

    def words(self, view: View, t: Translator) -> Content:
        """The words, after the digit if there is one."""
        words = super().words(view, t)
        if not self.number:
            return words
        lines = words.split("\n")
        mark = f"{self.number}{self.NUMBER_GAP}"
        indented = [Content(" " * len(mark)) + line for line in lines[1:]]
        return Content("\n").join([Content(mark) + lines[0], *indented])

    def action_press(self) -> None:
        """Press the button."""
        self.post_message(self.Pressed(self))

    def on_click(self, event: events.Click) -> None:
        """Press the button."""
        event.stop()
        self.post_message(self.Pressed(self, pointer=True))
