"""The command line of `scripts/bench`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.speed import guard
from tests.speed.figures import Figure, PeerMissing
from tests.speed.lab import Surroundings
from tests.speed.measures import MEASURES
from tests.speed.table import as_markdown, on_terminal, put_between_markers
from tests.speed.terminal import NothingDrawn
from tests.speed.turns import Measure, Turns

DOCS = Path(__file__).parents[2] / "docs"
TABLE = DOCS / "performance.json"
PAGE = DOCS / "performance.md"

HELD, NOT_MET, PEER_MISSING = 0, 1, 2


class Bar:
    """A progress bar: measures that are done, and what is measured now."""

    def __init__(self, console: Console, measures: int) -> None:
        self._progress = Progress(
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            # Nothing else shall draw while something is measured.
            auto_refresh=False,
            transient=True,
        )
        self._task = self._progress.add_task("", total=measures)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, what: str) -> None:
        """Show what is measured, between two samples."""
        self._progress.update(self._task, description=what)
        self._progress.refresh()

    def advance(self) -> None:
        """A measure is done."""
        self._progress.advance(self._task)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show the table; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.record and (options.quick or options.only):
        parser.error("--record: found --quick or --only beside it, expected a whole run")
    if options.check and options.quick:
        parser.error("--check: found --quick beside it, expected as many samples as in the table")
    console = Console()
    chosen = [one for one in MEASURES if not options.only or one.key in options.only]
    try:
        # Before anything is measured: it takes minutes.
        before = guard.committed(TABLE) if options.check else {}
        for need in dict.fromkeys(need for measure in chosen for need in measure.needs):
            need()
        run = _measure(chosen, Console(stderr=True), quick=options.quick)
    except PeerMissing as error:
        print(f"bench: not on this machine: {error}", file=sys.stderr)  # noqa: T201
        return PEER_MISSING
    except guard.TableUnreadable as error:
        print(f"bench: {error}; `scripts/bench --record` writes it", file=sys.stderr)  # noqa: T201
        return PEER_MISSING
    except NothingDrawn as error:
        print(f"bench: could not be measured: {error}", file=sys.stderr)  # noqa: T201
        return NOT_MET
    figures = run.figures
    console.print(on_terminal(figures))
    for figure in figures:
        if figure.note:
            console.print(f"{figure.name}: {figure.note}", markup=False, highlight=False)
    seconds = ", ".join(f"{key} {taken:.0f} s" for key, taken in run.seconds.items())
    console.print(f"time taken: {seconds}", markup=False, highlight=False)
    text = guard.as_json(figures, **_circumstances(quick=options.quick), seconds=run.seconds)
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    if options.record and not run.broken:
        TABLE.write_text(text, encoding="utf-8")
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(put_between_markers(page, as_markdown(figures)), encoding="utf-8")
    failed = [f"not measured: {line}" for line in run.broken]
    failed += [f"goal not met: {one.name}, {one.peer_name}" for one in figures if one.met is False]
    worse = guard.worse(figures, before, whole=not options.only)
    failed += [f"worse than the committed table: {line}" for line in worse]
    for line in failed:
        console.print(line, markup=False, highlight=False, style="red")
    return NOT_MET if failed else HELD


@dataclass
class Run:
    """What has come of a run."""

    figures: list[Figure] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """What could not be measured because something did not come: the rest of a run of many
    minutes is not lost for it."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each measure took, by its key."""


def _measure(measures: Sequence[Measure], console: Console, *, quick: bool) -> Run:
    run = Run()
    with Bar(console, len(measures)) as bar, Surroundings() as surroundings:
        for measure in measures:
            begin = time.monotonic()
            try:
                # One by one: what was measured before something did not come, counts.
                for figure in measure.run(Turns(quick, bar, measure.title, 0, surroundings)):
                    run.figures.append(figure)
            except (NothingDrawn, AssertionError) as error:
                run.broken.append(f"{measure.title}: {error}")
            run.seconds[measure.key] = round(time.monotonic() - begin, 1)
            bar.advance()
    return run


def _circumstances(*, quick: bool) -> dict[str, object]:
    """What the absolute values hang on."""
    return {
        "when": time.strftime("%Y-%m-%d"),
        "quick": quick,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
    }


def _parser() -> argparse.ArgumentParser:
    keys = [measure.key for measure in MEASURES]
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Measure the kiosk beside what else could run on this machine, in turn.",
        epilog="exit codes: 0 all goals are met; 1 one is not, or a ratio got worse; 2 a peer or "
        "the committed table is missing. What is measured: "
        + "; ".join(f"{measure.key}: {measure.title}" for measure in MEASURES),
    )
    parser.add_argument("--quick", action="store_true", help="fewer samples: under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument(
        "--check",
        action="store_true",
        help="compare with docs/performance.json, and name what got worse by more than 20 %%",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write docs/performance.json and the table of docs/performance.md",
    )
    parser.add_argument(
        "--only", nargs="+", choices=keys, metavar="KEY", help="measure these: " + ", ".join(keys)
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
