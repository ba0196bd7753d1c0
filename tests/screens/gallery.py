"""Every screen with every notable view, without the rest of the program."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace
from textual.app import App

from kiosk import problems
from kiosk.flow import Event, Overlay, State
from kiosk.pin import PinBuffer
from kiosk.screens import JourneyScreen, screen_for
from kiosk.screens.base import DemoAsked, LanguageToggled
from kiosk.styles import STYLE_SHEETS
from kiosk.styles.tokens import theme_name, themes
from kiosk.view import (
    CertificateView,
    DemoView,
    MailboxLink,
    Printing,
    ResetView,
    StaffCall,
    SupportView,
    View,
)
from tests.screens.staff_gallery import STAFF_VIEWS

HOLDER = CertificateView(
    "ab" * 32, "CÔNG TY TNHH THƯƠNG MẠI HOA SEN", "0100000001", date(2027, 6, 30)
)
BRANCH = CertificateView(
    "cd" * 32,
    "CÔNG TY TNHH THƯƠNG MẠI HOA SEN - CHI NHÁNH THỪA THIÊN HUẾ",
    "0100000001-001",
    date(2026, 12, 31),
)
RESET = ResetView("CÔNG TY TNHH THƯƠNG MẠI HOA SEN", "0100000001", "k•••••@g••••.com")
MAILBOX = MailboxLink("Gmail", "https://mail.google.com")
DEMO = DemoView(
    "two-certificates", ("hoasen", "hoasen.kho"), "12345678", "http://127.0.0.1:39025/mail"
)
SUPPORT = SupportView("1800 1260", "hotro@example.vn", "fb.com/example.vnpt")


def typed(count: int) -> PinBuffer:
    """A buffer in which somebody has typed."""
    buffer = PinBuffer()
    for _ in range(count):
        buffer.append("7")
    return buffer


FACTS = {"date": "30/06/2026", "minutes": "12", "time": "07:30"}
"""What the problems' wording may name."""

_VISIT = {"holder": HOLDER, "username": "hoasen"}

VIEWS: dict[str, View] = {
    "out of service": View(State.OUT_OF_SERVICE, problem=problems.KIOSK_PCSC_DOWN),
    "closed": View(State.OUT_OF_SERVICE, problem=problems.KIOSK_CLOSED, facts=FACTS),
    "welcome": View(State.WELCOME),
    "welcome, simulated": View(State.WELCOME, simulated=True, demo=DEMO),
    "consent": View(State.CONSENT),
    "choose case": View(State.CHOOSE_CASE),
    "choose case, with lookup": View(State.CHOOSE_CASE, can_look_up=True),
    "hotline": View(State.HOTLINE),
    "hotline, all ways": View(State.HOTLINE, support=SUPPORT, staff=StaffCall.TOLD),
    "hotline, lost mailbox": View(
        State.HOTLINE, support=SUPPORT, lost_mailbox=True, printer=Printing.FAILED
    ),
    "insert token": View(State.INSERT_TOKEN),
    "insert token, demo": View(State.INSERT_TOKEN, demo=replace(DEMO, token="")),
    "several tokens": View(State.SEVERAL_TOKENS, problem=problems.TOKEN_SEVERAL),
    "reading": View(State.READING),
    "choose certificate": View(State.CHOOSE_CERTIFICATE, certificates=(HOLDER, BRANCH)),
    "username": View(State.USERNAME, holder=HOLDER),
    "username, certificate hidden": View(State.USERNAME),
    "username, with lookup": View(State.USERNAME, holder=BRANCH, can_look_up=True),
    "username, demo": View(State.USERNAME, holder=BRANCH, username="hoasen", demo=DEMO),
    "preparing": View(State.PREPARING, **_VISIT),
    "PIN": View(State.PIN, **_VISIT, pin=typed(6), pin_length=(8, 12)),
    "PIN, username looked up": View(State.PIN, holder=HOLDER, pin_length=(8, 12)),
    "PIN, last try": View(State.PIN, **_VISIT, pin_length=(8, 12), last_try=True),
    "PIN on the reader, last try": View(State.PIN, **_VISIT, pin_pad=True, last_try=True),
    "PIN, demo": View(State.PIN, **_VISIT, pin_length=(8, 12), demo=DEMO),
    "PIN on the reader": View(State.PIN, **_VISIT, pin_pad=True),
    "verifying": View(State.VERIFYING, **_VISIT),
    "verifying, PIN on the reader": View(State.VERIFYING, **_VISIT, pin_awaited=True),
    "choose signer": View(State.CHOOSE_SIGNER, certificates=(HOLDER, BRANCH)),
    "choose username": View(
        State.CHOOSE_USERNAME, holder=HOLDER, usernames=("hoasen", "hoasen.kho", "ketoan.hoasen")
    ),
    "PIN wrong": View(State.PIN_WRONG, problem=problems.PIN_WRONG),
    "PIN of a wrong length": View(State.PIN_WRONG, problem=problems.PIN_LENGTH, facts=FACTS),
    "last try": View(State.LAST_TRY, problem=problems.PIN_LAST_TRY),
    "no match": View(State.NO_MATCH, problem=problems.SERVICE_NO_MATCH),
    "no match, with lookup": View(
        State.NO_MATCH, problem=problems.SERVICE_NO_MATCH, can_look_up=True
    ),
    "confirm": View(State.CONFIRM, **_VISIT, reset=RESET),
    "confirm, spoken": View(State.CONFIRM, **_VISIT, reset=RESET, speech=True),
    "sending": View(State.SENDING, **_VISIT, reset=RESET),
    "send failed": View(State.SEND_FAILED, problem=problems.SERVICE_SEND_FAILED),
    "result unknown": View(
        State.RESULT_UNKNOWN, problem=problems.SERVICE_RESULT_UNKNOWN, reference="BH-7KQ2MX"
    ),
    "sent": View(State.SENT, reset=RESET, mailbox=MAILBOX, reference="BH-7KQ2MX", delivery="sent"),
    "sent, pending": View(
        State.SENT, reset=RESET, mailbox=MAILBOX, reference="BH-7KQ2MX", delivery="pending"
    ),
    "sent, delivered": View(
        State.SENT, reset=RESET, mailbox=MAILBOX, reference="BH-7KQ2MX", delivery="delivered"
    ),
    "sent, demo": View(
        State.SENT,
        reset=RESET,
        mailbox=MAILBOX,
        reference="BH-7KQ2MX",
        delivery="delivered",
        resent=True,
        demo=DEMO,
    ),
    "sent, mailbox unknown": View(State.SENT, reset=RESET, reference="BH-7KQ2MX", delivery="sent"),
    "no email": View(State.NO_EMAIL, reset=RESET, reference="BH-7KQ2MX"),
    "no email, delivered, wait": View(
        State.NO_EMAIL,
        reset=RESET,
        reference="BH-7KQ2MX",
        delivery="delivered",
        resends_left=2,
        resend_wait=25,
    ),
    "no email, used up": View(
        State.NO_EMAIL, reset=RESET, reference="BH-7KQ2MX", delivery="sent", resends_left=0
    ),
    "mail bounced": View(
        State.MAIL_BOUNCED, problem=problems.SERVICE_MAIL_BOUNCED, reference="BH-7KQ2MX"
    ),
    "resending": View(State.RESENDING, reset=RESET),
    "resend failed": View(
        State.RESEND_FAILED, problem=problems.SERVICE_RESEND_REFUSED, reference="BH-7KQ2MX"
    ),
    "token removed": View(State.TOKEN_REMOVED, problem=problems.TOKEN_REMOVED),
    "token stalled": View(State.TOKEN_STALLED, problem=problems.TOKEN_STALLED),
    **{
        f"problem {problem.code}": View(State.PROBLEM, problem=problem, facts=FACTS)
        for problem in problems.ALL
        if problem.shown in (problems.Shown.VISIT, problems.Shown.BOTH)
    },
    "remove token": View(State.REMOVE_TOKEN),
    "goodbye": View(State.GOODBYE),
    "time-out": View(State.USERNAME, overlay=Overlay.TIME_OUT, countdown=30),
    "problem C02, staff called": View(
        State.PROBLEM,
        problem=problems.CERTIFICATE_EXPIRED,
        facts=FACTS,
        staff=StaffCall.TOLD,
    ),
    "staff call": View(State.PIN, overlay=Overlay.STAFF_CALL, staff=StaffCall.TOLD),
    "staff call, calling": View(State.PIN, overlay=Overlay.STAFF_CALL, staff=StaffCall.CALLING),
    "staff call, failed": View(State.PIN, overlay=Overlay.STAFF_CALL, staff=StaffCall.FAILED),
    **STAFF_VIEWS,
    "last try, PIN refused": View(State.LAST_TRY, problem=problems.PIN_LAST_TRY, pin_refused=True),
}
"""By name. Each state and overlay is there, with the variants that look different."""


