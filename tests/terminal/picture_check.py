"""Compares a terminal's picture with the cells that it ought to show."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from tests.terminal.cells import Cell, Colour, Shown
from tests.terminal.laboratory import Window

LEAST_INK = 0.2
"""How far the darkest pixel of a sign is from its background on the way to its colour: 1 is all
the way. A light shade, the faintest sign there is, is a quarter."""

TOLERANCE = 3
"""Steps of a colour that blending may round away."""

FULL = "█"

_DIFFERS = "looks different from others like it"

_Sign = tuple[Cell, tuple[int, int]]
"""A cell's content, and the pixels of a cell."""


class PictureCheck:
    """Looks at the cells of pictures, and remembers what each sign looks like.

    The same sign in the same colours is the same pixels wherever it is. So the first one is
    examined, and the others are compared with it: one that is clipped, shifted or hidden differs.
    """

    def __init__(self) -> None:
        self._known: dict[_Sign, bytes] = {}
        self.used: dict[tuple[str, bool], int] = {}
        """The signs that were seen, whether they were bold, and how wide they are."""

    def faults(self, picture: Image.Image, shown: Shown, window: Window) -> Iterator[str]:
        """Tell what is wrong with a picture, one line each."""
        size = (shown.columns, shown.lines)
        if size != (window.columns, window.lines):
            yield f"the program has {size[0]}×{size[1]} cells"
            return
        yield from self._faults_of_size(picture, shown, window)
        yield from self._faults_of_cells(picture, shown, window)

    def _faults_of_size(self, picture: Image.Image, shown: Shown, window: Window) -> Iterator[str]:
        width, height = window.cell
        whole = (window.columns * width, window.lines * height)
        if picture.size != whole:
            yield f"the picture has {picture.size} pixels; {whole} are whole cells"
        if shown.terminal != (window.columns, window.lines, *whole):
            yield f"the terminal says that it has {shown.terminal}"

    def _faults_of_cells(self, picture: Image.Image, shown: Shown, window: Window) -> Iterator[str]:
        width, height = window.cell
        seen: dict[_Sign, bytes] = {}
        fine = True
        for line, cells in enumerate(shown.cells):
            column = 0
            row = picture.crop((0, line * height, picture.width, (line + 1) * height))
            for cell in cells:
                box = (column * width, 0, (column + cell.width) * width, height)
                pixels = row.crop(box).tobytes()
                key = (cell, window.cell)
                known = self._known.get(key) or seen.get(key)
                if known != pixels:
                    problem = _fault_of(row.crop(box), cell) if known is None else _DIFFERS
                    if problem:
                        fine = False
                        yield f"{cell.sign!r} at column {column}, line {line} {problem}"
                    else:
                        seen[key] = pixels
                column += cell.width
            if column != shown.columns:
                fine = False
                yield f"line {line} has {column} columns"
        # Nothing is learned from a picture of which not all is as it should be: it may be one
        # that was taken before the terminal had drawn everything.
        if fine:
            self._known.update(seen)
            self.used.update(((cell.sign, cell.bold), cell.width) for cell, _ in seen)


def _fault_of(image: Image.Image, cell: Cell) -> str:
    """What is wrong with a cell that is seen for the first time; empty if nothing is."""
    found = image.getcolors(image.width * image.height)
    assert found is not None
    colours: list[Colour] = [colour for _, colour in found]  # type: ignore[misc]
    if cell.sign.isspace():
        if cell.underline:
            return _fault_of_blend(colours, cell)
        if len(colours) > 1:
            return f"ought to be blank, and has {len(colours)} colours"
        return "" if colours == [cell.background] else f"is {colours[0]}, not {cell.background}"
    if cell.foreground == cell.background:
        return "" if colours == [cell.background] else "ought to be of one colour"
    if cell.sign == FULL:
        return "" if colours == [cell.foreground] else f"is {colours}, not {cell.foreground}"
    return _fault_of_blend(colours, cell)


def _fault_of_blend(colours: list[Colour], cell: Cell) -> str:
    """Pixels of a sign lie between its colour and its background; some are well on the way."""
    farthest = 0.0
    steps = [f - b for f, b in zip(cell.foreground, cell.background, strict=True)]
    widest = max(range(3), key=lambda channel: abs(steps[channel]))
    for colour in colours:
        part = (colour[widest] - cell.background[widest]) / steps[widest]
        farthest = max(farthest, part)
        for channel in range(3):
            wanted = cell.background[channel] + part * steps[channel]
            if not -0.02 <= part <= 1.02 or abs(colour[channel] - wanted) > TOLERANCE:
                return f"has the colour {colour}, not between {cell.background, cell.foreground}"
    if farthest < LEAST_INK:
        return f"has no ink: {len(colours)} colours near {cell.background}"
    return ""
