"""Style sheets that were read beforehand say what the sheets say, or nothing."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation

from kiosk.styles import STYLE_SHEETS, compiled
from kiosk.styles.compiled import CompiledStylesheet, compile_style_sheets
from kiosk.styles.tokens import PALETTES, theme_name, themes
from tests.screens.gallery import VIEWS
from tests.unit.test_memory import app

NAMES = [path.stem for path in STYLE_SHEETS]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they are for one test."""
    monkeypatch.setattr(compiled, "_FOLDER", tmp_path)
    return tmp_path


def values(palette: str) -> dict[str, str]:
    app: App[None] = App()
    for theme in themes():
        app.register_theme(theme)
    app.theme = theme_name(palette)
    return app.get_css_variables()


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sheets that Textual had to parse, those of its own widgets left out."""
    found: list[str] = []
    parse = Stylesheet._parse_rules

    def note(sheet: Stylesheet, css: str, read_from: CSSLocation, *more: Any, **named: Any) -> Any:
        if not read_from[1]:
            found.append(Path(read_from[0]).stem)
        return parse(sheet, css, read_from, *more, **named)

    monkeypatch.setattr(Stylesheet, "_parse_rules", note)
    return found


def sheet_of(kind: type[Stylesheet], palette: str = "light") -> Stylesheet:
    """Read them all, as the kiosk does."""
    sheet = kind()
    sheet.set_variables(values(palette))
    sheet.read_all(STYLE_SHEETS)
    sheet.parse()
    return sheet


@pytest.mark.parametrize("palette", PALETTES)
def test_they_are_the_rules_of_the_sheets(palette: str, parsed: list[str]) -> None:
    compile_style_sheets()
    parsed.clear()
    quick = sheet_of(CompiledStylesheet, palette)
    assert parsed == []
    plain = sheet_of(Stylesheet, palette)
    assert parsed == NAMES
    assert len(plain.rules) > 100
    assert quick.css == plain.css
    assert quick.rules == plain.rules


def test_a_change_of_theme_takes_that_themes_rules(parsed: list[str]) -> None:
    compile_style_sheets()
    sheet = sheet_of(CompiledStylesheet)
    sheet.set_variables(values("contrast"))
    parsed.clear()
    sheet.reparse()
    assert parsed == []
    assert sheet.css == sheet_of(Stylesheet, "contrast").css


def test_a_change_of_theme_without_them_reads_the_sheets(parsed: list[str]) -> None:
    sheet = sheet_of(CompiledStylesheet)
    sheet.set_variables(values("contrast"))
    parsed.clear()
    sheet.reparse()
    assert parsed == NAMES
    assert sheet.css == sheet_of(Stylesheet, "contrast").css


def test_a_sheet_that_was_changed_is_read(
    tmp_path: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_style_sheets()
    changed = tmp_path / "frame.tcss"
    changed.write_text(STYLE_SHEETS[0].read_text(encoding="utf-8") + "\n#page { height: 3; }\n")
    monkeypatch.setattr(f"{__name__}.STYLE_SHEETS", [changed, *STYLE_SHEETS[1:]])
    parsed.clear()
    sheet = sheet_of(CompiledStylesheet)
    assert parsed == ["frame"]
    assert sheet.rules_map["#page"][-1].css.endswith("height: 3;\n}")


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "no pickle", "other values"])
def test_what_does_not_fit_is_passed_over(damage: str, parsed: list[str]) -> None:
    variables = values("light")
    compile_style_sheets()
    path = compiled._path(variables)
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "other values":
        made_by, _, rules = pickle.loads(whole)  # noqa: S301 - Made just above.
        path.write_bytes(pickle.dumps((made_by, {**variables, "ink": "#010203"}, rules)))
    else:
        path.write_bytes({"empty": b"", "cut": whole[:-400], "no pickle": b"rules"}[damage])
    parsed.clear()
    sheet_of(CompiledStylesheet)
    assert parsed == NAMES


@pytest.mark.parametrize(("then", "now"), [("textual-0.1.dist-info", None), ("", "")])
def test_those_of_another_textual_are_passed_over(
    then: str, now: str | None, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor are those of one that cannot be told from another."""
    present = compiled._textual() if now is None else now
    monkeypatch.setattr(compiled, "_textual", lambda: then)
    compile_style_sheets()
    monkeypatch.setattr(compiled, "_textual", lambda: present)
    parsed.clear()
    sheet_of(CompiledStylesheet)
    assert parsed == NAMES


def test_old_ones_are_taken_away(folder: Path) -> None:
    (folder / "00000000.compiled").write_bytes(b"")
    written = compile_style_sheets()
    assert sorted(folder.glob("*.compiled")) == sorted(written)
    assert len(written) == len(PALETTES)


def test_the_same_sheets_make_the_same_files(folder: Path) -> None:
    """If sets have the same order, as where the package is built."""

    def made() -> dict[str, bytes]:
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        program = "import pathlib, sys; from kiosk.styles import compiled; "
        program += "compiled._FOLDER = pathlib.Path(sys.argv[1]); compiled.compile_style_sheets()"
        command = [sys.executable, "-c", program, str(folder)]
        subprocess.run(command, env=environment, check=True)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    assert made() == made()


async def test_the_kiosk_takes_them(parsed: list[str]) -> None:
    compile_style_sheets()
    parsed.clear()
    kiosk = app(alone=False)
    async with kiosk.run_test(size=(120, 34)) as pilot:
        await pilot.pause()
        kiosk._show(replace(VIEWS["welcome"], theme="contrast"))
        while kiosk.theme != theme_name("contrast"):
            await pilot.pause(0.01)
        await pilot.pause()
    assert parsed == []
