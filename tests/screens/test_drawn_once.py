"""What the benchmark found to cost most is not done again: a screen is drawn whole once when it
comes, and what stays as it is, not at all."""

from __future__ import annotations

import pytest
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.screen import Screen

from kiosk.app import KioskApp
from kiosk.screens.username import UsernameScreen
from tests.screens.gallery import VIEWS
from tests.screens.test_note import screen_only


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The screens that were drawn whole."""
    names: list[str] = []
    display = App._display

    def noted(app: App[None], screen: Screen[None], update: object) -> None:
        if isinstance(update, LayoutUpdate):
            names.append(type(screen).__name__)
        display(app, screen, update)  # type: ignore[arg-type]

    monkeypatch.setattr(KioskApp, "_display", noted)
    return names


@pytest.mark.parametrize("size", [(80, 25), (120, 34)])
@pytest.mark.parametrize(
    "way",
    [("consent", "ConsentScreen"), ("username", "UsernameScreen"), ("sent", "SentScreen")],
    ids=lambda way: way[0],
)
async def test_a_new_screen_is_drawn_whole_once(
    way: tuple[str, str], size: tuple[int, int], drawn: list[str]
) -> None:
    name, screen = way
    app = screen_only()
    async with app.run_test(size=size) as pilot:
        app._show(VIEWS["welcome"])
        await pilot.pause()
        drawn.clear()
        app._show(VIEWS[name])
        await pilot.pause()
        await pilot.pause()
        assert drawn == [screen]


async def test_the_same_view_again_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out: list[str] = []
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        app._show(VIEWS["username"])
        await pilot.pause()
        monkeypatch.setattr(
            UsernameScreen,
            "_refresh_layout",
            lambda screen, *_args, **_options: laid_out.append(type(screen).__name__),
        )
        app.screen.show(VIEWS["username"])  # type: ignore[attr-defined]
        await pilot.pause()
        await pilot.press("a", "b", "backspace")
        await pilot.pause()
        assert laid_out == []


async def test_what_has_the_focus_is_drawn_and_not_the_whole_screen(drawn: list[str]) -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        app._show(VIEWS["consent"])
        await pilot.pause()
        await pilot.pause()
        drawn.clear()
        await pilot.press("tab")
        await pilot.pause()
        first = app.screen.focused
        await pilot.press("tab")
        await pilot.pause()
        assert first is not app.screen.focused
        assert drawn == []
