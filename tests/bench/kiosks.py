"""Many kiosks at one service at the same time.

Each kiosk is a client with a connection of its own and a customer who proves a token and
confirms a reset, again and again without a pause. The kiosks run in processes beside the
service, on the same machine: they take their share of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from kiosk.sandbox.server.database import FILE
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.run import SandboxServer
from kiosk.service.errors import ServiceError

KIOSKS = 200
VISITS = 5
"""Of each kiosk."""

PROCESSES = 2
_UNLIMITED = Limits(per_username=10**9, per_certificate=10**9, per_kiosk=10**9)


@dataclass(frozen=True)
class Times:
    """Of visits or of one kind of call, in milliseconds."""

    name: str
    count: int
    p50: float
    p99: float


@dataclass(frozen=True)
class Result:
    """What was measured."""

    kiosks: int
    visits: int
    seconds: float
    times: tuple[Times, ...]
    errors: dict[str, int]
    orders: int
    mails: int
    double_mails: int

    @property
    def holds(self) -> bool:
        """Whether every visit got its one mail."""
        return not self.errors and self.mails == self.visits and not self.double_mails

    def as_text(self) -> str:
        """The figures for a person, in lines."""
        lines = [
            f"{self.kiosks} kiosks at once, {self.visits} visits in {self.seconds:.1f} s: "
            f"{self.visits / self.seconds:.1f} visits/s on {os.cpu_count()} processors, "
            "kiosks and service together"
        ]
        lines += [
            f"{one.name:<14}{one.count:>6}   p50 {one.p50:9.1f} ms   p99 {one.p99:9.1f} ms"
            for one in self.times
        ]
        lines.append(
            f"errors {sum(self.errors.values())} {self.errors or ''}, orders {self.orders}, "
            f"mails {self.mails}, mailed twice {self.double_mails}"
        )
        return "\n".join(lines) + "\n"


def add_to(measurements: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand `kiosks`."""
    parser = measurements.add_parser(
        "kiosks",
        help="many kiosks at once: rate, times, errors, double mails",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--kiosks", type=int, default=KIOSKS, metavar="N", help=f"how many ({KIOSKS})"
    )
    parser.add_argument(
        "--visits", type=int, default=VISITS, metavar="N", help=f"of each kiosk ({VISITS})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, and say what came out."""
    result = measure(options.kiosks, options.visits)
    sys.stdout.write(result.as_text())
    if options.json:
        text = json.dumps({**asdict(result), "holds": result.holds}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0 if result.holds else 1


def measure(kiosks: int, visits: int) -> Result:
    """Let the kiosks loose on a service of its own."""
    with tempfile.TemporaryDirectory(prefix="kiosk-bench-") as directory:
        state = Path(directory)
        with SandboxServer(state, limits=_UNLIMITED) as server:
            shares = [range(first, kiosks, PROCESSES) for first in range(PROCESSES)]
            processes = [
                subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "tests.bench.kiosks",
                        server.url,
                        directory,
                        str(share.start),
                        str(share.stop),
                        str(share.step),
                        str(visits),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for share in shares
            ]
            for process in processes:
                # Each says when its kiosks are connected; then all begin at once.
                assert process.stdout
                assert process.stdout.readline() == "ready\n"
            began = time.perf_counter()
            for process in processes:
                assert process.stdin
                process.stdin.write("go\n")
                process.stdin.flush()
            reports = [json.loads(process.communicate()[0]) for process in processes]
            seconds = time.perf_counter() - began
        with closing(sqlite3.connect(state / FILE)) as db:
            (orders,) = db.execute("SELECT count(*) FROM orders").fetchone()
            mails = Counter(one for (one,) in db.execute("SELECT message_id FROM mails"))
    times: dict[str, list[float]] = {}
    errors: Counter[str] = Counter()
    for report in reports:
        for name, values in report["times"].items():
            times.setdefault(name, []).extend(values)
        errors.update(report["errors"])
    return Result(
        kiosks=kiosks,
        visits=kiosks * visits,
        seconds=seconds,
        times=tuple(_times(name, values) for name, values in times.items()),
        errors=dict(errors),
        orders=orders,
        mails=len(mails),
        double_mails=sum(count > 1 for count in mails.values()),
    )


def _times(name: str, values: list[float]) -> Times:
    hundredths = statistics.quantiles(values, n=100)
    return Times(name, len(values), hundredths[49], hundredths[98])


async def _serve(url: str, state: Path, share: range, visits: int) -> None:
    """Run a process's share of the kiosks."""
    # Only here, where the tokens' keys are needed.
    from tests.service.customer import Customer

    customers = [Customer(url, url, state, number, timeout=60.0) for number in share]
    times: dict[str, list[float]] = {"challenge": [], "proof": [], "confirm": [], "visit": []}
    errors: Counter[str] = Counter()
    for customer in customers:
        await customer.client.health()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)

    async def visit(customer: Customer) -> None:
        begin = time.perf_counter()
        challenge = await customer.challenge()
        challenged = time.perf_counter()
        proof = customer.proof(challenge)
        signed = time.perf_counter()
        reset = await customer.prove(proof)
        proven = time.perf_counter()
        outcome = await customer.confirm(reset, secrets.token_urlsafe(24))
        ended = time.perf_counter()
        if outcome not in ("sent", "delivered", "pending"):
            errors[outcome] += 1
        steps = (challenged - begin, proven - signed, ended - proven, ended - begin)
        for name, taken in zip(times, steps, strict=True):
            times[name].append(1000 * taken)

    async def serve(customer: Customer) -> None:
        for _ in range(visits):
            try:
                await visit(customer)
            except ServiceError as error:
                errors[type(error).__name__] += 1

    await asyncio.gather(*map(serve, customers))
    sys.stdout.write(json.dumps({"times": times, "errors": errors}))


if __name__ == "__main__":
    _url, _state, _first, _end, _step, _visits = sys.argv[1:]
    asyncio.run(_serve(_url, Path(_state), range(int(_first), int(_end), int(_step)), int(_visits)))
