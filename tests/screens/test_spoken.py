"""What is read aloud of each screen, for somebody who only hears it."""

from __future__ import annotations

import re

from msgspec.structs import replace

from kiosk.flow import Overlay, State
from kiosk.i18n import translator
from kiosk.screens import screen_for
from kiosk.screens.hotline import WAYS
from kiosk.speech.reading import invitation, lines
from kiosk.view import Printing
from tests.screens.gallery import SUPPORT, VIEWS, GalleryApp

t = translator("vi")

FOR_CUSTOMERS = {
    name: view
    for name, view in VIEWS.items()
    if "STAFF" not in view.state.name and (not name.startswith("problem ") or name == "problem C02")
}
"""The screens of the problems differ in their words only."""

NUMBER = "1 8 0 0, 1 2 6 0"


async def test_no_number_is_heard_that_is_not_a_key_and_no_sign_without_words() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(120, 34)) as pilot:
        for name, view in FOR_CUSTOMERS.items():
            await app.switch_screen(screen_for(view))
            await pilot.pause()
            screen = app.journey_screen
            said = [*lines(screen), *invitation(screen)]
            heard = {int(found[1]) for line in said if (found := re.match(r"(\d+):", line))}
            assert heard <= set(screen.digits()), name
            if view.state in (State.PIN, State.USERNAME) and view.overlay is Overlay.NONE:
                assert not heard, name
            assert not [line for line in said if line.startswith((":", "x ", ","))], name


async def test_the_number_to_call_is_heard_wherever_it_is_drawn() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(120, 34)) as pilot:
        for name in ("hotline", "out of service", "closed", "staff call, failed"):
            await app.switch_screen(screen_for(VIEWS[name]))
            await pilot.pause()
            assert f"{NUMBER}." in lines(app.journey_screen), name


async def test_of_the_hotline_the_outcome_on_paper_and_the_chosen_way_are_heard() -> None:
    view = replace(VIEWS["hotline"], support=SUPPORT, printer=Printing.READY)
    app = GalleryApp(view)
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.pause()
        screen = app.journey_screen
        assert not any(t(way.scan) in line for way in WAYS.values() for line in lines(screen))
        screen.show(replace(view, printer=Printing.PRINTED))
        assert any(t("hotline.printed").rstrip(".") in line for line in lines(screen))
        await pilot.click("#way-email")
        await pilot.pause()
        assert "hotro a còng example chấm vn." in lines(screen)
