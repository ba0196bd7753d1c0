"""How the benchmark judges, and what it says: no timing, only figures that are given."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.speed import __main__ as bench
from tests.speed import guard, table
from tests.speed.figures import Figure, Goal, Kind, PeerMissing, Samples, compared, reported
from tests.speed.quick_kiosk import ONLY_FOR_TESTS
from tests.speed.terminal import NothingDrawn
from tests.speed.turns import Measure, Turns

RATIO = Goal(Kind.RATIO, 1.25)


class Silent:
    """Hears the steps of a run."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, what: str) -> None:
        """See `Progress`."""
        self.steps.append(what)


def figure(ours: float, peer: float, goal: Goal | None = RATIO, name: str = "a figure") -> Figure:
    return compared(name, "ms", Samples([ours]), Samples([peer]), "a peer", goal)


def test_samples_have_a_median_a_spread_and_a_tail() -> None:
    samples = Samples(range(1, 102))
    assert samples.median == 51
    assert samples.spread == (26, 76)
    assert samples.p99 == 100
    assert Samples([3, 1, 2]).spread == (1, 3)
    assert Samples([7]).p99 == 7


@pytest.mark.parametrize(
    ("goal", "ours", "peer", "met"),
    [
        (RATIO, 125, 100, True),
        (RATIO, 126, 100, False),
        (RATIO, 0, 0, True),
        (RATIO, 1, 0, False),
        (Goal(Kind.MORE, 25), 125, 100, True),
        (Goal(Kind.MORE, 25), 126, 100, False),
        (Goal(Kind.TOGETHER, 0), 0, 5, True),
        (Goal(Kind.TOGETHER, 0), 1, 5, False),
        (Goal(Kind.RATIO, 1.5, also_at_most=0.5), 0.5, 0.4, True),
        (Goal(Kind.RATIO, 1.5, also_at_most=0.5), 0.6, 0.5, False),
        (None, 500, 1, None),
    ],
)
def test_a_goal_is_met_up_to_its_limit(
    goal: Goal | None, ours: float, peer: float, met: bool | None
) -> None:
    assert figure(ours, peer, goal).met is met


def test_p99_is_compared_where_it_is_asked_for() -> None:
    ours, peer = Samples(range(1, 102)), Samples(range(2, 203, 2))
    one = compared("tail", "ms", ours, peer, "a peer", RATIO, p99=True)
    assert (one.ours, one.peer) == (100, 200)


def test_sides_are_measured_in_turn_and_the_first_rounds_dropped() -> None:
    order: list[str] = []
    silent = Silent()

    def side(name: str) -> float:
        order.append(name)
        return len(order)

    turns = Turns(quick=False, progress=silent, what="sides")
    ours, peer = turns.alternate(2, lambda: side("a"), lambda: side("b"), unmeasured=1)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert (ours.values, peer.values) == ((3, 5), (4, 6))
    assert silent.steps == ["sides"] * 6


def test_what_got_worse_is_named_with_both_ratios() -> None:
    before = {(name, "a peer"): 1.0 for name in ("same", "worse", "better")}
    figures = [
        figure(120, 100, name="same"),
        figure(121, 100, name="worse"),
        figure(50, 100, name="better"),
        figure(500, 100, name="new"),
        reported("without a peer", "KiB", Samples([1])),
    ]
    (line,) = guard.worse(figures, before)
    assert line == "worse: 1.21× of a peer, was 1.00× (+21%)"
    gone = guard.worse(figures[:1] + figures[2:], before)
    assert gone == ["worse, a peer: not measured any more"]
    assert guard.worse(figures[:1] + figures[2:], before, whole=False) == []


def test_a_figure_with_two_peers_is_compared_with_each(tmp_path: Path) -> None:
    slow = compared("a figure", "ms", Samples([60]), Samples([300]), "a slow peer", RATIO)
    fast = replace(slow, peer=55.0, peer_name="a fast peer")
    path = tmp_path / "table.json"
    path.write_text(guard.as_json([slow, fast]), encoding="utf-8")
    before = guard.committed(path)
    (line,) = guard.worse([replace(slow, ours=240.0), fast], before)
    assert line == "a figure: 0.80× of a slow peer, was 0.20× (+300%)"
    path.write_text(guard.as_json([slow, slow]), encoding="utf-8")
    with pytest.raises(guard.TableUnreadable, match="twice"):
        guard.committed(path)


def test_everything_that_can_be_measured_is() -> None:
    listed = {measure.key for measure in bench.MEASURES}
    modules = {path.stem for path in Path(bench.__file__).parent.glob("*.py")} - {"measures"}
    found = {
        measure.key
        for name in modules
        if "MEASURES" in vars(module := importlib.import_module(f"tests.speed.{name}"))
        if name != "__main__"
        for measure in module.MEASURES
    }
    assert listed == found


