"""The picture of a soak: the kiosk's memory over its visits."""

from __future__ import annotations

from pathlib import Path

import pygal
from pygal.style import Style

from tests.endurance.samples import WARM, Result

_STYLE = Style(
    background="#ffffff",
    plot_background="#ffffff",
    foreground="#333333",
    foreground_strong="#000000",
    foreground_subtle="#999999",
    colors=("#005a9e", "#b35900"),
    font_family="sans-serif",
)


def write_curve(result: Result, path: Path) -> None:
    """Draw it as SVG, with nothing in it that has to be fetched."""
    chart = pygal.XY(
        title=f"Resident memory over {result.visits:,} visits (seed {result.seed})",
        x_title=f"visits; judged from the {WARM}th on",
        y_title="MB",
        range=(0, 1.25 * max(one.memory for one in result.samples) / 2**20),
        dots_size=1,
        legend_at_bottom=True,
        include_x_axis=True,
        pretty_print=True,
        js=[],
        style=_STYLE,
        width=900,
        height=450,
    )
    chart.add("the kiosk", [(one.visits, one.memory / 2**20) for one in result.samples])
    chart.add("its helper", [(one.visits, one.helper / 2**20) for one in result.samples])
    path.write_bytes(chart.render())
