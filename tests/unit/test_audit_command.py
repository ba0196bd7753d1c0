"""`kiosk audit verify`, as a technician calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kiosk.audit import NAME, Journal
from kiosk.cli import main

SHIPPED = Path(__file__).parents[2] / "config"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("tokens.toml", "webmail.toml"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    path = tmp_path / "kiosk.toml"
    path.write_text(
        f'[kiosk]\nid = "k1"\nstate_directory = "{tmp_path}/state"\n'
        '[service]\nurl = "https://bhxh.example"\n'
    )
    return path


def verify(config: Path, *options: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["audit", "verify", "--config", str(config), *options])
    return int(str(ended.value.code))


def test_a_healed_line_is_told_and_a_changed_one_fails(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "state" / "audit" / NAME
    journal = Journal(file.parent)
    journal.append("started")
    journal.close()
    file.write_bytes(file.read_bytes() + b'{"seq"')
    assert verify(config) == 0
    assert "6 bytes at the end are no line yet" in capsys.readouterr().out
    Journal(file.parent).append("started")
    assert verify(config) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0] == f"{file.parent}: 3 lines, number 1 to 3"
    assert "line 2, " in told
    assert "6 bytes of a torn line were cut off" in told
    file.write_bytes(file.read_bytes().replace(b'"started"', b'"stopped"', 1))
    assert verify(config) == 1
    assert f"{NAME}, line 2: does not follow: line 2 after line 1" in capsys.readouterr().out
    assert verify(config, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["in_order"] is False
    assert report["found"]["faults"][0]["line"] == 2


def test_a_file_that_was_set_aside_is_told_and_fails(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "state" / "audit" / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(b"something else\n")
    Journal(file.parent).append("started")
    assert verify(config) == 1
    told = capsys.readouterr().out.splitlines()
    assert f"{NAME}, line 1: damaged-0000000001.jsonl was damaged and is set aside" in told
    assert "damaged-0000000001.jsonl, line 1: no record" in told


def test_without_a_state_directory_there_is_none(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text('[kiosk]\nid = "k1"\n[service]\nurl = "https://bhxh.example"\n')
    assert verify(config) == 2
    assert "kiosk.state_directory: found nothing, expected a folder" in capsys.readouterr().err


def test_a_journal_that_was_never_written_is_empty(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(config) == 0
    assert "0 lines" in capsys.readouterr().out
