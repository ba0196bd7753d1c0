"""The measurement of many kiosks at once measures what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.__main__ import main
from tests.bench.kiosks import Result


def test_a_few_kiosks_get_one_mail_for_each_visit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert main(["kiosks", "--kiosks", "6", "--visits", "2", "--json", str(file)]) == 0
    assert "6 kiosks at once, 12 visits" in capsys.readouterr().out
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert (figures["orders"], figures["mails"], figures["double_mails"]) == (12, 12, 0)
    assert {one["name"]: one["count"] for one in figures["times"]} == dict.fromkeys(
        ("challenge", "proof", "confirm", "visit"), 12
    )


def test_an_error_or_a_mail_too_many_or_too_few_does_not_hold() -> None:
    good = Result(1, 3, 1.0, (), {}, 3, 3, 0)
    assert good.holds
    assert not replace(good, errors={"AnswerLost": 1}).holds
    assert not replace(good, mails=2).holds
    assert not replace(good, double_mails=1).holds
