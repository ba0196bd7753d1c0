"""The design's tokens: every colour and every distance that the style sheets name.

A colour is named after what it is for, never after how it looks, so that a theme is a column of
values and nothing else. The tests compute the contrast of each pair that meets on a screen
(WCAG 2.2, 1.4.3, 1.4.6 and 1.4.11).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import asdict
from textual.theme import Theme


class Palette(msgspec.Struct, frozen=True):
    """The colours of one theme."""

    page: str
    """Around the sheet, where a screen is larger than it."""
    paper: str
    """The sheet that everything stands on."""
    ink: str
    """Words."""
    heading: str
    """What a screen is about."""
    quiet: str
    """Words that matter less."""
    alarm: str
    """The heading of what went wrong."""
    rule: str
    """Lines that part things and say nothing."""
    brand: str
    """VNPT's blue: frames of buttons and fields."""
    band: str
    """The head of every screen, badges, the number to call."""
    on_band: str
    band_low: str
    """The steps under the head, and keys that are not letters."""
    action: str
    """The one button that leads on."""
    on_action: str
    button: str
    """Other buttons."""
    on_button: str
    focus: str
    """Where the focus is, and what must not be overlooked."""
    on_focus: str
    field: str
    """Where something is typed, while it is typed."""
    key: str
    """A key on the screen that is one row high; taller ones are drawn in outline."""
    foot: str
    """The line that names the keys."""
    on_foot: str
    ok: str
    on_ok: str
    fault: str
    on_fault: str
    strip: str = "#2b2b2b"
    """The demonstration's own strip, which is no part of the kiosk, and its keys."""
    on_strip: str = "#ffffff"
    strip_key: str = "#4a4a4a"


LIGHT = Palette(
    page="#e9f1f8",
    paper="#ffffff",
    ink="#0b2239",
    heading="#00437a",
    quiet="#344b60",
    alarm="#a4161a",
    rule="#9cc3e4",
    brand="#0066b3",
    band="#005a9e",
    on_band="#ffffff",
    band_low="#00437a",
    action="#005a9e",
    on_action="#ffffff",
    button="#ffffff",
    on_button="#00437a",
    focus="#ffd34d",
    on_focus="#0b2239",
    field="#fff8df",
    key="#dce9f4",
    foot="#cfe0ee",
    on_foot="#0b2239",
    ok="#14582f",
    on_ok="#ffffff",
    fault="#a4161a",
    on_fault="#ffffff",
)

DARK = Palette(
    page="#06111c",
    paper="#0c1f31",
    ink="#eaf3fb",
    heading="#a9d4ff",
    quiet="#b4c6d8",
    alarm="#ffb4ab",
    rule="#34587a",
    brand="#5aa7e6",
    band="#0a4a80",
    on_band="#ffffff",
    band_low="#08365e",
    action="#8cc6ff",
    on_action="#06111c",
    button="#0c1f31",
    on_button="#cfe6fb",
    focus="#ffd34d",
    on_focus="#06111c",
    field="#122c45",
    key="#1c3c5a",
    foot="#12304b",
    on_foot="#eaf3fb",
    ok="#9be3b4",
    on_ok="#06111c",
    fault="#ffb4ab",
    on_fault="#06111c",
)

CONTRAST = Palette(
    page="#000000",
    paper="#000000",
    ink="#ffffff",
    heading="#ffffff",
    quiet="#ffffff",
    alarm="#ffff00",
    rule="#ffffff",
    brand="#ffffff",
    band="#000000",
    on_band="#ffffff",
    band_low="#000000",
    action="#ffffff",
    on_action="#000000",
    button="#000000",
    on_button="#ffffff",
    focus="#ffff00",
    on_focus="#000000",
    field="#000000",
    key="#333333",
    foot="#000000",
    on_foot="#ffffff",
    ok="#ffffff",
    on_ok="#000000",
    fault="#ffff00",
    on_fault="#000000",
)

PALETTES: Mapping[str, Palette] = {"light": LIGHT, "dark": DARK, "contrast": CONTRAST}
"""By the name that the configuration uses."""

WORDS_ON: tuple[tuple[str, str], ...] = (
    *(("ink", "paper"), ("heading", "paper"), ("quiet", "paper"), ("alarm", "paper")),
    *(("ink", "page"), ("quiet", "page"), ("ink", "field"), ("ink", "key")),
    *(("on_band", "band"), ("on_band", "band_low"), ("on_action", "action")),
    *(("on_button", "button"), ("on_focus", "focus"), ("on_foot", "foot"), ("foot", "on_foot")),
    *(("on_strip", "strip"), ("on_strip", "strip_key")),
    *(("on_ok", "ok"), ("on_fault", "fault"), ("band_low", "on_band")),
)
"""Words and what they stand on."""

LINES_ON: tuple[tuple[str, str], ...] = (
    *(("brand", "paper"), ("brand", "button"), ("action", "paper"), ("on_focus", "focus")),
    *(("ink", "field"), ("on_band", "band")),
)
"""Frames that tell what can be pressed or typed in, and what is around them."""

SPACING: Mapping[str, int] = {
    "gap": 1,
    "edge": 2,
    "inset": 4,
    "target-rows": 3,
    "target-columns": 16,
    "stage-columns": 124,
    "stage-rows": 36,
    "line-columns": 84,
}
"""Rows and columns: between two things, inside a frame, from the sheet's edge; the least size of
what a finger shall hit; the largest sheet; the longest line of words."""

SENTENCE_SCREEN = (48, 7)
"""Columns and rows from which a screen that is too small says so in whole sentences; below, only
what fits 20×5."""

SMALLEST_SCREEN = (80, 25)
"""Columns and rows in which every screen has room for all its words."""

WIDE_SCREEN = 110
"""Columns from which a screen has room for what is nice."""

MEDIUM_SCREEN = 28
"""Rows from which the head and its buttons have their full height."""

TALL_SCREEN = 34
"""Rows from which keys on the screen are three rows high and pictures are drawn."""

LARGE_SCREEN = 48
"""Rows from which keys on the screen are five rows high."""

VAST_SCREEN = (160, 48)
"""Columns and rows from which the sheet and its distances are larger."""

TWICE_SCREEN = (180, 56)
"""Columns and rows from which each square of large words and pictures is drawn twice across and
down."""


def theme_name(name: str) -> str:
    """Return what Textual knows a palette as."""
    return f"kiosk-{name}"


def themes() -> list[Theme]:
    """Make Textual's themes of the palettes."""
    distances = {name: str(value) for name, value in SPACING.items()}
    return [
        Theme(
            name=theme_name(name),
            primary=palette.action,
            foreground=palette.ink,
            background=palette.page,
            surface=palette.paper,
            dark=palette is not LIGHT,
            variables={
                **{role.replace("_", "-"): colour for role, colour in asdict(palette).items()},
                **distances,
            },
        )
        for name, palette in PALETTES.items()
    ]
