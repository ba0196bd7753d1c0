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


Key = tuple[str, str]
"""A figure's name, and its peer's: one figure may have several peers."""


def committed(path: Path) -> dict[Key, float | None]:
    """The ratios of the committed table.

    Raises:
        TableUnreadable: it is missing, is none, or has a figure twice.
    """
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
        ratios = {(one["name"], one["peer_name"]): one["ratio"] for one in figures}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TableUnreadable(f"{path}: {error}") from None
    if len(ratios) < len(figures):
        raise TableUnreadable(f"{path}: a figure is in it twice")
    return ratios


def worse(
    figures: Sequence[Figure], before: Mapping[Key, float | None], *, whole: bool = True
) -> list[str]:
    """One line for each figure whose ratio has grown by more than 20 %, and of a `whole` run for
    each that is not there any more.

    A figure that the committed table lacks is new and cannot have got worse.
    """
    lines = []
    for figure in figures:
        ratio, then = figure.ratio, before.get((figure.name, figure.peer_name))
        if ratio is not None and then and ratio > then * WORSE:
            lines.append(
                f"{figure.name}: {ratio:.2f}× of {figure.peer_name}, was {then:.2f}× "
                f"({ratio / then - 1:+.0%})"
            )
    measured = {(figure.name, figure.peer_name) for figure in figures}
    gone = [key for key in before if key not in measured] if whole else []
    return lines + [f"{name}, {peer or 'reported'}: not measured any more" for name, peer in gone]
