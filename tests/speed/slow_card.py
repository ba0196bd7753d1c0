"""The visit on a card with the pace of a real token."""

from __future__ import annotations

from collections.abc import Sequence

from tests.speed.apdus import Pace
from tests.speed.figures import Figure, Goal, Kind, Samples, compared, counted
from tests.speed.visit import VisitTimes

PACE = Pace(command=20, signature=400)

_MS = 1000


def slow_card_figures(visits: Sequence[VisitTimes]) -> list[Figure]:
    """What the kiosk adds to what the card itself takes, as its record tells."""
    pace = f"{PACE.command} ms a command, {PACE.signature} ms a signature"
    waited = Samples([one.waited * _MS for one in visits])
    count = counted(waited, "visits")
    return [
        compared(
            f"slow card ({pace}): PIN Confirm → signed proof",
            "ms",
            Samples([one.proof * _MS for one in visits]),
            Samples([one.proof_card_time * _MS for one in visits]),
            "the card's own time",
            Goal(Kind.RATIO, 1.1),
            note=count,
        ),
        compared(
            f"slow card ({pace}): all that is waited for it in a visit",
            "ms",
            waited,
            Samples([one.card_time * _MS for one in visits]),
            "the card's own time",
            Goal(Kind.RATIO, 1.1),
            note=f"{count}; PC/SC's event → identity on screen, username → question for the PIN, "
            "PIN → signed proof; with the screens that come with them",
        ),
    ]
