"""Ordering the mail with the new password, and following it.

What an order's failure means is told apart strictly: surely nothing was done, the service
said no, or nobody knows. Nothing here ever orders twice: the client repeats an order with its
own key, and following a mail only asks.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiosk import problems
from kiosk.effects import Tools, service_failed
from kiosk.flow import Event, Failed, MailBounced, OutcomeUnknown, SendFailed, Sent
from kiosk.service import errors as service
from kiosk.session import Visit

if TYPE_CHECKING:
    from kiosk.service.messages import Delivery

PENDING_PATIENCE = 3.0
"""Seconds that a customer waits for a mail to leave before the result screen says that it is
still being sent."""

PENDING_INTERVAL = 0.5
"""Seconds between two questions meanwhile."""

FOLLOW_INTERVALS = (1.0, 1.0, 2.0, 2.0, 3.0, 5.0)
"""Seconds between the questions of the result screen; the last one goes on."""

FOLLOW_TICK = 1.0
"""Seconds between two looks at what has changed."""

_SETTLED = ("delivered", "bounced", "expired")


async def send(visit: Visit, tools: Tools) -> Event:
    """Confirm the reset. The same visit always confirms with the same idempotency key."""
    if visit.reset is None:
        raise RuntimeError("there is no reset to confirm")
    try:
        answer = await tools.service.confirm(visit.reset.id, visit.idempotency_key)
    except service.ServiceUnreachable:
        return SendFailed(problems.SERVICE_SEND_FAILED.code)
    except service.ServiceRefused as error:
        if error.code == "unavailable":
            return SendFailed(problems.SERVICE_SEND_FAILED.code)
        return service_failed(visit, error)
    except service.ServiceError:
        return OutcomeUnknown()
    return await _outcome(visit, answer, tools)


async def resend(visit: Visit, tools: Tools) -> Event:
    """Ask for the mail once more. A press after a failure repeats the same order."""
    if visit.reset is None:
        raise RuntimeError("there is no reset to send again")
    visit.resend_key = visit.resend_key or secrets.token_urlsafe(24)
    try:
        answer = await tools.service.resend(visit.reset.id, visit.resend_key)
    except service.ServiceUnreachable:
        return Failed(problems.SERVICE_RESEND_FAILED.code)
    except service.ServiceRefused as error:
        if error.code == "resend_limit":
            return Failed(problems.SERVICE_RESEND_REFUSED.code)
        if error.retry_after:
            visit.resend_at = time.monotonic() + error.retry_after
        return Failed(problems.SERVICE_RESEND_FAILED.code)
    except service.ServiceError:
        # What was known of the mail before says nothing about this one.
        visit.delivery = None
        return OutcomeUnknown()
    visit.resend_key = ""
    if answer.status == "expired":
        return Failed(problems.SERVICE_RESEND_FAILED.code)
    event = await _outcome(visit, answer, tools)
    visit.resent = isinstance(event, Sent)
    return event


async def follow(visit: Visit, tools: Tools) -> AsyncIterator[Event | None]:
    """Ask what becomes of the mail until that is settled.

    Yields what the answer means to the journey, or None where only the view has changed: the
    state of the mail, or the seconds until it may be sent again.
    """
    reset = visit.reset
    if reset is None:
        raise RuntimeError("there is no mail to follow")
    loop = asyncio.get_running_loop()
    intervals = iter(FOLLOW_INTERVALS)
    due = loop.time() + next(intervals)
    question: asyncio.Task[Delivery] | None = None
    try:
        # What an answer means may have ended this reset.
        while visit.reset is reset and (
            not _is_settled(visit) or visit.resend_at > time.monotonic()
        ):
            await asyncio.sleep(FOLLOW_TICK)
            if visit.resend_at > time.monotonic() - 2 * FOLLOW_TICK:
                yield None
            if _is_settled(visit) or loop.time() < due:
                continue
            # A task of its own: the seconds on the screen do not wait for an answer.
            question = question or loop.create_task(tools.service.status(reset.id))
            if not question.done():
                continue
            before = visit.delivery
            # Whether the mail arrives does not depend on being asked; it is asked again.
            with suppress(service.ServiceError):
                _note(visit, question.result())
            question = None
            due = loop.time() + next(intervals, FOLLOW_INTERVALS[-1])
            if visit.delivery is not None and visit.delivery != before:
                yield _meaning(visit.delivery)
    finally:
        if question is not None:
            question.cancel()


async def _outcome(visit: Visit, answer: Delivery, tools: Tools) -> Event:
    """Tell what became of the order; a mail that is still pending is waited for a moment."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + PENDING_PATIENCE
    with suppress(service.ServiceError, TimeoutError):
        async with asyncio.timeout_at(ends):
            while answer.status == "pending":
                await asyncio.sleep(PENDING_INTERVAL)
                answer = await tools.service.status(answer.id)
    _note(visit, answer)
    # The service has taken the order: the result screen says how far it is.
    return _meaning(answer) or Sent()


def _meaning(answer: Delivery) -> Event | None:
    match answer.status:
        case "sent" | "delivered":
            return Sent()
        case "bounced":
            return MailBounced()
        case "expired":
            return Failed(problems.SERVICE_RESET_EXPIRED.code)
    return None


def _note(visit: Visit, answer: Delivery) -> None:
    visit.mailed = visit.mailed or answer.status in ("sent", "delivered")
    if answer.status == "expired" and visit.mailed:
        # A further mail was given up; the one before it has left.
        answer = replace(answer, status="sent")
    visit.delivery = answer
    visit.resend_at = 0.0
    if answer.resend_after:
        visit.resend_at = time.monotonic() + answer.resend_after


def _is_settled(visit: Visit) -> bool:
    return visit.delivery is not None and visit.delivery.status in _SETTLED