def test_the_table_that_was_written_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(guard.as_json([figure(150, 100)], quick=True), encoding="utf-8")
    assert guard.committed(path) == {("a figure", "a peer"): 1.5}
    run = json.loads(path.read_text(encoding="utf-8"))
    (written,) = run["figures"]
    assert run["quick"] is True
    assert {
        "name": "a figure",
        "unit": "ms",
        "ours": 150,
        "peer": 100,
        "peer_name": "a peer",
        "ratio": 1.5,
        "goal": "≤ 1.25×",
        "met": False,
    }.items() <= written.items()


@pytest.mark.parametrize("text", [None, "", "[]", '{"figures": [{}]}'])
def test_a_table_that_is_none_is_said_to_be(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(guard.TableUnreadable, match=r"table\.json"):
        guard.committed(path)


def test_a_line_of_the_table() -> None:
    cells = table.row(
        compared("tail", "ms", Samples([1, 2.345, 30]), Samples([123.4]), "a peer", RATIO)
    )
    assert cells == (
        "tail",
        "2.35 ms (1.00 to 30.0)",
        "123 ms, a peer",
        "0.02×",
        "≤ 1.25×",
        "yes",
    )


def test_the_document_keeps_what_is_around_its_table() -> None:
    text = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    new = table.put_between_markers(text, table.as_markdown([figure(1, 2)]))
    assert new.startswith("before\n")
    assert new.endswith("\nafter\n")
    assert "old" not in new
    assert "| a figure | 1.00 ms | 2.00 ms, a peer | 0.50× | ≤ 1.25× | yes |  |" in new
    with pytest.raises(ValueError, match="begin"):
        table.put_between_markers("nothing", "table")


def test_what_was_measured_before_something_did_not_come_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(turns: Turns) -> Iterator[Figure]:
        yield figure(1, 1)
        raise NothingDrawn("nothing came")

    out = tmp_path / "figures.json"
    monkeypatch.setattr(bench, "MEASURES", (Measure("it", "what it is", run),))
    assert bench.main(["--json", str(out)]) == 1
    written = json.loads(out.read_text(encoding="utf-8"))
    assert [one["name"] for one in written["figures"]] == ["a figure"]
    assert list(written["seconds"]) == ["it"]
    assert "not measured: what it is: nothing came" in capsys.readouterr().out


def run_of(
    monkeypatch: pytest.MonkeyPatch, figures: list[Figure] | Exception, *arguments: str
) -> int:
    def run(turns: Turns) -> list[Figure]:
        if isinstance(figures, Exception):
            raise figures
        turns.progress.step("it")
        return figures

    monkeypatch.setattr(bench, "MEASURES", (Measure("it", "what it is", run),))
    return bench.main(arguments)


def test_what_the_measured_kiosk_lacks_is_in_no_kiosk() -> None:
    lock = (bench.DOCS.parent / "scripts/lock/kiosk.txt").read_text(encoding="utf-8")
    installed = {line.split("==")[0] for line in lock.splitlines() if "==" in line}
    assert "textual" in installed
    assert not installed & set(ONLY_FOR_TESTS)


def test_exit_codes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_of(monkeypatch, [figure(1, 1)]) == 0
    assert run_of(monkeypatch, [figure(2, 1)]) == 1
    assert "goal not met: a figure" in capsys.readouterr().out
    assert run_of(monkeypatch, NothingDrawn("nothing came")) == 1
    assert "not measured: what it is: nothing came" in capsys.readouterr().out
    for refused in (("--record", "--quick"), ("--record", "--only", "it"), ("--check", "--quick")):
        with pytest.raises(SystemExit) as ended:
            run_of(monkeypatch, [figure(1, 1)], *refused)
        assert ended.value.code == 2
    assert run_of(monkeypatch, PeerMissing("pkcs11-tool: apt-get install opensc")) == 2
    assert "pkcs11-tool: apt-get install opensc" in capsys.readouterr().err


def test_a_run_is_checked_and_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, page, out = tmp_path / "kept.json", tmp_path / "page.md", tmp_path / "out.json"
    monkeypatch.setattr(bench, "TABLE", kept)
    monkeypatch.setattr(bench, "PAGE", page)
    page.write_text(f"{table.BEGIN}\n{table.END}\n", encoding="utf-8")
    assert run_of(monkeypatch, [figure(1, 2)], "--check") == 2
    assert "--record" in capsys.readouterr().err
    assert run_of(monkeypatch, [figure(1, 2)], "--record", "--json", str(out)) == 0
    assert out.read_text(encoding="utf-8") == kept.read_text(encoding="utf-8")
    assert "a figure" in page.read_text(encoding="utf-8")
    assert run_of(monkeypatch, [figure(1.19, 2)], "--check") == 0
    assert run_of(monkeypatch, [figure(1.21, 2)], "--check") == 1
    assert "worse than the committed table: a figure" in capsys.readouterr().out
