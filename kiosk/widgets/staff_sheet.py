"""The text of a page of staff mode, in as many leaves as the screen needs."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Static

from kiosk.flow import Event
from kiosk.i18n import Translator
from kiosk.staff.page import Row, StaffPage, Status, Text
from kiosk.view import View
from kiosk.widgets.drawn import Drawn

STATUS_WORDS = {
    Status.OK: "staff.status.ok",
    Status.WARNING: "staff.status.warning",
    Status.FAILED: "staff.status.failed",
    Status.RUNNING: "staff.status.running",
}
"""A status is a word, not only a colour."""

_STYLES = {
    Status.OK: "bold $on-ok on $ok",
    Status.WARNING: "bold $on-focus on $focus",
    Status.FAILED: "bold $on-fault on $fault",
    Status.RUNNING: "bold $on-band on $band",
}

ROOMY = 24
"""Lines from which on rows stand apart."""

_BADGE = 9
"""Columns of a status with the gap behind it."""

_INDENT = 2
"""Columns by which details stand in from their row."""


def spoken(text: Text, view: View, t: Translator) -> str:
    """The text in the language of `t`."""
    if isinstance(text, str):
        return text
    values = {name: spoken(value, view, t) for name, value in text.values.items()}
    return t(text.key, **{"hotline": view.support.hotline, **values})


@dataclass(frozen=True, slots=True)
class _Block:
    """A row as it is drawn."""

    lines: tuple[tuple[str, str], ...]
    """Text and style of each line, without the badge."""
    badge: tuple[str, str] | None
    opens: Event | None


class StaffSheet(Drawn, Static, can_focus=True):
    """Rows, the chosen one marked. Arrows choose among those that can be picked, Enter and a
    touch pick; page keys turn the leaf."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "pick", show=False),
        Binding("down", "choose(1)", show=False),
        Binding("up", "choose(-1)", show=False),
    ]

    class Picked(Message):
        """A row was picked."""

        def __init__(self, event: Event, *, pointer: bool) -> None:
            super().__init__()
            self.event = event
            self.pointer = pointer
            """Whether a finger or the mouse has picked it."""

    class Turned(Message):
        """Another leaf is shown, or there are more or fewer of them."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._view: View | None = None
        self._t: Translator | None = None
        self._blocks: list[_Block] = []
        self._leaves: list[list[int]] = [[]]
        """Which blocks are on which leaf."""
        self._leaf = 0
        self._chosen = -1
        self._shown: tuple[object, str] = (None, "")

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return len(self._leaves)

    @property
    def leaf(self) -> int:
        """Which one is shown, from 0."""
        return self._leaf

    def draw(self, view: View, t: Translator) -> None:
        """Show the page; another one than before from its beginning."""
        page = view.staff_mode.page
        self._view, self._t = view, t
        self.display = page is not None
        if page is None:
            return
        if (page.topic, page.part) != self._shown:
            self._shown = page.topic, page.part
            self._leaf, self._chosen = 0, -1
        self._lay_out(page)

    def on_resize(self) -> None:
        """Break the lines anew."""
        if self._view is not None and (page := self._view.staff_mode.page) is not None:
            self._lay_out(page)

    def turn(self, by: int) -> None:
        """Show another leaf."""
        leaf = min(max(self._leaf + by, 0), self.leaves - 1)
        if leaf != self._leaf:
            self._leaf = leaf
            pickable = self._pickable(self._leaves[leaf])
            self._chosen = pickable[0] if pickable and self._chosen >= 0 else -1
            self._paint()

    # Choosing

    def _pickable(self, blocks: list[int]) -> list[int]:
        return [number for number in blocks if self._blocks[number].opens is not None]

    def on_focus(self) -> None:
        """Mark what Enter would pick."""
        if self._chosen < 0 and (pickable := self._pickable(self._leaves[self._leaf])):
            self._chosen = pickable[0]
        self._paint()

    def on_blur(self) -> None:
        """Nothing is marked where the focus is not."""
        self._paint()

    def action_choose(self, by: int) -> None:
        """Up and down: the next row that can be picked, else the next leaf, else out."""
        pickable = self._pickable(list(range(len(self._blocks))))
        later = [one for one in pickable if (one - self._chosen) * by > 0]
        if later and self._chosen >= 0:
            self._chosen = later[0] if by > 0 else later[-1]
            self._leaf = next(n for n, leaf in enumerate(self._leaves) if self._chosen in leaf)
            self._paint()
        elif not pickable and 0 <= self._leaf + by < self.leaves:
            self.turn(by)
        else:
            self.screen.action_step(by)  # type: ignore[attr-defined]

    def action_pick(self) -> None:
        """Enter: what is marked."""
        self._pick(self._chosen)

    def on_click(self, event: events.Click) -> None:
        """A touch: the row under the finger."""
        event.stop()
        y = 0
        for number in self._leaves[self._leaf]:
            y += len(self._blocks[number].lines) + self._gap
            if event.y < y:
                self._pick(number, pointer=True)
                return

    def _pick(self, number: int, *, pointer: bool = False) -> None:
        if 0 <= number < len(self._blocks) and (event := self._blocks[number].opens) is not None:
            self.post_message(self.Picked(event, pointer=pointer))

    # Drawing

    @property
    def _gap(self) -> int:
        """Empty lines between two rows: none where all rows are of one line, or room is short."""
        roomy = self.size.height >= ROOMY
        return 1 if roomy and any(len(block.lines) > 1 for block in self._blocks) else 0

    def _lay_out(self, page: StaffPage) -> None:
        width, height = self.size
        if width < 2 * _BADGE or height < 1:
            return
        badge = _BADGE if any(row.status is not None for row in page.rows) else 0
        self._blocks = [
            part for row in page.rows for part in self._blocks_of(row, width - badge, height)
        ]
        self._leaves = [[]]
        used = 0
        for number, block in enumerate(self._blocks):
            needed = len(block.lines)
            if self._leaves[-1] and used + needed > height:
                self._leaves.append([])
                used = 0
            self._leaves[-1].append(number)
            used += needed + self._gap
        self._leaf = min(self._leaf, self.leaves - 1)
        if self._chosen >= len(self._blocks) or (
            self._chosen >= 0 and self._blocks[self._chosen].opens is None
        ):
            self._chosen = -1
        self._margin = badge
        self._paint()

    def _blocks_of(self, row: Row, width: int, height: int) -> list[_Block]:
        """A row's lines; a row that is longer than the screen goes on in further blocks."""
        if self._view is None or self._t is None:
            return []
        view, t = self._view, self._t
        plain = row.opens is None and not row.details and row.advice is None
        lines = [
            (line, "" if plain and row.status is None else "bold")
            for line in _wrapped(spoken(row.text, view, t), width, 0)
        ]
        for detail in row.details:
            lines += [(line, "") for line in _wrapped(spoken(detail, view, t), width, _INDENT)]
        if row.advice is not None:
            advice = "→ " + spoken(row.advice, view, t)
            lines += [(line, "italic $quiet") for line in _wrapped(advice, width, _INDENT)]
        badge = None
        if row.status is not None:
            badge = (t(STATUS_WORDS[row.status]), _STYLES[row.status])
        pieces = [tuple(lines[start : start + height]) for start in range(0, len(lines), height)]
        return [
            _Block(piece, badge if number == 0 else None, row.opens)
            for number, piece in enumerate(pieces)
        ]

    def _paint(self) -> None:
        spans: list[tuple[str, str] | str] = []
        for number in self._leaves[self._leaf]:
            block = self._blocks[number]
            marked = self.has_focus and number == self._chosen
            for line, (text, style) in enumerate(block.lines):
                if spans:
                    spans.append("\n")
                if self._margin:
                    word, colours = block.badge if block.badge and line == 0 else ("", "")
                    if word:
                        spans.append((word.center(_BADGE - 1), colours))
                        spans.append(" ")
                    else:
                        spans.append(" " * _BADGE)
                room = self.size.width - self._margin
                if marked:
                    spans.append((text.ljust(room), f"{style} $on-focus on $focus".strip()))
                elif block.opens is not None and line == 0:
                    spans.append((text, f"{style} underline".strip()))
                else:
                    spans.append((text, style) if style else text)
            if self._gap:
                spans.append("\n")
        content = Content.assemble(*spans)
        if str(content) != str(self.content) or content != self.content:
            self.update(content)
        self.post_message(self.Turned())

    _margin = 0

    def get_content_height(self, container: Size, _viewport: Size, _width: int) -> int:
        """All the room there is: how many leaves there are depends on it."""
        return container.height


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    """The text's lines. Vietnamese in NFC has one cell for each letter."""
    margin = " " * indent
    found: list[str] = []
    for paragraph in text.split("\n"):
        found += textwrap.wrap(
            paragraph,
            width,
            initial_indent=margin,
            subsequent_indent=margin,
            break_on_hyphens=False,
        ) or [""]
    return found
