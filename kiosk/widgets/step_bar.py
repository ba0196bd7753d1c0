"""Where the customer is on the way, in five steps."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

from kiosk.i18n import Translator
from kiosk.view import View
from kiosk.widgets.drawn import Drawn

STEPS = ("step.notice", "step.case", "step.token", "step.pin", "step.confirm")
"""Message keys of the steps, in order."""


class StepBar(Drawn, Static):
    """ "Step 2/5" and the names of all steps, the present one marked."""

    def __init__(self, step: int) -> None:
        super().__init__("", markup=False, id="steps")
        self._step = step
        self._names: tuple[str, ...] = ()
        self._where = ""

    def draw(self, _view: View, t: Translator) -> None:
        """Name the steps in the customer's language."""
        self._names = tuple(t(key) for key in STEPS)
        self._where = t("step.where", step=self._step, steps=len(STEPS))
        self._compose_line(self.app.size)

    def fit(self, size: Size) -> None:
        """Adapt to the screen's size."""
        self._compose_line(size)

    def _compose_line(self, size: Size) -> None:
        """Put the line together: on a narrow screen, names of other steps fall away."""
        spans: list[tuple[str, str] | str] = [(self._where, "bold")]
        separator = "  ─  "
        words = (self._where, *self._names)
        needed = sum(map(cell_len, words)) + 5 * (len(separator) + 2)
        for number, name in enumerate(self._names, 1):
            if number != self._step and needed > size.width:
                continue
            label = f"{number} {name}"
            spans.append("   " if len(spans) == 1 else separator)
            spans.append((f" {label} ", "bold reverse") if number == self._step else label)
        self.update(Content.assemble(*spans))
