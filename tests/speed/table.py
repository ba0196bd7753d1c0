"""The table of figures: on the terminal and in the documentation."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from tests.speed.figures import Figure

COLUMNS = ("figure", "kiosk", "peer", "ratio", "goal", "met")

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
"""Between these, the documentation has the newest table."""


def row(figure: Figure) -> tuple[str, ...]:
    """What stands in a figure's line."""
    peer = "–"
    if figure.peer is not None:
        peer = f"{_value(figure.peer, figure.unit, figure.peer_spread)}, {figure.peer_name}"
    return (
        figure.name,
        _value(figure.ours, figure.unit, figure.ours_spread),
        peer,
        "–" if figure.ratio is None else f"{figure.ratio:.2f}×",
        figure.goal.as_text(figure.unit) if figure.goal else "reported",
        {True: "yes", False: "no", None: "–"}[figure.met],
    )


def _value(value: float, unit: str, spread: tuple[float, float] | None) -> str:
    """With its unit, and its spread where there is one."""
    text = f"{_number(value)} {unit}"
    if spread is None or spread[0] == spread[1]:
        return text
    return f"{text} ({_number(spread[0])} to {_number(spread[1])})"


def _number(value: float) -> str:
    """With three digits that mean something."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def on_terminal(figures: Sequence[Figure]) -> Table:
    """For rich's console."""
    table = Table(*COLUMNS)
    for figure in figures:
        *cells, met = row(figure)
        colour = {True: "green", False: "bold red", None: ""}[figure.met]
        table.add_row(*map(Text, cells), Text(met, style=colour))
    return table


def as_markdown(figures: Sequence[Figure]) -> str:
    """For the documentation."""
    lines = [_line((*COLUMNS, "note")), _line(["---"] * (len(COLUMNS) + 1))]
    lines += [_line((*row(figure), figure.note)) for figure in figures]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def put_between_markers(text: str, table: str) -> str:
    """Return a document with this table instead of the one it has.

    Raises:
        ValueError: it has no place for one.
    """
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"the document has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"
