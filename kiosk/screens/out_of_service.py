"""The kiosk cannot serve customers now."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Center, Horizontal, Vertical
from textual.content import Content

from kiosk import problems
from kiosk.i18n import Translator
from kiosk.screens.alternating import AlternatingScreen
from kiosk.screens.problem import problem_words
from kiosk.view import View
from kiosk.widgets.drawn import Words, phrase
from kiosk.widgets.large import LargeWords


def _words(key: str, part: str) -> Callable[[View, Translator], Content]:
    """Make what draws the words of `key`, the same for every fault. A closed counter is no fault
    and has words of its own."""

    def words(view: View, t: Translator) -> Content:
        if view.problem is problems.KIOSK_CLOSED:
            return problem_words(part)(view, t)
        return phrase(key, view, t)

    return words


class OutOfServiceScreen(AlternatingScreen):
    """`State.OUT_OF_SERVICE`. It goes away by itself; the code at the foot is for staff."""

    def body(self) -> ComposeResult:
        """Say where to turn to, with the number to call large enough for the whole room."""
        with Horizontal(id="poster"):
            with Vertical(id="hero"):
                with Center():
                    yield Words("out_of_service.hotline", "hero-title")
                yield LargeWords(lambda view, _t: view.support.hotline)
            with Vertical(id="guide"):
                yield Words(_words("out_of_service.title", "title"), "title")
                yield Words(_words("out_of_service.text", "text"), "text")
                with Center():
                    yield Words(lambda view, _t: f"  {view.support.hotline}  ", "number")