class GalleryApp(App[None], inherit_bindings=False):
    """Shows one view and keeps what its screen posted."""

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    CSS_PATH = STYLE_SHEETS

    def __init__(self, view: View) -> None:
        super().__init__()
        for theme in themes():
            self.register_theme(theme)
        self.theme = theme_name(view.theme)
        self.view = view
        self.raised: list[Event] = []
        self.toggled = 0
        self.asked: list[str] = []
        self.copied: list[str] = []

    def on_mount(self) -> None:
        self.push_screen(screen_for(self.view))

    async def turn_to(self, view: View, *, anew: bool = False) -> None:
        """Show another view: to start another program takes longer than to draw.

        Args:
            anew: on a screen of its own, also where the one that is there can draw it.
        """
        before, self.view = self.view, view
        self.raised.clear()
        self.theme = theme_name(view.theme)
        if not anew and _have_one_screen(before, view):
            self.journey_screen.show(view)
        else:
            await self.switch_screen(screen_for(view))

    @property
    def journey_screen(self) -> JourneyScreen:
        assert isinstance(self.screen, JourneyScreen)
        return self.screen

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)

    def on_journey_screen_raised(self, message: JourneyScreen.Raised) -> None:
        self.raised.append(message.event)

    def on_language_toggled(self, message: LanguageToggled) -> None:
        """Switch the language as the real program does."""
        self.toggled += 1
        self.view = replace(
            self.view, language=self.view.next_language, next_language=self.view.language
        )
        self.journey_screen.show(self.view)

    def on_demo_asked(self, message: DemoAsked) -> None:
        self.asked.append(message.action)


def _have_one_screen(one: View, other: View) -> bool:
    """Whether both can be drawn by the same widgets: the same view in another language, or
    another problem with the same buttons."""
    if one.problem and other.problem and one.state is other.state:
        alike = one.state is State.OUT_OF_SERVICE or (
            one.state is State.PROBLEM and one.problem.can_retry is other.problem.can_retry
        )
        if alike:
            other = replace(other, problem=one.problem, facts=one.facts, pin=one.pin)
    return replace(one, language=other.language, next_language=other.next_language) == other
