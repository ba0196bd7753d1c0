"""Page 4: a token is read without PIN, as the journey would, and the page says what came of it.

Whose certificate it is appears on this page only: it is not logged, not in the journal and
not in an export, and it is forgotten when staff mode is closed or another page is opened.
"""

from __future__ import annotations

from collections.abc import Callable

from kiosk import effects, flow, problems
from kiosk.effects import ReadingTools
from kiosk.flow import StaffJobAsked, StaffTopic
from kiosk.hardware.readers import Card, ReaderState
from kiosk.pin import PinBuffer
from kiosk.session import UsableCertificate, Visit
from kiosk.staff.page import Action, Row, Say, StaffPage, Status
from kiosk.staff.wording import troubled
from kiosk.text import clean_text
from kiosk.verdict import vietnamese_date

DEADLINE = 60.0
"""Seconds; the driver's own deadlines are shorter."""


def token_page(rows: tuple[Row, ...] | None = None) -> StaffPage:
    """Make the page: how it is done, or what came of it."""
    if rows is None:
        rows = (Row(Say("staff.token.how")),)
    action = Action(Say("staff.token.test"), StaffJobAsked(StaffTopic.TOKEN))
    return StaffPage(StaffTopic.TOKEN, Say("staff.token.title"), rows, (action,))


async def check_token(
    readers: Callable[[], ReaderState], tools: ReadingTools, *, fixed_reader: bool
) -> tuple[Row, ...]:
    """Read the token that is in, and tell what the kiosk would do with it.

    Args:
        readers: their newest state.
    """
    token = Say("staff.token.token")
    state = readers()
    if not state.available:
        return (troubled(token, problems.KIOSK_PCSC_DOWN),)
    if fixed_reader and not state.readers:
        return (troubled(token, problems.KIOSK_NO_READER),)
    if not state.cards:
        return (Row(Say("staff.token.none"), Status.WARNING),)
    if len(state.cards) > 1:
        return (troubled(token, problems.TOKEN_SEVERAL),)
    card = state.cards[0]
    reader = Row(Say("staff.token.reader"), Status.OK, (clean_text(card.reader, 60),))
    if card.mute:
        return (reader, troubled(token, problems.TOKEN_NOT_RECOGNISED))
    visit = Visit(PinBuffer(), card=card)
    try:
        event = await effects.read_token(visit, tools)
        if not _still_in(card, readers()):
            return (reader, troubled(token, problems.TOKEN_REMOVED))
        certificates = tuple(map(_certificate, visit.certificates))
        return (reader, *certificates, _verdict(event, visit))
    finally:
        if opened := visit.erase():
            await opened.close()


def _still_in(card: Card, state: ReaderState) -> bool:
    return any(
        (one.reader, one.insertions) == (card.reader, card.insertions) for one in state.cards
    )


def _certificate(certificate: UsableCertificate) -> Row:
    identity = certificate.identity
    until = vietnamese_date(identity.not_after)
    details = (
        Say("staff.token.tax_code", {"tax_code": identity.tax_code or "—"}),
        Say("staff.token.until", {"date": until}),
    )
    return Row(clean_text(identity.organisation, 120), Status.OK, details)


def _verdict(event: flow.Event, visit: Visit) -> Row:
    """What the kiosk would do."""
    match event:
        case flow.Failed(code) | flow.TokenStuck(code):
            return troubled(
                Say("staff.token.stops"), problems.BY_CODE[code], facts=dict(visit.facts)
            )
        case flow.CertificatesHidden():
            goes_on = Row(Say("staff.token.hidden"), Status.OK)
        case flow.SeveralCertificates():
            goes_on = Row(Say("staff.token.several"), Status.OK)
        case _:
            goes_on = Row(Say("staff.token.good"), Status.OK)
    if visit.flags.final_try:
        return troubled(Say("staff.token.last_try"), problems.PIN_LAST_TRY, Status.WARNING)
    return goes_on
