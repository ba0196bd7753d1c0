"""Where the customer is on the way, in five steps."""

from __future__ import annotations

from collections.abc import Iterable

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
        self._shown = Content("")

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
        line = self._line(range(1, len(STEPS) + 1))
        if line.cell_length > size.width - self.gutter.width:
            line = self._line((self._step,))
        if not line.is_same(self._shown):
            self._shown = line
            self.update(line)

    def _line(self, steps: Iterable[int]) -> Content:
        spans: list[tuple[str, str] | str] = [(self._where, "bold")]
        for step in steps:
            label = f"{step} {self._names[step - 1]}"
            spans.append("   " if len(spans) == 1 else "  ─  ")
            spans.append((f" {label} ", "bold reverse") if step == self._step else label)
        return Content.assemble(*spans)
