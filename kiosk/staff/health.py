"""Page 1: how each part of the kiosk is, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kiosk import __version__, problems
from kiosk.flow import StaffTopic, StaffTopicAsked
from kiosk.hardware.readers import ReaderState
from kiosk.problems import Problem
from kiosk.staff.page import Row, Say, StaffPage, Status, Text
from kiosk.staff.wording import coded_title, troubled
from kiosk.text import clean_text

_GIGABYTE = 1_000_000_000

_OF_SERVICE = (
    problems.SERVICE_UNREACHABLE,
    problems.KIOSK_NOT_KNOWN,
    problems.KIOSK_SERVICE_UNTRUSTED,
)


@dataclass(frozen=True, slots=True)
class Health:
    """What the kiosk knows of itself at one moment."""

    readers: ReaderState | None
    """None: not looked at yet."""
    troubles: tuple[Problem, ...]
    """All that keeps the kiosk from serving; customers see the code of the first."""
    service_known: bool
    """Whether the service has been asked and what came of it is known."""
    kiosk_id: str
    since: datetime
    """When the program began, local time."""
    now: datetime
    """Local time."""
    free: int | None
    """Bytes on the disk that the kiosk writes to; None: it keeps nothing, or cannot see."""
    hours: tuple[str, ...] = ()
    """Today's opening hours, such as `07:30-11:30`."""

    @property
    def clock_known(self) -> bool:
        """Whether the clock can be judged: only the service's answer tells the time."""
        return self.service_known and not set(self.troubles) & set(_OF_SERVICE)


def health_page(health: Health) -> StaffPage:
    """Make the page. What is broken carries its problem's code and what to do."""
    rows = (
        _serving(health),
        _part(
            health,
            "staff.health.readers",
            (problems.KIOSK_PCSC_DOWN, problems.KIOSK_NO_READER),
            *_readers(health),
        ),
        _part(
            health,
            "staff.health.service",
            _OF_SERVICE,
            status=Status.OK if health.service_known else Status.RUNNING,
        ),
        _part(
            health,
            "staff.health.clock",
            (problems.KIOSK_CLOCK,),
            *_clock(health),
            status=Status.OK if health.clock_known else Status.RUNNING,
        ),
        _part(health, "staff.health.disk", (problems.KIOSK_DISK,), _free(health.free)),
        _part(
            health,
            "staff.health.hours",
            (problems.KIOSK_CLOSED,),
            ", ".join(health.hours) or Say("staff.health.always"),
        ),
        _part(health, "staff.health.configuration", (problems.KIOSK_CONFIG,), health.kiosk_id),
        Row(
            Say("staff.health.program"),
            Status.OK,
            (
                Say(
                    "staff.health.version",
                    {
                        "version": __version__,
                        "since": f"{health.since:%H:%M  %d/%m/%Y}",
                    },
                ),
            ),
        ),
    )
    return StaffPage(StaffTopic.HEALTH, Say("staff.health.title"), rows)


def _serving(health: Health) -> Row:
    """What customers see now."""
    if not health.troubles:
        return Row(Say("staff.health.serving"), Status.OK)
    first = health.troubles[0]
    if first is problems.KIOSK_TAKEN_OUT:
        advice = Say("staff.health.put_back", {"button": Say("staff.switch.turn_on")})
        opens = StaffTopicAsked(StaffTopic.SWITCH)
        title = Say("staff.health.not_serving")
        return Row(title, Status.FAILED, (coded_title(first),), advice, opens)
    return Row(Say("staff.health.not_serving"), Status.FAILED, (coded_title(first),))


def _part(
    health: Health,
    key: str,
    own: tuple[Problem, ...],
    *details: Text,
    status: Status = Status.OK,
) -> Row:
    """A part that these problems speak of."""
    for problem in health.troubles:
        if problem in own:
            return troubled(Say(key), problem)
    return Row(Say(key), status, details)


def _readers(health: Health) -> tuple[Text, ...]:
    names = health.readers.readers if health.readers else ()
    return tuple(clean_text(name, 60) for name in names) or (Say("staff.health.no_reader"),)


def _clock(health: Health) -> tuple[Text, ...]:
    now = f"{health.now:%H:%M:%S  %d/%m/%Y}"
    return (now,) if health.clock_known else (now, Say("staff.health.clock_unknown"))


def _free(free: int | None) -> Text:
    if free is None:
        return Say("staff.health.disk_unknown")
    if free < _GIGABYTE:
        return Say("staff.health.nearly_full")
    return Say("staff.health.free", {"gigabytes": f"{free // _GIGABYTE}"})
