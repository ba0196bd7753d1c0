"""What a kiosk costs that nobody uses."""

from __future__ import annotations

from tests.speed import bare_label, visits
from tests.speed.figures import Figure, Goal, Kind, Samples, compared
from tests.speed.needs import require_pcscd
from tests.speed.processes import cpu_seconds, family
from tests.speed.start import BARE, PEER
from tests.speed.terminal import Terminal
from tests.speed.turns import Measure, Turns
from tests.stack.journey import WELCOME

CPU_GOAL = Goal(Kind.RATIO, 1.5, also_at_most=0.5)
STILL_GOAL = Goal(Kind.TOGETHER, 0)

SECONDS = 60
QUICK_SECONDS = 3


def measure(turns: Turns) -> list[Figure]:
    """Processor time, and bytes drawn, while the welcome screen stands there. Both sides stand
    there at the same time, which is as fair as in turn, and takes half as long."""
    seconds = turns.rounds(SECONDS, QUICK_SECONDS)
    turns.what = f"idle for {seconds} s"
    where = turns.surroundings.lab()
    with where.start() as kiosk, Terminal(BARE) as bare:
        kiosk.wait_for(WELCOME)
        bare.wait_for(bare_label.TEXT)
        sides = [visits.at_rest(kiosk), family(bare.pid)]
        before = [cpu_seconds(side) for side in sides]
        drawn = 0
        for _ in range(seconds):
            drawn += kiosk.count(1)
            turns.progress.step(turns.what)
        taken = [cpu_seconds(side) - start for side, start in zip(sides, before, strict=True)]
    ours, peer = (Samples([side / seconds * 100]) for side in taken)
    return [
        compared(
            "processor time on the welcome screen",
            "% of a core",
            ours,
            peer,
            PEER,
            CPU_GOAL,
            note=f"UI + helper, over {seconds} s",
        ),
        Figure(
            "bytes drawn by a still screen",
            "bytes",
            drawn,
            (drawn, drawn),
            goal=STILL_GOAL,
            note=f"welcome screen, {seconds} s, with the service looked at every 30 s",
        ),
    ]


MEASURES = (Measure("idle", "processor time on the welcome screen", measure, (require_pcscd,)),)
