"""Page 6: the service is asked on a connection of its own."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from kiosk import problems
from kiosk.flow import StaffJobAsked, StaffTopic
from kiosk.readiness import CLOCK_TOLERANCE, service_problem
from kiosk.service.errors import ServiceError
from kiosk.staff.page import Action, Row, Say, StaffPage, Status
from kiosk.staff.wording import troubled

if TYPE_CHECKING:
    from kiosk.service.client import ServiceClient

DEADLINE = 30.0
"""Seconds; the client's own time-outs are shorter."""

RIGHT = 2.0
"""Seconds between two clocks that agree: the service tells whole seconds, and the answer is on
its way for a moment."""


def service_page(rows: tuple[Row, ...] | None = None) -> StaffPage:
    """Make the page: how it is done, or what came of it."""
    if rows is None:
        rows = (Row(Say("staff.service.how")),)
    action = Action(Say("staff.service.test"), StaffJobAsked(StaffTopic.SERVICE))
    return StaffPage(StaffTopic.SERVICE, Say("staff.service.title"), rows, (action,))


async def check_service(client: ServiceClient) -> tuple[Row, ...]:
    """Ask for the service's health on a fresh connection, and compare the clocks."""
    own = client.twin()
    began = time.monotonic()
    try:
        health = await own.health()
    except ServiceError as error:
        return (troubled(Say("staff.service.answer"), service_problem(error)),)
    finally:
        await own.close()
    took = f"{math.ceil(time.monotonic() - began)}"
    difference = health.time - time.time()
    rows = [
        Row(
            Say("staff.service.answer"),
            Status.OK,
            (Say("staff.service.took", {"seconds": took}),),
        ),
        Row(Say("staff.service.tls" if own.encrypted else "staff.service.plain"), Status.OK),
    ]
    clock = _clock(difference)
    if abs(difference) > CLOCK_TOLERANCE:
        rows.append(troubled(clock, problems.KIOSK_CLOCK))
    else:
        rows.append(Row(clock, Status.OK))
    return tuple(rows)


def _clock(difference: float) -> Say:
    """How the machine's clock is, by how many seconds the service's is ahead of it."""
    if abs(difference) < RIGHT:
        return Say("staff.service.clock_right")
    key = "staff.service.clock_behind" if difference > 0 else "staff.service.clock_ahead"
    seconds = round(abs(difference))
    if seconds > CLOCK_TOLERANCE:
        return Say(key, {"time": Say("staff.service.minutes", {"count": f"{round(seconds / 60)}"})})
    return Say(key, {"time": Say("staff.service.seconds", {"count": f"{seconds}"})})
