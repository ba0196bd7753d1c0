"""Every key and every touch says that somebody is there, whatever the screen makes of it."""

from __future__ import annotations

import pytest
from textual import events

from tests.screens.gallery import VIEWS
from tests.screens.test_note import screen_only


@pytest.mark.parametrize("size", [(120, 34), (60, 20)], ids=["in use", "too small"])
async def test_any_key_or_touch_extends_the_time(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = screen_only()
    touched: list[None] = []
    monkeypatch.setattr(app.controller, "touched", lambda: touched.append(None))
    async with app.run_test(size=size) as pilot:
        app._show(VIEWS["PIN"])
        await pilot.pause()
        for key in ("7", "f9", "escape", "tab", "home", "ế"):
            touched.clear()
            await pilot.press(key)
            assert touched, key
        for touch in (events.MouseDown, events.MouseScrollDown, events.MouseScrollUp):
            touched.clear()
            app.post_message(touch(None, 3, 3, 0, 0, 1, False, False, False))
            await pilot.pause()
            assert touched, touch
        VIEWS["PIN"].pin.release()


async def test_a_key_at_the_very_end_is_no_crash() -> None:
    """What is still in the queue when the screens have gone, and what is still to be drawn."""
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.pause()
    assert not app.screen_stack
    for event in (events.Key("x", "x"), events.Paste("x")):
        await app.on_event(event)
    app._show(VIEWS["PIN"])
    await app._draw()
    assert not app.crash_report
