"""A screen is not seen to jump: its first frame has the shape that it keeps."""

from __future__ import annotations

import pytest

from tests.screens.gallery import VIEWS, GalleryApp, screen_for

SHAPES = {"-short", "-regular", "-narrow", "-wide"}


@pytest.mark.parametrize("name", ["PIN", "sent", "staff health"])
@pytest.mark.parametrize("size", [(80, 25), (128, 33), (120, 34), (240, 67)])
async def test_the_first_layout_is_the_last(
    name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[frozenset[str]] = []
    screen = screen_for(VIEWS[name])
    before = type(screen)._compositor_refresh

    def noted(painted: object) -> None:
        if painted is screen:
            shapes.append(screen.classes)
        before(painted)  # type: ignore[arg-type]

    monkeypatch.setattr(type(screen), "_compositor_refresh", noted)
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await app.push_screen(screen)
        await pilot.pause()
        assert len(shapes) > 0
        assert {shape & SHAPES for shape in shapes} == {screen.classes & SHAPES}
