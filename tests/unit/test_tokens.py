"""The palettes' contrasts, computed as WCAG 2.2 defines them (1.4.3, 1.4.6, 1.4.11)."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import asdict
from textual.color import Color

from kiosk.styles import STYLE_SHEETS
from kiosk.styles.tokens import LINES_ON, PALETTES, SPACING, WORDS_ON, Palette, themes

AAA_TEXT = 7.0
AA_LINES = 3.0


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2, definition of terms)."""
    parts = [value / 255 for value in Color.parse(colour).rgb]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_gives_the_known_values() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize(("words", "ground"), WORDS_ON)
def test_words_can_be_read(name: str, words: str, ground: str) -> None:
    palette = asdict(PALETTES[name])
    assert contrast(palette[words], palette[ground]) >= AAA_TEXT


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize(("line", "ground"), LINES_ON)
def test_frames_can_be_seen(name: str, line: str, ground: str) -> None:
    palette = asdict(PALETTES[name])
    assert contrast(palette[line], palette[ground]) >= AA_LINES


def test_every_colour_of_words_is_judged() -> None:
    judged = {role for pair in (*WORDS_ON, *LINES_ON) for role in pair}
    assert set(asdict(PALETTES["light"])) - judged == {"rule"}


def test_the_style_sheets_name_no_colour_of_their_own() -> None:
    known = {role.replace("_", "-") for role in Palette.__struct_fields__} | set(SPACING)
    for sheet in STYLE_SHEETS:
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        assert not re.search(r":[^{};]*#[0-9a-fA-F]{3,8}\s*;", text), sheet.name
        assert set(re.findall(r"\$([a-z-]+)", text)) <= known, sheet.name


def test_every_theme_gives_every_token() -> None:
    given = [set(theme.variables) for theme in themes()]
    assert all(one == given[0] for one in given)
