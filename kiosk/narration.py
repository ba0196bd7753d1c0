"""What the app tells whoever reads its screens aloud: what is shown, and what was done.

Nothing of it carries what a PIN is made of. How long it is can be counted on the headphone: each
character that is typed or taken away is told, all in the same words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.widget import Widget

    from kiosk.screens.base import JourneyScreen


class Narration:
    """Says nothing: the kiosk is silent unless its configuration wants speech."""

    def showed(self, screen: JourneyScreen, countdown: int) -> None:
        """A screen was drawn, for the first time or anew.

        Args:
            screen: the one on top.
            countdown: seconds left to answer the time-out question; 0: it is not asked.
        """

    def interrupted(self) -> None:
        """Somebody pressed a key or touched the screen."""

    def asked(self) -> None:
        """Somebody wants to hear the screen again, or no more of it."""

    def focused(self, widget: Widget) -> None:
        """This one has the focus now."""

    def username_changed(self, value: str) -> None:
        """What stands in the username's field now."""

    def pin_changed(self, *, erased: bool) -> None:
        """A character of a PIN was typed or taken away; which one is nobody's business."""

    def hinted(self, text: str) -> None:
        """A field says why it did not take something."""

    async def stop(self) -> None:
        """Say nothing more, and leave no program behind."""
