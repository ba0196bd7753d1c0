"""A page of words that F2 changes: `python -m tests.speed.bare_words`

As many as the kiosk's busy screen has, each in a label of its own.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Label

WORDS = (
    ("A name", "What this machine does", "Language", "Contrast", "Staff", "Fourth of five steps"),
    ("Please wait", "A sentence about what is done", "Leave the token in", "F2: the language"),
)
OTHERS = (
    ("Một tên", "Máy này làm gì", "Ngôn ngữ", "Tương phản", "Nhân viên", "Bước bốn trên năm"),
    ("Vui lòng chờ", "Một câu về việc đang làm", "Hãy để yên thiết bị", "F2: đổi ngôn ngữ"),
)
LANGUAGES = tuple([*first, *second] for first, second in (WORDS, OTHERS))
"""The page's words in two languages."""

FIRST, SECOND = (words[-1] for words in LANGUAGES)
"""The last of each."""


class BareWordsApp(App[None]):
    """A Textual application whose key says everything in another language."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "language", show=False)]

    _spoken = 0

    def compose(self) -> ComposeResult:
        """A label for each."""
        for words in LANGUAGES[0]:
            yield Label(words)

    def action_language(self) -> None:
        """Say it in the other language."""
        self._spoken = 1 - self._spoken
        for label, words in zip(self.query(Label), LANGUAGES[self._spoken], strict=True):
            label.update(words)


if __name__ == "__main__":
    BareWordsApp().run()
