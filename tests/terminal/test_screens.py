"""The screens in a real terminal, pixel by pixel.

Each screen is looked at once here. `scripts/screens` looks at every view in every language,
theme and size.
"""

from __future__ import annotations

import pytest

from kiosk.i18n import ALL, LANGUAGES
from tests.terminal.laboratory import Laboratory
from tests.terminal.review import Review, main_views

WITH_CODES = ["hotline", "sent", "sent, demo", "staff QR"]


@pytest.mark.timeout(300)
def test_every_screen_is_whole_on_a_real_terminal(lab: Laboratory) -> None:
    faults: dict[str, list[str]] = {}
    with Review(lab, 120, 34) as review:
        for name in main_views():
            seen = review.look(name, LANGUAGES[0], "light")
            if seen.faults:
                faults[name] = seen.faults
        faults_of_glyphs = review.glyph_faults()
    assert faults == {}
    assert faults_of_glyphs == []


@pytest.mark.parametrize("theme", ["dark", "contrast"])
def test_a_code_is_read_off_the_smallest_screen_in_every_theme(lab: Laboratory, theme: str) -> None:
    with Review(lab, 80, 25) as review:
        for name in WITH_CODES:
            assert review.look(name, LANGUAGES[0], theme).faults == [], name


def test_the_fonts_have_the_signs_of_every_language(lab: Laboratory) -> None:
    with Review(lab, 120, 34) as review:
        for language in ALL[1:]:
            for name in ("welcome", "consent", "hotline", "PIN wrong"):
                assert review.look(name, language, "light").faults == [], (language, name)
        assert review.glyph_faults() == []
