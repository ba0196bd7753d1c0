"""The cells that a program says it has drawn."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from tests.terminal.laboratory import LaboratoryError, wait_for

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """One sign and how it is drawn."""

    sign: str
    """With what is combined with it; a space where there is none."""
    width: int
    """Columns: 2 for a wide sign."""
    foreground: Colour
    background: Colour
    bold: bool = False
    italic: bool = False
    underline: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What the gallery's program has drawn."""

    columns: int
    lines: int
    terminal: tuple[int, int, int, int]
    """Columns, lines, and pixels in width and height, as the terminal tells the kernel."""
    cells: Sequence[Sequence[Cell]]
    codes: Sequence[str]
    """The texts of the QR codes on the screen."""
    missing: Sequence[str]
    """Messages that the language lacks."""
    scrolled: Sequence[str]
    """Widgets that are wider than their place."""


def parse(told: Mapping[str, Any]) -> Shown:
    """Read one of the program's answers."""
    return Shown(
        told["columns"],
        told["lines"],
        tuple(told["terminal"]),
        [_cells_of(line) for line in told["runs"]],
        told["codes"],
        told["missing"],
        told["scrolled"],
    )


def _cells_of(runs: Sequence[Sequence[Any]]) -> list[Cell]:
    cells: list[Cell] = []
    for text, foreground, background, bold, italic, underline in runs:
        colours = tuple(foreground), tuple(background)
        for character in text:
            width = cell_len(character)
            if width == 0 and cells:
                # It is combined with the sign before it.
                cells[-1] = replace(cells[-1], sign=cells[-1].sign + character)
            else:
                cells.append(Cell(character, width, *colours, bold, italic, underline))
    return cells


class Gallery:
    """The line to a gallery's program."""

    def __init__(self, path: Path) -> None:
        """Wait for the program, and call it.

        Raises:
            LaboratoryError: it does not listen.
        """
        wait_for(path.is_socket, "the gallery")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(str(path))
        self._line = self._socket.makefile("rwb")

    def close(self) -> None:
        """Hang up."""
        self._line.close()
        self._socket.close()

    def ask(self, **question: object) -> Shown:
        """Have something shown, or ask what is shown.

        Raises:
            LaboratoryError: the program has ended.
        """
        try:
            self._line.write(json.dumps(question).encode() + b"\n")
            self._line.flush()
            answer = self._line.readline()
        except OSError as error:
            raise LaboratoryError(f"the gallery does not answer: {error}") from error
        if not answer:
            raise LaboratoryError("the gallery has ended")
        return parse(json.loads(answer))
