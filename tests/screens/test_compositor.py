"""What is drawn sparingly leaves on the terminal what Textual would, drawing everything."""

from __future__ import annotations

import pyte
import pytest
from msgspec.structs import replace
from textual._compositor import Compositor, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.containers import VerticalScroll
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from kiosk.app import KioskApp
from kiosk.i18n import ALL
from kiosk.screens.compositor import SparingCompositor
from kiosk.view import View
from kiosk.widgets.drawn import Words
from tests.screens.gallery import VIEWS
from tests.screens.test_note import ScreenOnly, screen_only

SIZES = [(80, 25), (120, 34)]


class Paper:
    """An emulated terminal."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._screen = pyte.Screen(*app.size)
        self._stream = pyte.Stream(self._screen)
        self.whole = self.pieces = 0
        """Updates that were the whole screen, and those that were a part of it."""

    def draw(self, update: CompositorUpdate) -> None:
        """Do as a terminal does, which begins each line at its left edge."""
        if isinstance(update, LayoutUpdate):
            self.whole += 1
        else:
            self.pieces += 1
        self._stream.feed(update.render_segments(self._app.console).replace("\n", "\r\n"))

    @property
    def cells(self) -> list[list[pyte.screens.Char]]:
        """Letters with their colours."""
        columns, lines = self._screen.columns, self._screen.lines
        return [[self._screen.buffer[y][x] for x in range(columns)] for y in range(lines)]


@pytest.fixture
def papers(monkeypatch: pytest.MonkeyPatch) -> list[Paper]:
    """The terminal of the app, once something has been drawn."""
    kept: list[Paper] = []
    display = App._display

    def noted(app: App[None], screen: Screen[None], update: object) -> None:
        if isinstance(update, CompositorUpdate) and not app._batch_count:
            if not kept:
                kept.append(Paper(app))
            kept[0].draw(update)
        display(app, screen, update)  # type: ignore[arg-type]

    monkeypatch.setattr(KioskApp, "_display", noted)
    return kept


async def _at_rest(app: KioskApp, pilot: Pilot[None]) -> None:
    while app._shown is not app._wanted:
        # A busy screen is not shown before there is something to wait for.
        await pilot.pause(0.01)
    for _ in range(3):
        await pilot.pause(0.02)


def _anew(app: KioskApp) -> Paper:
    """As Textual draws it."""
    paper = Paper(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SparingCompositor, "_get_renders", Compositor._get_renders)
        paper.draw(app.screen._compositor.render_full_update())
    return paper


async def _compare(app: KioskApp, pilot: Pilot[None], papers: list[Paper], after: str) -> None:
    await _at_rest(app, pilot)
    shown, expected = papers[0].cells, _anew(app).cells
    wrong = [
        y for y, (line, right) in enumerate(zip(shown, expected, strict=True)) if line != right
    ]
    told = [
        ("".join(one.data for one in shown[y]), "".join(one.data for one in expected[y]))
        for y in wrong
    ]
    assert not wrong, f"after {after}: {told}"


async def _draw_all_again(app: KioskApp, pilot: Pilot[None], papers: list[Paper]) -> None:
    """Nothing of what widgets have kept is used; and nothing looks different."""
    before = papers[0].cells
    for widget in app.screen.walk_children(Widget):
        widget.refresh()
    await _at_rest(app, pilot)
    assert papers[0].cells == before


async def _begin(app: ScreenOnly, pilot: Pilot[None], papers: list[Paper], view: View) -> None:
    app._show(view)
    await _at_rest(app, pilot)
    await _compare(app, pilot, papers, "its first drawing")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["welcome", "verifying", "PIN", "confirm", "sent", "hotline"])
async def test_another_language(name: str, size: tuple[int, int], papers: list[Paper]) -> None:
    app = screen_only()
    async with app.run_test(size=size) as pilot:
        await _begin(app, pilot, papers, VIEWS[name])
        for language in (*ALL, "vi"):
            app._show(replace(VIEWS[name], language=language, reduced_motion=True))
            await _compare(app, pilot, papers, language)
        await _draw_all_again(app, pilot, papers)


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_typed(size: tuple[int, int], papers: list[Paper]) -> None:
    app = screen_only()
    async with app.run_test(size=size) as pilot:
        await _begin(app, pilot, papers, VIEWS["username"])
        before = papers[0].whole
        for key in (
            *"hoa.sen",
            "left",
            "backspace",
            "home",
            "x",
            "delete",
            "tab",
            "tab",
            "shift+tab",
        ):
            await pilot.press(key)
            await _compare(app, pilot, papers, key)
        assert papers[0].whole == before
        assert papers[0].pieces > 9
        await _draw_all_again(app, pilot, papers)


@pytest.mark.parametrize("size", [*SIZES, (240, 67)])
@pytest.mark.parametrize("name", VIEWS)
async def test_every_screen(name: str, size: tuple[int, int], papers: list[Paper]) -> None:
    app = screen_only()
    async with app.run_test(size=size) as pilot:
        await _begin(app, pilot, papers, replace(VIEWS[name], reduced_motion=True))
        assert papers[0].whole


async def test_what_is_covered_is_not_drawn(
    papers: list[Paper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by one widget, nor by two beside each other."""
    drawn: list[str | None] = []
    render_lines = Widget.render_lines

    def noted(widget: Widget, crop: Region) -> list[Strip]:
        drawn.append(widget.id)
        return render_lines(widget, crop)

    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await _begin(app, pilot, papers, VIEWS["welcome"])
        monkeypatch.setattr(Widget, "render_lines", noted)
        app.screen._compositor.render_full_update()
        covered = {"poster", "body", "middle", "page"}
        assert covered <= {one.id for one in app.screen._compositor.visible_widgets}
        assert {"hero", "guide", "stage"} <= set(drawn)
        assert not covered & set(drawn)


