"""Does the time of an answer tell whether a username exists?

The service has one answer, `no_match`, for a username that nobody has and for one of
another organisation. Both kinds of call are made in turn (A B A B …), so that whatever
slows the machine meets both, and their medians are compared.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

import httpx

from kiosk.sandbox.server.limits import Limits
from tests.unit.service_lab import KIOSK, Lab

UNKNOWN, FOREIGN = "unknown user", "another organisation's user"

CALLS = 500
"""Calls of each kind."""

TOLERANCE = 5.0
"""Per cent by which the medians may differ."""

_WARM_UP = 20
_UNLIMITED = Limits(per_username=10**9, per_certificate=10**9, per_kiosk=10**9)


@dataclass(frozen=True)
class Kind:
    """The times of one kind of call, in milliseconds."""

    name: str
    calls: int
    median: float
    quartiles: tuple[float, float]
    percentile_95: float


@dataclass(frozen=True)
class Result:
    """What was measured."""

    kinds: tuple[Kind, Kind]
    difference: float
    """Of the second kind's median from the first one's, in per cent."""
    tolerance: float
    same_shape: bool
    """Whether all answers were alike: status, fields, text, headers."""

    def as_text(self) -> str:
        """The figures for a person, in lines."""
        lines = [
            f"{kind.name:<28} {kind.calls} calls, median {kind.median:.3f} ms, half of them "
            f"{kind.quartiles[0]:.3f} to {kind.quartiles[1]:.3f} ms, "
            f"95 % within {kind.percentile_95:.3f} ms"
            for kind in self.kinds
        ]
        lines.append(f"medians differ by {self.difference:+.2f} % (may: {self.tolerance:g} %)")
        lines.append(f"answers are {'alike' if self.same_shape else 'NOT ALIKE'}")
        return "\n".join(lines) + "\n"

    @property
    def holds(self) -> bool:
        """Whether nobody can tell the kinds apart."""
        return self.same_shape and abs(self.difference) <= self.tolerance


def add_to(measurements: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand `uniform`."""
    parser = measurements.add_parser(
        "uniform",
        help="unknown users against other organisations' users: shape and time",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--calls", type=_positive, default=CALLS, metavar="N", help=f"of each kind ({CALLS})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, and say what came out."""
    result = measure(options.calls)
    sys.stdout.write(result.as_text())
    if options.json:
        text = json.dumps({**asdict(result), "holds": result.holds}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0 if result.holds else 1


def measure(calls: int) -> Result:
    """Put `calls` of each kind to a service of its own and time them."""
    with (
        tempfile.TemporaryDirectory(prefix="kiosk-bench-") as directory,
        Lab(Path(directory), limits=_UNLIMITED) as lab,
    ):
        return _measure(lab, calls)


def _measure(lab: Lab, calls: int) -> Result:
    times: dict[str, list[float]] = {UNKNOWN: [], FOREIGN: []}
    shapes: set[tuple[object, ...]] = set()
    # Names of one length, and as many of each kind: how often a name was asked for, which
    # the service counts, must not make the difference.
    names: dict[str, Iterator[str]] = {
        UNKNOWN: cycle(("binhmins", "tuonglay")),
        FOREIGN: cycle(("binhminh", "tuonglai")),
    }
    with httpx.Client(base_url=lab.url, trust_env=False, headers={"Kiosk-Id": KIOSK}) as http:
        for number in range(2 * (calls + _WARM_UP)):
            kind = (UNKNOWN, FOREIGN)[number % 2]
            username = next(names[kind])
            body = {"username": username, "proof": _proof(lab, http, username)}
            begin = time.perf_counter_ns()
            answer = http.post("/v1/password-resets", json=body)
            taken = (time.perf_counter_ns() - begin) / 1e6
            shapes.add(_shape(answer))
            if number >= 2 * _WARM_UP:
                times[kind].append(taken)
    first, second = (_kind(name, taken) for name, taken in times.items())
    difference = 100 * (second.median - first.median) / first.median
    return Result((first, second), difference, TOLERANCE, len(shapes) == 1)


def _proof(lab: Lab, http: httpx.Client, username: str) -> str:
    x5c = [base64.b64encode(der).decode() for der in lab.chain("hoa-sen")]
    challenge = http.post("/v1/challenges", json={"chain": x5c}).json()["challenge"]
    return lab.proof("hoa-sen", username, challenge)


def _shape(answer: httpx.Response) -> tuple[object, ...]:
    """All of an answer but its date."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return (answer.status_code, answer.text, *headers.items())


def _kind(name: str, times: list[float]) -> Kind:
    hundredths = statistics.quantiles(times, n=100)
    return Kind(
        name,
        len(times),
        statistics.median(times),
        (hundredths[24], hundredths[74]),
        hundredths[94],
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 2 on")
    return int(text)
