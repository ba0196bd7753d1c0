"""Compares a run with the committed table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.speed.figures import Figure

WORSE = 1.2
"""A ratio that has grown by more than this has got worse."""


class TableUnreadable(Exception):
    """The committed table is missing or is none; the text says which file."""


def as_json(figures: Sequence[Figure], **about: Any) -> str:
    """A run as `--json` writes it: what is told about the run, and its `figures`."""
    run = {**about, "figures": [figure.as_json() for figure in figures]}
    return json.dumps(run, ensure_ascii=False, indent=2) + "\n"


def committed(path: Path) -> dict[str, float | None]:
    """The ratios of the committed table, by the figure's key.

    Raises:
        TableUnreadable
    """
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
        return {figure["name"]: figure["ratio"] for figure in figures}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TableUnreadable(f"{path}: {error}") from None


def worse(figures: Sequence[Figure], before: Mapping[str, float | None]) -> list[str]:
    """One line for each figure whose ratio has grown by more than 20 %.

    A figure that the committed table lacks is new and cannot have got worse.
    """
    lines = []
    for figure in figures:
        ratio, then = figure.ratio, before.get(figure.name)
        if ratio is not None and then and ratio > then * WORSE:
            lines.append(
                f"{figure.name}: {ratio:.2f}× of {figure.peer_name}, was {then:.2f}× "
                f"({ratio / then - 1:+.0%})"
            )
    return lines
