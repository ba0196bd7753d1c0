"""Each screen as it was when somebody looked at it last (pytest-textual-snapshot).

After a change that is meant: look at `snapshot_report.html`, then run the test with
`--snapshot-update` and commit the new pictures with the change.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from kiosk.flow import Overlay, State
from tests.screens.gallery import VIEWS, GalleryApp, typed

Compare = Callable[..., bool]

KEPT = [
    name
    for name in VIEWS
    if not name.startswith("problem ") or name in ("problem C02", "problem T02")
]
"""All problems but two have the same screen with other words."""

THEMED = [
    *("welcome", "consent", "choose case", "hotline, all ways", "insert token", "username", "PIN"),
    *("confirm", "sent", "problem C02", "time-out", "staff call"),
]
"""The screens that most people meet."""


DOTS = {name: len(view.pin) for name, view in VIEWS.items()}
"""How much of a PIN is typed: other tests type into the gallery's."""


def app(name: str, **changes: object) -> GalleryApp:
    """The view of this name with nothing that moves by itself."""
    return GalleryApp(replace(VIEWS[name], pin=typed(DOTS[name]), reduced_motion=True, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", KEPT)
def test_the_screen_looks_as_it_did(snap_compare: Compare, name: str) -> None:
    assert snap_compare(app(name), terminal_size=(120, 34))


@pytest.mark.parametrize("theme", ["dark", "contrast"])
@pytest.mark.parametrize("name", THEMED)
def test_the_theme_looks_as_it_did(snap_compare: Compare, name: str, theme: str) -> None:
    assert snap_compare(app(name, theme=theme), terminal_size=(120, 34))


@pytest.mark.parametrize("name", THEMED)
def test_the_small_screen_looks_as_it_did(snap_compare: Compare, name: str) -> None:
    english = app(name, language="en", next_language="vi")
    assert snap_compare(english, terminal_size=(80, 25))


def test_every_state_and_overlay_is_kept() -> None:
    assert {VIEWS[name].state for name in KEPT} == set(State)
    assert {VIEWS[name].overlay for name in KEPT} == set(Overlay)
