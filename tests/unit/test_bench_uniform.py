"""The measurement of `no_match`: that it measures, and that it would notice."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from kiosk.sandbox.server.store import Store, StoredAccount
from tests.bench.__main__ import main


def test_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    code = main(["uniform", "--calls", "5", "--json", str(file)])
    figures = json.loads(file.read_text(encoding="utf-8"))
    # Five calls say little about the time, but all about the shape.
    assert figures["same_shape"]
    assert code == (0 if figures["holds"] else 1)
    assert [kind["calls"] for kind in figures["kinds"]] == [5, 5]
    assert "medians differ by" in capsys.readouterr().out


def test_a_difference_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Store.account

    def slow_for_those_that_are_there(store: Store, username: str) -> StoredAccount | None:
        account = found(store, username)
        if account:
            time.sleep(0.05)
        return account

    monkeypatch.setattr(Store, "account", slow_for_those_that_are_there)
    assert main(["uniform", "--calls", "5"]) == 1
    assert "medians differ by" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["uniform", "--calls", "1"], ["else"], []])
def test_bad_arguments(arguments: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
