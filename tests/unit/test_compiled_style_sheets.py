"""Style sheets that were read beforehand say what the sheets say, or nothing."""

import pickle
from pathlib import Path

import pytest
from textual.app import App
from textual.css.stylesheet import Stylesheet

from kiosk.app import KioskApp
from kiosk.styles import STYLE_SHEETS, compiled
from kiosk.styles.compiled import CompiledStylesheet, compile_style_sheets
from kiosk.styles.tokens import PALETTES, theme_name, themes


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


def read_anew(sheet: Stylesheet, monkeypatch: pytest.MonkeyPatch) -> int:
    """Read all sheets; how many of them Textual had to parse."""
    parsed = []
    parse = Stylesheet._parse_rules

    def parse_noted(*arguments: object, **named: object) -> object:
        parsed.append(arguments)
        return parse(*arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_noted)
        sheet.read_all(STYLE_SHEETS)
        sheet.parse()
    return len(parsed)


@pytest.mark.parametrize("palette", PALETTES)
def test_they_are_the_rules_of_the_sheets(palette: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_style_sheets()
    plain, quick = (kind(variables=values(palette)) for kind in (Stylesheet, CompiledStylesheet))
    assert read_anew(plain, monkeypatch) == len(STYLE_SHEETS)
    assert read_anew(quick, monkeypatch) == 0
    assert len(plain.rules) > 100
    for expected, found in zip(plain.rules, quick.rules, strict=True):
        assert found.css == expected.css
        assert found.styles._rules == expected.styles._rules
        assert found.styles.important == expected.styles.important
        assert found.selector_names == expected.selector_names
        assert found.pseudo_classes == expected.pseudo_classes
        assert found.selector_set == expected.selector_set


def test_a_change_of_theme_takes_that_themes_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_style_sheets()
    sheet = CompiledStylesheet(variables=values("light"))
    sheet.set_variables(values("contrast"))
    assert read_anew(sheet, monkeypatch) == 0
    plain = Stylesheet(variables=values("contrast"))
    read_anew(plain, monkeypatch)
    assert sheet.css == plain.css


def test_a_sheet_that_was_changed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_style_sheets()
    changed = tmp_path / "frame.tcss"
    changed.write_text(STYLE_SHEETS[0].read_text(encoding="utf-8") + "\n#page { height: 3; }\n")
    monkeypatch.setattr(f"{__name__}.STYLE_SHEETS", [changed, *STYLE_SHEETS[1:]])
    sheet = CompiledStylesheet(variables=values("light"))
    assert read_anew(sheet, monkeypatch) == 1
    assert sheet.rules_map["#page"][-1].css.endswith("height: 3;\n}")


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "no pickle", "other values"])
def test_what_does_not_fit_is_passed_over(
    damage: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    sheet = CompiledStylesheet(variables=variables)
    assert read_anew(sheet, monkeypatch) == len(STYLE_SHEETS)


@pytest.mark.parametrize("name", ["textual-0.1.dist-info", ""])
def test_those_of_another_textual_are_passed_over(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "_textual", lambda: name)
        compile_style_sheets()
    sheet = CompiledStylesheet(variables=values("light"))
    assert read_anew(sheet, monkeypatch) == len(STYLE_SHEETS)


def test_old_ones_are_taken_away(folder: Path) -> None:
    (folder / "00000000.rules").write_bytes(b"")
    written = compile_style_sheets()
    assert sorted(folder.glob("*.rules")) == sorted(written)
    assert len(written) == len(PALETTES)


def test_the_kiosk_takes_them() -> None:
    app = KioskApp(lambda _show, _crash: _NoController(), lambda: None)  # type: ignore[arg-type,return-value]
    assert isinstance(app.stylesheet, CompiledStylesheet)


class _NoController:
    leave = None
