"""A large button for fingers, mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from kiosk.flow import Event
from kiosk.widgets.drawn import Source, When, Words


class ActionButton(Words, can_focus=True):
    """Says what happens when it is pressed, and what event that is.

    Textual's own button animates, darkens under a resting finger and draws its frame with
    glyphs that console fonts lack; this one does not.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "press", show=False)]

    class Pressed(Message):
        """The button was pressed."""

        def __init__(self, button: ActionButton) -> None:
            super().__init__()
            self.button = button

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
        when: When | None = None,
        widget_id: str | None = None,
    ) -> None:
        super().__init__(source, classes, when=when, widget_id=widget_id)
        self.event = event
        """Makes the journey event that the button stands for; None: the screen knows."""
        self.escape = escape
        """Whether the Esc key presses this button."""
        self.set_class(primary, "primary")

    def action_press(self) -> None:
        """Press the button."""
        self.post_message(self.Pressed(self))

    def on_click(self, event: events.Click) -> None:
        """Press the button."""
        event.stop()
        self.action_press()
