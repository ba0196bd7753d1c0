"""Whole visits at one kiosk, beside what each of their parts is measured against."""

from __future__ import annotations

from collections.abc import Iterator

from tests.speed.card import NEEDS, CardPeers, card_figures
from tests.speed.figures import Figure, Samples
from tests.speed.reader import phases
from tests.speed.service import Orders, service_figures
from tests.speed.slow_card import PACE, slow_card_figures
from tests.speed.turns import Measure, Turns
from tests.speed.visit import HURRIED, PERSON, VisitTimes, visit


def measure(turns: Turns) -> Iterator[Figure]:
    """The token's and the service's share of a visit, and then the token's with a card that has
    the pace of a real one. The customers of a quick run do not read."""
    manner = HURRIED if turns.quick else PERSON
    rounds, unmeasured = turns.rounds(24, 2), 1
    surroundings = turns.surroundings
    laboratory = surroundings.lab()
    visits: list[VisitTimes] = []
    waits = phases(seed=1)
    with laboratory.kiosk(manner.program) as console:

        def ours() -> float:
            visits.append(visit(laboratory, console, manner, next(waits)))
            return visits[-1].sent

        peers = CardPeers(laboratory)
        orders = Orders(laboratory, manner.rest)
        turns.what = "visits"
        # Between the two that put a card into the other reader, it has to stay out for a while.
        sides = ours, peers.tool, orders.raw, orders.client, peers.floor
        sent, listed, raw, client, signed = turns.alternate(rounds, *sides, unmeasured=unmeasured)
        yield from card_figures(visits[unmeasured:], listed, signed, peers)
        served = Samples([one.served for one in visits[unmeasured:]])
        yield from service_figures(sent, raw, client, served, Samples(orders.served[-rounds:]))
        visits.clear()
        surroundings.lab(PACE)
        turns.what = "visits with a slow card"
        turns.alternate(turns.rounds(8, 1), ours)
    yield from slow_card_figures(visits)


MEASURES = (Measure("journey", "a visit's waits for token and service", measure, NEEDS),)
