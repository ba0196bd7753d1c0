"""How much is resident after many visits, and how much a visit writes to the terminal."""

from __future__ import annotations

from tests.speed import bare_label, visits
from tests.speed.figures import Figure, Goal, Kind, Samples, compared, reported
from tests.speed.lab import QUICK
from tests.speed.needs import require_pcscd
from tests.speed.processes import family, memory
from tests.speed.start import BARE, PEER
from tests.speed.terminal import Terminal
from tests.speed.turns import Measure, Turns
from tests.stack.journey import WELCOME

GOAL = Goal(Kind.RATIO, 2.0)

KIBIBYTE, MEBIBYTE = 1 << 10, 1 << 20


def measure(turns: Turns) -> list[Figure]:
    """The kiosk and the helper that stands ready, on the welcome screen after the last visit."""
    many = turns.rounds(100, 2)
    turns.what = f"memory, {many} visits"
    where = turns.surroundings.lab()
    with where.start(QUICK) as kiosk, Terminal(BARE) as bare:
        kiosk.wait_for(WELCOME)
        bare.wait_for(bare_label.TEXT)
        written = []
        for _ in range(many):
            before = kiosk.written
            visits.visit(where, kiosk)
            written.append((kiosk.written - before) / KIBIBYTE)
            turns.progress.step(turns.what)
        processes = visits.at_rest(kiosk)
        ours, peer = memory(processes), memory(family(bare.pid))
        first = memory(processes[:1])
    mebibytes = {name: size / MEBIBYTE for name, size in (("ui", first.rss), ("pss", ours.pss))}
    note = (
        f"after {many} visits; UI alone {mebibytes['ui']:.1f} MiB; "
        f"with a share of what is shared (Pss) {mebibytes['pss']:.1f} MiB against "
        f"{peer.pss / MEBIBYTE:.1f} MiB"
    )
    return [
        compared(
            "resident memory, UI + helper, after visits",
            "MiB",
            Samples([ours.rss / MEBIBYTE]),
            Samples([peer.rss / MEBIBYTE]),
            PEER,
            GOAL,
            note=note,
        ),
        reported(
            "bytes drawn in a visit",
            "KiB",
            Samples(written),
            note=f"median of {many} visits, without their waiting times",
        ),
    ]


MEASURES = (Measure("visits", "memory and bytes drawn", measure, (require_pcscd,)),)
