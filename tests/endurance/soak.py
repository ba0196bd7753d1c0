"""Thousands of visits at one kiosk, one after the other: python -m tests.endurance.soak, which
`scripts/soak` runs."""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType

from kiosk.flow import State
from kiosk.sandbox.server.database import FILE
from tests.endurance.customers import Customers, Visit
from tests.endurance.hall import Broken, Hall, open_hall
from tests.endurance.processes import wait_until
from tests.endurance.quick_pcscd import PartMissing
from tests.endurance.samples import Result, take_sample
from tests.endurance.visiting import Visitor, clear_away

VISITS = 10_000
SAMPLES = 100
"""How many samples are taken, about."""

_DELIVERY = 30.0
"""Seconds in which the last mail arrives."""


class Pause:
    """SIGUSR1 holds the customers back until the next one: for a machine that is needed."""

    def __init__(self) -> None:
        self._held = False
        signal.signal(signal.SIGUSR1, self._toggle)

    def _toggle(self, _number: int, _frame: FrameType | None) -> None:
        self._held = not self._held

    def wait(self) -> float:
        """Wait while it lasts, and tell for how many seconds."""
        began = time.monotonic()
        while self._held:
            time.sleep(0.2)
        return time.monotonic() - began


def soak(
    folder: Path,
    visits: int,
    seed: int,
    tell: Callable[[Result], None],
    pause: Callable[[], float] = lambda: 0.0,
) -> Result:
    """Let this many customers visit one kiosk.

    Args:
        folder: an empty one, for everything that is written.
        visits: how many.
        seed: of what they do.
        tell: called after each sample.
        pause: called between two visits; returns the seconds that do not count.

    Raises:
        PartMissing: a program is not installed.
        Broken: the kiosk has ended, or does not find back to its welcome screen.
    """
    customers = Customers(seed)
    result = Result(seed)
    every = max(1, visits // SAMPLES)
    with open_hall(folder) as hall:
        while hall.shown.state != State.WELCOME.value:
            hall.next_screen_within()
        result.samples.append(take_sample(hall, 0))
        began = time.monotonic()
        for number in range(1, visits + 1):
            _visit(hall, customers.next(), result)
            result.visits = number
            if number % every == 0:
                result.samples.append(take_sample(hall, number))
                result.seconds = time.monotonic() - began
                result.written = hall.written
                tell(result)
            began += pause()
        _count_mails(hall.directory, result)
        code = hall.end()
        if code != 0:
            result.failures.append(f"the kiosk ended with {code}")
        _read_log(hall.log, result)
    return result


def _visit(hall: Hall, visit: Visit, result: Result) -> None:
    result.kinds[visit.kind] += 1
    visitor = Visitor(hall, visit)
    try:
        visitor.go()
    except Broken as broken:
        result.failures.append(f"visit {result.visits + 1}, {broken}")
        clear_away(hall)
    result.presses_again += visitor.presses_again
    result.mails_expected += visitor.orders


def _count_mails(directory: Path, result: Result) -> None:
    """Every order that was confirmed has led to one mail, or to a refusal by the mail server."""

    def delivered() -> bool:
        with closing(sqlite3.connect(directory / FILE)) as db:
            states = Counter(one for (one,) in db.execute("SELECT state FROM orders"))
            mails = Counter(one for (one,) in db.execute("SELECT message_id FROM mails"))
        result.mails = len(mails) + states["bounced"] + states["cancelled"]
        result.mailed_twice = sum(count > 1 for count in mails.values())
        return not states["waiting"] + states["sending"] and result.mails >= states.total()

    try:
        wait_until(delivered, "the last mail", _DELIVERY)
    except TimeoutError as error:
        result.failures.append(str(error))


def _read_log(log: Path, result: Result) -> None:
    """The kiosk's own word for a fault of its own."""
    with log.open(encoding="utf-8") as lines:
        result.failures += [line.strip() for line in lines if " CRITICAL " in line]


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns the exit code: 0 if all is as it must be, 1 if not, 2 if it cannot be run."""
    from tests.endurance.curve import write_curve

    parser = argparse.ArgumentParser(
        prog="soak",
        description="Thousands of visits at one real kiosk on the virtual card, good and bad.",
        epilog="SIGUSR1 holds the customers back until the next SIGUSR1.",
    )
    parser.add_argument("--visits", type=int, default=VISITS, metavar="N", help=f"({VISITS:,})")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--curve", type=Path, metavar="FILE", help="draw the memory there (SVG)")
    options = parser.parse_args(arguments)
    pause = Pause()

    def tell(result: Result) -> None:
        last = result.samples[-1]
        sys.stdout.write(
            f"{result.visits:>7,} visits  {result.seconds:7.0f} s  "
            f"{last.memory / 2**20:6.1f} MB  {len(result.failures)} failures\n"
        )
        sys.stdout.flush()
        if options.json:
            options.json.write_text(json.dumps(result.as_json()) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory(prefix="kiosk-soak-") as folder:
        try:
            result = soak(Path(folder), options.visits, options.seed, tell, pause.wait)
        except PartMissing as error:
            sys.stderr.write(f"soak: missing: {error}\n")
            return 2
        except (Broken, TimeoutError) as error:
            sys.stderr.write(f"soak: seed {options.seed}: {error}\n")
            return 1
    sys.stdout.write(result.as_text() + "\n")
    if options.json:
        options.json.write_text(json.dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    if options.curve:
        write_curve(result, options.curve)
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
