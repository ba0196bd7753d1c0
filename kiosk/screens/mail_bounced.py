"""The registered mailbox took no mail."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult

from kiosk.flow import Finished, LostMailbox, StaffCalled
from kiosk.screens.base import JourneyScreen
from kiosk.screens.problem import problem_words
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawings import LETTER_FAILED
from kiosk.widgets.drawn import Words
from kiosk.widgets.picture import Picture


class MailBouncedScreen(JourneyScreen):
    """`State.MAIL_BOUNCED`. It may come up while the result is read, so a key does nothing for
    a second."""

    SETTLE = 1.0

    def body(self) -> ComposeResult:
        """Say it in the problem's own words."""
        yield Words(problem_words("title"), "title alarm")
        yield Words(problem_words("text"), "text")
        yield Picture(LETTER_FAILED)

    def actions(self) -> Iterable[ActionButton]:
        """The way without a mailbox, staff, out."""
        yield ActionButton("mail_bounced.hotline", LostMailbox, primary=True)
        yield ActionButton("button.call_staff", StaffCalled)
        yield ActionButton("button.finish", Finished, escape=True)
