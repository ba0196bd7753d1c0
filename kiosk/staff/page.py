"""What a page of staff mode is made of: plain values, with texts by their keys.

A page names its texts instead of holding them, so that the other language is the same page.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from kiosk.flow import Event, StaffTopic


class Say(msgspec.Struct, frozen=True):
    """A message of the catalogues."""

    key: str
    values: Mapping[str, Text] = msgspec.field(default_factory=dict)


Text = Say | str
"""A message, or a text that is the same in both languages: a code, a time, a name."""


class Status(Enum):
    """How it is with one thing."""

    OK = "ok"
    WARNING = "warning"
    """It works, or it is in doubt."""
    FAILED = "failed"
    RUNNING = "running"
    """It is being looked at."""


class Row(msgspec.Struct, frozen=True):
    """One thing on a page."""

    text: Text
    status: Status | None = None
    details: tuple[Text, ...] = ()
    """Further lines, each on its own."""
    advice: Text | None = None
    """What to do."""
    opens: Event | None = None
    """What picking the row asks for; None: it cannot be picked."""


class Action(msgspec.Struct, frozen=True):
    """A button of a page."""

    label: Text
    event: Event


class StaffPage(msgspec.Struct, frozen=True):
    """One page."""

    topic: StaffTopic
    title: Text
    rows: tuple[Row, ...] = ()
    actions: tuple[Action, ...] = ()
    """At most `MOST_ACTIONS`."""
    qr: str = ""
    """An address shown as a QR code; empty: none."""
    part: str = ""
    """Which part of the topic this is; a new one is read from its beginning."""


MOST_ACTIONS = 2


class StaffView(msgspec.Struct, frozen=True):
    """What the screens of staff mode show."""

    page: StaffPage | None = None
    """None until somebody was admitted."""
    checking: bool = False
    """A staff PIN is being looked at."""
    refused: bool = False
    """The last one was wrong."""
    unchecked: bool = False
    """The machine could not find out whether the last one was right."""
    wait: int = 0
    """Seconds until one is looked at again."""
