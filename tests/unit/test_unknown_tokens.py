"""The list of tokens that are in no family."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kiosk.assembly import Settings
from kiosk.hardware.token import ModuleMissing
from kiosk.hardware.unknown_tokens import LINES_MAX, UnknownTokens

CONFIG = Path(__file__).parents[2] / "config"
ATR = bytes.fromhex("3B8001AA")
OTHER = bytes.fromhex("3B8001BB")


def test_an_atr_is_written_once_in_the_notation_of_the_token_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "unknown.txt"
    tokens = UnknownTokens(path)
    assert tokens.read() == []
    for atr in (ATR, OTHER, ATR):
        tokens.note(atr)
    # Another run of the kiosk goes on with the same file.
    UnknownTokens(path).note(ATR)
    assert path.read_text() == "3B 80 01 AA\n3B 80 01 BB\n"
    assert UnknownTokens(path).read() == ["3B 80 01 AA", "3B 80 01 BB"]


def test_a_mute_card_is_not_written_down(tmp_path: Path) -> None:
    UnknownTokens(tmp_path / "unknown.txt").note(b"")
    assert list(tmp_path.iterdir()) == []


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "unknown.txt"
    tokens = UnknownTokens(path)
    for number in range(LINES_MAX + 50):
        tokens.note(b"\x3b" + number.to_bytes(2))
    assert len(path.read_text().splitlines()) == LINES_MAX


@pytest.mark.parametrize("place", ["absent/unknown.txt", "folder"])
def test_a_file_that_cannot_be_written_is_a_warning_only(
    place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "folder").mkdir()
    with caplog.at_level(logging.WARNING):
        UnknownTokens(tmp_path / place).note(ATR)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "ATR 3B 80 01 AA was not written down" in caplog.text


def _settings(folder: Path, unknown: str) -> Settings:
    (folder / "webmail.toml").write_bytes((CONFIG / "webmail.toml").read_bytes())
    (folder / "tokens.toml").write_text(
        '[default]\nmodules = ["/nonexistent/default.so"]\n'
        '[family.known]\natr = ["3B 80 01 BB"]\nmodules = ["/nonexistent/known.so"]\n'
    )
    path = folder / "kiosk.toml"
    path.write_text(
        '[kiosk]\nid = "test"\n[service]\nurl = "http://127.0.0.1:9"\n'
        f'[hardware]\nunknown_tokens_file = "{unknown}"\n'
    )
    return Settings.load(path)


def _files(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def _insert(settings: Settings, atr: bytes, *, note_unknown: bool = True) -> None:
    driver = settings.driver(note_unknown=note_unknown)
    with pytest.raises(ModuleMissing):
        await driver.open("reader", atr)
    await driver.close()


async def test_a_kiosk_writes_down_tokens_of_no_family_beside_its_configuration(
    tmp_path: Path,
) -> None:
    settings = _settings(tmp_path, "unknown.txt")
    await _insert(settings, OTHER)
    assert not (tmp_path / "unknown.txt").exists()
    await _insert(settings, ATR, note_unknown=False)
    assert not (tmp_path / "unknown.txt").exists()
    await _insert(settings, ATR)
    # The ATR is all: no reader, no serial number, no time.
    assert (tmp_path / "unknown.txt").read_text() == "3B 80 01 AA\n"
    tokens = settings.unknown_tokens()
    assert tokens is not None
    assert tokens.read() == ["3B 80 01 AA"]


async def test_a_kiosk_writes_nothing_down_where_no_file_is_named(tmp_path: Path) -> None:
    settings = _settings(tmp_path, "")
    before = _files(tmp_path)
    await _insert(settings, ATR)
    assert settings.unknown_tokens() is None
    assert _files(tmp_path) == before
