"""One line under a field that says why something was not taken."""

from __future__ import annotations

from textual.message import Message

from kiosk.i18n import Translator
from kiosk.view import View
from kiosk.widgets.drawn import Words


class Hint(Words):
    """Empty until it has something to say."""

    class Shown(Message):
        """Something is said, for those who do not see it as well."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(self._words, "hint")
        self._key = ""

    def say(self, key: str) -> None:
        """Show the message `key`; an empty key shows nothing."""
        if key != self._key:
            self._key = key
            self.on_mount()
            if key:
                self.post_message(self.Shown(str(self.content)))

    def _words(self, view: View, t: Translator) -> str:
        shortest, longest = view.pin_length
        return t(self._key, shortest=shortest, longest=longest) if self._key else ""
