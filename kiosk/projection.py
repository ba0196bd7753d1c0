"""What the screen shows of a journey and a visit: a plain value, made anew after every change."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Set

from msgspec.structs import replace

from kiosk import problems
from kiosk.choice import Choice
from kiosk.config import Config
from kiosk.flow import Journey, State
from kiosk.problems import Problem
from kiosk.session import MOST_SLIPS, UsableCertificate, Visit
from kiosk.staff.page import StaffView
from kiosk.staff.pin_hash import LONGEST, SHORTEST
from kiosk.verdict import vietnamese_day
from kiosk.view import CertificateView, DemoView, ResetView, SupportView, View

LOOKUPS = "account-lookups"
"""The service's capability to find usernames by a proof."""

STATE_PROBLEMS: dict[State, Problem] = {
    State.SEVERAL_TOKENS: problems.TOKEN_SEVERAL,
    State.TOKEN_REMOVED: problems.TOKEN_REMOVED,
    State.LAST_TRY: problems.PIN_LAST_TRY,
    State.NO_MATCH: problems.SERVICE_NO_MATCH,
    State.RESULT_UNKNOWN: problems.SERVICE_RESULT_UNKNOWN,
    State.MAIL_BOUNCED: problems.SERVICE_MAIL_BOUNCED,
}
"""States that are a problem by themselves, whatever event led there."""


def projected(
    journey: Journey,
    visit: Visit,
    config: Config,
    *,
    language: Choice,
    theme: Choice,
    capabilities: Set[str],
    countdown: int,
    simulated: bool,
    demo: DemoView | None,
    out_of_service: Mapping[str, str],
    hours: tuple[str, ...] = (),
    staff_mode: StaffView | None = None,
) -> View:
    """Make the view.

    Args:
        journey: where the customer is.
        visit: what is known of the customer.
        config: what the screens name: hotline, lengths of a PIN.
        language: which of the configured ones is spoken.
        theme: which colours are shown.
        capabilities: what the service offers beside the reset itself.
        countdown: seconds left to answer the time-out question.
        simulated: the token is embedded in the program.
        demo: what the demo strip shows; None: there is none.
        out_of_service: values for the wording of what keeps the kiosk out of service.
        hours: today's opening hours; none: they are not told.
        staff_mode: what the screens of staff mode show, at its states.
    """
    problem = STATE_PROBLEMS.get(journey.state)
    if problem is None and journey.problem is not None:
        problem = problems.BY_CODE[journey.problem]
    support = config.support
    view = View(
        state=journey.state,
        overlay=journey.overlay,
        language=language.current,
        next_language=language.next,
        languages=language.values,
        theme=theme.current,
        reduced_motion=config.screen.reduced_motion,
        shuffle_pin_pad=config.screen.shuffle_pin_pad,
        keyboard=config.screen.keyboard,
        alternate=config.screen.alternate,
        hours=hours,
        speech=config.speech.enabled,
        problem=problem,
        facts=out_of_service if journey.state is State.OUT_OF_SERVICE else visit.facts,
        pin=visit.pin,
        pin_pad=visit.flags.pin_pad,
        pin_awaited=visit.pin_awaited,
        last_try=visit.flags.final_try,
        can_look_up=LOOKUPS in capabilities,
        usernames=visit.usernames,
        certificates=tuple(map(_certificate_view, visit.certificates)),
        holder=_certificate_view(visit.certificate) if visit.certificate else None,
        username=visit.username,
        lost_mailbox=visit.lost_mailbox,
        pin_refused=visit.pin_refused,
        resent=visit.resent,
        staff=visit.staff,
        printer=visit.printing if config.printer.device else None,
        may_print=visit.slips < MOST_SLIPS,
        countdown=countdown,
        support=SupportView(support.hotline, support.email, support.fanpage),
        simulated=simulated,
        demo=demo,
    )
    if staff_mode is not None:
        view = replace(view, staff_mode=staff_mode, pin_length=(SHORTEST, LONGEST))
    if visit.token_info is not None:
        length = visit.token_info.pin_length or config.hardware.pin_length
        view = replace(view, pin_length=length)
    if visit.reset is not None:
        reset = visit.reset
        view = replace(
            view,
            reset=ResetView(reset.organisation, reset.tax_code, reset.masked_email),
            mailbox=visit.mailbox,
            reference=reset.reference,
        )
    if visit.delivery is not None:
        wait = visit.resend_at - time.monotonic()
        view = replace(
            view,
            delivery=visit.delivery.status,
            resends_left=visit.delivery.resends_left,
            resend_wait=max(0, math.ceil(wait)),
        )
    return view


def _certificate_view(certificate: UsableCertificate) -> CertificateView:
    identity = certificate.identity
    return CertificateView(
        fingerprint=identity.fingerprint,
        organisation=identity.organisation,
        tax_code=identity.tax_code,
        valid_until=vietnamese_day(identity.not_after),
    )