async def test_what_is_left_open_is_seen_through(
    papers: list[Paper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A widget that draws fewer lines than it has room for does not end the kiosk."""
    render_lines = Words.render_lines

    def short(widget: Words, crop: Region) -> list[Strip]:
        return render_lines(widget, crop)[:-1]

    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        monkeypatch.setattr(Words, "render_lines", short)
        await _begin(app, pilot, papers, VIEWS["hotline"])


async def test_a_letter_has_its_field_drawn_and_nothing_else(
    papers: list[Paper], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    render_lines = Widget.render_lines

    def noted(widget: Widget, crop: Region) -> list[Strip]:
        drawn.append(type(widget).__name__)
        return render_lines(widget, crop)

    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        await _begin(app, pilot, papers, VIEWS["username"])
        monkeypatch.setattr(Widget, "render_lines", noted)
        await pilot.press("x")
        await _at_rest(app, pilot)
        assert drawn == ["UsernameInput"]


@pytest.mark.parametrize("size", SIZES)
async def test_a_list_that_is_scrolled(size: tuple[int, int], papers: list[Paper]) -> None:
    many = tuple(
        replace(VIEWS["choose certificate"].certificates[0], fingerprint=f"{number:064x}")
        for number in range(9)
    )
    app = screen_only()
    async with app.run_test(size=size) as pilot:
        await _begin(app, pilot, papers, replace(VIEWS["choose certificate"], certificates=many))
        for key in (*["tab"] * 9, "pageup", *["shift+tab"] * 9):
            await pilot.press(key)
            await _compare(app, pilot, papers, key)
        assert any(one.max_scroll_y for one in app.screen.query(VerticalScroll))
        assert papers[0].pieces > 0
        await _draw_all_again(app, pilot, papers)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "names",
    [
        ("PIN", "PIN, last try"),
        ("confirm", "confirm, spoken"),
        ("sent", "sent, delivered", "sent, pending", "sent, mailbox unknown"),
        ("welcome", "welcome, simulated"),
        ("no email", "no email, delivered, wait", "no email, used up"),
        ("username", "time-out", "username", "username, certificate hidden"),
        ("PIN", "staff call", "staff call, calling", "PIN"),
    ],
    ids=lambda names: names[0],
)
async def test_what_changes_on_a_screen(
    names: tuple[str, ...], size: tuple[int, int], papers: list[Paper]
) -> None:
    app = screen_only()
    async with app.run_test(size=size) as pilot:
        await _begin(app, pilot, papers, VIEWS[names[0]])
        for name in (*names[1:], *names):
            app._show(VIEWS[name])
            await _compare(app, pilot, papers, name)
        assert papers[0].pieces > 0
        await _draw_all_again(app, pilot, papers)


async def test_what_has_another_size_is_drawn_once(papers: list[Paper]) -> None:
    """With the layout, and not again when its widget has heard of that."""
    app = screen_only()
    async with app.run_test(size=(120, 34)) as pilot:
        view = replace(VIEWS["verifying"], reduced_motion=True)
        await _begin(app, pilot, papers, view)
        before = papers[0].whole, papers[0].pieces
        app._show(replace(view, language="en"))
        await _compare(app, pilot, papers, "another language")
        assert (papers[0].whole, papers[0].pieces) == (before[0], before[1] + 1)
