"""Puts what widgets draw together to what the terminal is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class SparingCompositor(Compositor):
    """Has only those widgets drawn of which something is seen in what has changed.

    Textual's (8.2) draws containers even where what is in them covers them, which is half of the
    work for the welcome screen. It has all drawn that are in the same containers for a letter in a
    field that covers its place by itself. And what has got another size is drawn twice, with the
    layout and a sixtieth of a second later.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changed: list[Region] = []
        """What is drawn now, unless it is the whole screen."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Draw what has changed; None if nothing has."""
        self._changed = list(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = []

    def _get_renders(
        self, crop: Region | None = None
    ) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """Return what the widgets draw, from the front to the back; what is behind is not seen."""
        if crop is None:
            yield from super()._get_renders(crop)
            return
        missing = self._changed or [self.size.region]
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip)
            if not any(map(seen.overlaps, missing)):
                continue
            # Of a tall widget a few lines are enough.
            lines = Region(clip.x, crop.y, clip.width, crop.height).intersection(clip)
            part = region.intersection(lines)
            strips = widget.render_lines(part.translate(-region.offset))
            yield region, lines, strips
            if seen in self._changed:
                _is_drawn(widget)
            if len(strips) < part.height or any(one.cell_length < part.width for one in strips):
                # Through what it has left open, the widgets behind it are seen.
                continue
            missing = [rest for one in missing for rest in _outside(seen, one)]
            if not missing:
                return


def _outside(seen: Region, region: Region) -> Iterator[Region]:
    """The parts of a region that are outside of what is seen."""
    inner = region.intersection(seen)
    if not inner:
        yield region
        return
    x, y, width, _ = region
    for rest in (
        Region(x, y, width, inner.y - y),
        Region(x, inner.y, inner.x - x, inner.height),
        Region(inner.right, inner.y, region.right - inner.right, inner.height),
        Region(x, inner.bottom, width, region.bottom - inner.bottom),
    ):
        if rest:
            yield rest


def _is_drawn(widget: Widget) -> None:
    """The whole widget is drawn now, as it is; it need not ask for that any more."""
    widget._repaint_required = False
    widget._repaint_regions.clear()
