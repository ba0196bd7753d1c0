"""The visit on a card with the pace of a real token."""

from __future__ import annotations

from tests.speed.figures import Figure, Goal, Kind, Samples, compared
from tests.speed.floor import built
from tests.speed.lab import lab
from tests.speed.needs import require_pcscd
from tests.speed.turns import Measure, Turns
from tests.speed.visit import VisitTimes, visit

COMMAND_MS = 20
SIGNATURE_MS = 400

_MS = 1000


def measure_slow_card(turns: Turns) -> list[Figure]:
    """What the kiosk adds to what the card itself takes, as its record tells."""
    visits: list[VisitTimes] = []
    with (
        lab(command_ms=COMMAND_MS, signature_ms=SIGNATURE_MS) as laboratory,
        laboratory.kiosk() as console,
    ):

        def ours() -> float:
            visits.append(visit(laboratory, console))
            return visits[-1].waited

        turns.alternate(turns.rounds(8, 1), ours, unmeasured=1)
    pace = f"{COMMAND_MS} ms a command, {SIGNATURE_MS} ms a signature"
    return [
        compared(
            f"slow card ({pace}): PIN Confirm → signed proof",
            "ms",
            Samples([one.proof * _MS for one in visits[1:]]),
            Samples([one.proof_card_time * _MS for one in visits[1:]]),
            "the card's own time",
            Goal(Kind.RATIO, 1.1),
        ),
        compared(
            f"slow card ({pace}): all that is waited for it in a visit",
            "ms",
            Samples([one.waited * _MS for one in visits[1:]]),
            Samples([one.card_time * _MS for one in visits[1:]]),
            "the card's own time",
            Goal(Kind.RATIO, 1.1),
            note="PC/SC's event → identity on screen, username → question for the PIN, "
            "PIN → signed proof; with the screens that come with them",
        ),
    ]


MEASURES: tuple[Measure, ...] = (
    Measure(
        "slow-card", "Token with the pace of a real one", measure_slow_card, (require_pcscd, built)
    ),
)
