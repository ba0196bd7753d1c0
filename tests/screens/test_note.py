"""A note lies over the journey until somebody closes it, or the journey goes on."""

from __future__ import annotations

from kiosk.app import KioskApp
from kiosk.config import Config, KioskSection, ServiceSection
from kiosk.controller import Controller
from kiosk.effects import Tools
from kiosk.flow import Started
from kiosk.sandbox.embedded import EmbeddedReader
from kiosk.screens.consent import ConsentScreen
from kiosk.screens.note import NoteScreen
from kiosk.screens.welcome import WelcomeScreen
from tests.terminal.pictures import text_of


class ScreenOnly(KioskApp):
    """A kiosk on which nothing works but the screen."""

    def _begin(self) -> None:
        """Nothing is loaded, and no reader watched."""


def _no_tools() -> Tools:
    raise AssertionError("nothing is loaded")


def screen_only() -> ScreenOnly:
    config = Config(kiosk=KioskSection(id="test"), service=ServiceSection(url="https://x.example"))
    return ScreenOnly(
        lambda show, crash: Controller(config, EmbeddedReader(), show, crash), _no_tools
    )


async def test_a_note_stays_while_what_is_below_changes() -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.pause()
        app.show_note("Mật khẩu mới")
        await pilot.pause()
        for _ in range(3):
            app.controller.refresh()
            await pilot.pause()
        app.controller.toggle_language()
        await pilot.pause()
        assert isinstance(app.screen, NoteScreen)
        await pilot.press("x")
        await pilot.pause()
        assert isinstance(app.screen, WelcomeScreen)
        assert "Start" in "\n".join(text_of(app)), "what changed below is shown"


async def test_a_note_goes_when_the_journey_goes_on() -> None:
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.pause()
        app.show_note("Mật khẩu mới")
        await pilot.pause()
        app.controller.dispatch(Started())
        await pilot.pause()
        assert isinstance(app.screen, ConsentScreen)
        assert not any(isinstance(one, NoteScreen) for one in app.screen_stack)
