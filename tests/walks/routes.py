"""What a customer may press where, and the way to a state: all derived from the flow's tables
and from the screens, so that a new state or a new row is walked as soon as it is there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

from kiosk import flow, screens
from kiosk.flow import OVERLAY_TABLE, TABLE, Event, Overlay, State

ALL_EVENTS: tuple[type[Event], ...] = tuple(
    sorted(
        (
            value
            for value in vars(flow).values()
            if isinstance(value, type)
            and issubclass(value, Event)
            and value not in (Event, flow.ProblemEvent)
        ),
        key=lambda kind: kind.__name__,
    )
)

screens.load_all()

CUSTOMER_EVENTS: tuple[type[Event], ...] = tuple(
    kind
    for kind in ALL_EVENTS
    # The pages of staff mode carry it, and their screen raises it without knowing it.
    if kind is flow.StaffJobAsked
    or any(
        kind in vars(module).values()
        for name, module in sys.modules.items()
        if name.startswith(screens.__name__)
    )
)
"""Events that some screen raises."""


@cache
def pressable(state: State, overlay: Overlay) -> tuple[type[Event], ...]:
    """What the customer can press: the overlay's screen hides the state's."""
    rows = [OVERLAY_TABLE[overlay]]
    table: list[Mapping[type[Event], object]] = [*rows]
    if overlay is Overlay.NONE:
        table.append(TABLE[state])
    return tuple(kind for kind in CUSTOMER_EVENTS if any(kind in row for row in table))


@cache
def _distances(goal: State) -> dict[State, int]:
    """How many rows each state is away from the goal."""
    found = {goal: 0}
    rim = [goal]
    while rim:
        rim = [
            state
            for state in State
            if state not in found and any(row.to in rim for row in TABLE[state].values())
        ]
        distance = max(found.values()) + 1
        found.update(dict.fromkeys(rim, distance))
    return found


@cache
def next_event(state: State, goal: State) -> type[Event] | None:
    """The event that leads from a state one row nearer to the goal; None if none does."""
    distances = _distances(goal)
    here = distances.get(state, len(State))
    nearer = [kind for kind, row in TABLE[state].items() if distances.get(row.to, here) < here]
    return min(nearer, key=lambda kind: distances[TABLE[state][kind].to], default=None)
