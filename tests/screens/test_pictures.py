"""Pictures move slowly, only where somebody sees it, and not for those who want no motion."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from kiosk.flow import Overlay
from kiosk.screens import screen_for
from kiosk.styles.tokens import PALETTES
from kiosk.view import View
from kiosk.widgets import drawings
from kiosk.widgets.blocks import doubled
from kiosk.widgets.drawings import Drawing
from kiosk.widgets.picture import Picture
from tests.screens.gallery import VIEWS, GalleryApp
from tests.terminal.pictures import lines_of, text_of

DRAWINGS = {name: one for name, one in vars(drawings).items() if isinstance(one, Drawing)}

MOVING = VIEWS["insert token"]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frames that were turned to, a hundred times as fast as a kiosk does."""
    turned: list[int] = []
    before = Picture._turn

    def noted(picture: Picture) -> None:
        before(picture)
        turned.append(picture._frame)

    monkeypatch.setattr(Picture, "_turn", noted)
    monkeypatch.setattr(Picture, "FRAME_TIME", 0.01)
    return turned


def test_no_picture_changes_more_often_than_once_a_second() -> None:
    assert Picture.FRAME_TIME >= 1.0


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_of_one_size_and_of_known_dots(name: str) -> None:
    for frame in DRAWINGS[name].frames:
        assert len(frame) == DRAWINGS[name].height
        assert {len(row) for row in frame} == {DRAWINGS[name].width}
        assert set("".join(frame)) <= set(".pbqhfao")


def test_twice_as_large_is_the_same_drawing() -> None:
    square = ("bbb.", "bbb.", "....")
    cut = doubled(square, goes_on=True)
    assert [row[:3] for row in cut[:4]] == ["bbb"] * 4
    assert cut[4] == "." * 8
    whole = doubled(square, goes_on=False)
    assert whole[0] == whole[3] == ".bbbb..."
    assert whole[1] == whole[2] == "bbbbbb.."
    stairs = doubled(("b...", "bb..", "bbb.", "bbbb"), goes_on=True)
    counts = [row.count("b") for row in stairs]
    assert counts == sorted(counts)
    assert len(set(counts)) > 4, "the slope has as many steps as before"


async def test_a_picture_moves_and_stands_still_under_another_screen(frames: list[int]) -> None:
    app = GalleryApp(MOVING)
    async with app.run_test(size=(120, 34)) as pilot:
        await until(lambda: set(frames) == {0, 1, 2, 3})
        await app.push_screen(screen_for(replace(MOVING, overlay=Overlay.TIME_OUT, countdown=30)))
        await pilot.pause()
        seen = len(frames)
        await until(lambda: len(frames) >= seen + 5)
        assert len(set(frames[seen + 1 :])) == 1


async def test_where_there_is_no_room_nothing_is_drawn(frames: list[int]) -> None:
    app = GalleryApp(MOVING)
    async with app.run_test(size=(80, 16)):
        await until(lambda: len(frames) >= 5)
        assert set(frames) == {0}
        assert app.screen.query_one(Picture).scale == 0
        assert "▀" not in "".join(text_of(app))


@pytest.mark.parametrize(
    "view", [replace(MOVING, reduced_motion=True), VIEWS["goodbye"]], ids=["reduced", "one frame"]
)
async def test_what_stands_still_has_no_clock(
    view: View, frames: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Picture, "set_interval", lambda *_: pytest.fail("a clock was started"))
    app = GalleryApp(view)
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.pause()
        assert "▀" in "".join(text_of(app))
        app.journey_screen.show(replace(view, language="en"))
        await pilot.pause()
        assert frames == []


@pytest.mark.parametrize("theme", PALETTES)
async def test_a_picture_has_the_colours_of_its_theme(theme: str) -> None:
    app = GalleryApp(replace(MOVING, theme=theme, reduced_motion=True))
    async with app.run_test(size=(120, 34)) as pilot:
        await pilot.pause()
        region = app.screen.query_one(Picture).region
        drawn = {
            style.color.name
            for line in lines_of(app)[region.y : region.bottom]
            for text, style, _ in line
            if "▀" in text
        }
    palette = PALETTES[theme]
    assert {palette.brand, palette.paper} <= drawn
    allowed = (palette.brand, palette.paper, palette.quiet, palette.heading, palette.focus)
    assert drawn <= set(allowed)


@pytest.mark.parametrize(("size", "scale"), [((80, 25), 1), ((120, 34), 2)])
async def test_a_picture_is_as_large_as_the_room_allows(size: tuple[int, int], scale: int) -> None:
    app = GalleryApp(replace(MOVING, reduced_motion=True))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert app.screen.query_one(Picture).scale == scale
