"""Opening hours of the counter, by the machine's own clock and time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

import msgspec

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""As the configuration names them; in the order of `datetime.weekday`."""


class Span(msgspec.Struct, frozen=True):
    """From an hour of a day to a later one of the same day."""

    opens: time
    closes: time

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read `07:30-11:30`; `24:00` is the end of the day.

        Raises:
            ValueError: it is not of this form, or ends before it begins.
        """
        opens, dash, closes = text.partition("-")
        until = "23:59:59.999999" if closes.strip() == "24:00" else closes.strip()
        span = cls(time.fromisoformat(opens.strip()), time.fromisoformat(until))
        if not dash or span.closes <= span.opens:
            raise ValueError(text)
        return span

    def holds(self, moment: time) -> bool:
        """Whether the counter is open then."""
        return self.opens <= moment < self.closes


def _until(closes: time) -> str:
    return "24:00" if closes == time.max else f"{closes:%H:%M}"


class OpeningHours:
    """When the kiosk serves."""

    def __init__(self, days: Sequence[Sequence[Span]]) -> None:
        """Make the hours of the seven days, Monday first. None at all: always open."""
        self._days = [sorted(spans, key=lambda span: span.opens) for spans in days]

    @property
    def always(self) -> bool:
        """Whether no hours are set."""
        return not any(self._days)

    def on(self, day: datetime) -> tuple[str, ...]:
        """The spans of this day, as `07:30-11:30`."""
        spans = self._days[day.weekday()]
        return tuple(f"{span.opens:%H:%M}-{_until(span.closes)}" for span in spans)

    def is_open(self, now: datetime) -> bool:
        """Whether the counter is open at this local time."""
        return self.always or any(span.holds(now.time()) for span in self._days[now.weekday()])

    def next_opening(self, now: datetime) -> datetime | None:
        """When it opens next; None if it is open or always is."""
        if self.is_open(now):
            return None
        for ahead in range(8):
            day = now.date() + timedelta(days=ahead)
            for span in self._days[day.weekday()]:
                opening = datetime.combine(day, span.opens, now.tzinfo)
                if opening > now:
                    return opening
        return None
