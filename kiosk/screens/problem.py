"""Something went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.app import ComposeResult
from textual.content import Content

from kiosk.flow import Finished, Retried, StaffCalled
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.view import StaffCall, View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words, phrase


class ProblemScreen(JourneyScreen):
    """`State.PROBLEM`. What happened and what to do; once staff are called, also what they
    should know. It may come up while somebody types, so a key does nothing for a second."""

    AS_LIST = True
    SETTLE = 1.0

    def body(self) -> ComposeResult:
        """Say it in the problem's own words."""
        yield Words(problem_words("title"), "title alarm")
        yield Words(problem_words("text"), "text")
        yield Words("problem.wait", "text", when=lambda v: "minutes" in v.facts)
        yield Words(_for_staff, "staff-advice", when=lambda v: v.staff is not StaffCall.NONE)

    def actions(self) -> Iterable[ActionButton]:
        """Again where that can help, staff, out."""
        retry = self._can_retry(self.view)
        yield ActionButton("button.again", Retried, primary=True, when=self._can_retry)
        yield ActionButton("button.call_staff", StaffCalled, primary=not retry)
        yield ActionButton("button.finish", Finished, escape=True)

    def first_focus(self) -> ActionButton:
        """The first button that this problem has."""
        return self._actions[0 if self._can_retry(self.view) else 1]

    @staticmethod
    def _can_retry(view: View) -> bool:
        return view.problem is not None and view.problem.can_retry


def problem_words(part: str) -> Callable[[View, Translator], Content]:
    """Make what draws `title`, `text` or `staff` of the view's problem."""

    def words(view: View, t: Translator) -> Content:
        if view.problem is None:
            return Content("")
        return phrase(f"problem.{view.problem.key}.{part}", view, t)

    return words


def _for_staff(view: View, t: Translator) -> Content:
    return Content.assemble((t("problem.for_staff"), "bold"), " ", problem_words("staff")(view, t))
