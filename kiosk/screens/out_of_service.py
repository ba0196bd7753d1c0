"""The kiosk cannot serve customers now."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Center
from textual.content import Content

from kiosk import problems
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.screens.problem import problem_words
from kiosk.view import View
from kiosk.widgets.drawn import Words, phrase


def _words(key: str, part: str) -> Callable[[View, Translator], Content]:
    """Make what draws the words of `key`, the same for every fault. A closed counter is no fault
    and has words of its own."""

    def words(view: View, t: Translator) -> Content:
        if view.problem is problems.KIOSK_CLOSED:
            return problem_words(part)(view, t)
        return phrase(key, view, t)

    return words


class OutOfServiceScreen(JourneyScreen):
    """`State.OUT_OF_SERVICE`. It goes away by itself; the code at the foot is for staff."""

    def body(self) -> ComposeResult:
        """Say where to turn to."""
        yield Words(_words("out_of_service.title", "title"), "title alarm")
        yield Words(_words("out_of_service.text", "text"), "text")
        with Center():
            yield Words(lambda view, _t: f"  {view.support.hotline}  ", "number")
