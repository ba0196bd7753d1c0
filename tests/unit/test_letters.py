"""The size of the terminal's letters."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.letters import LARGE, ROOMY, cell, cells, connected_screen, largest


@pytest.mark.parametrize(
    ("pixels", "columns", "rows"),
    [(8, 768, 180), (12, 548, 127), (22, 295, 69), (26, 240, 60), (36, 174, 43), (52, 123, 30)],
)
def test_a_cell_is_as_large_as_foots(pixels: int, columns: int, rows: int) -> None:
    """Read off foot 1.13 on a screen of 3840x2160 with `stty size`."""
    assert cells(3840, 2160, pixels) == (columns, rows)


@pytest.mark.parametrize("screen", [(1920, 1080), (1366, 768), (1280, 1024), (1280, 800)])
@pytest.mark.parametrize("room", [ROOMY, LARGE])
def test_letters_are_as_large_as_there_is_room(
    screen: tuple[int, int], room: tuple[int, int]
) -> None:
    size = largest(*screen, room)
    assert size is not None
    columns, rows = cells(*screen, size)
    assert columns >= room[0]
    assert rows >= room[1]
    across, down = cell(size + 1)
    assert screen[0] // across < room[0] or screen[1] // down < room[1]


def test_large_text_is_larger() -> None:
    plain, large = largest(1920, 1080, ROOMY), largest(1920, 1080, LARGE)
    assert plain is not None
    assert large is not None
    assert large >= 1.3 * plain


def test_the_shipped_sizes_are_these() -> None:
    text = (Path(__file__).parents[2] / "config" / "display.ini").read_text()
    assert f"pixelsize={largest(1920, 1080, ROOMY)}\n" in text
    for width, height in ((1280, 1024), (1366, 768), (3840, 2160)):
        assert f"{width}x{height}: {largest(width, height, ROOMY)}" in text


def test_the_screen_that_is_plugged_in_is_found(tmp_path: Path) -> None:
    assert connected_screen(tmp_path) is None
    for name, status, modes in (
        ("card0-DP-1", "disconnected", ""),
        ("card0-HDMI-A-1", "connected", "1366x768\n1024x768\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "status").write_text(status + "\n")
        (tmp_path / name / "modes").write_text(modes)
    assert connected_screen(tmp_path) == (1366, 768)


def display(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kiosk", "display", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_what_foot_reads() -> None:
    done = display("--large", "--screen", "1920x1080")
    parser = configparser.ConfigParser()
    parser.read_string(done.stdout)
    assert done.returncode == 0
    assert parser["main"]["font"] == f"Noto Sans Mono:pixelsize={largest(1920, 1080, LARGE)}"


@pytest.mark.parametrize(
    ("size", "code", "words"),
    [("640", 2, "expected a size such as"), ("0x9", 2, "'0x9'"), ("300x200", 1, "no room")],
)
def test_a_size_that_is_none_is_told(size: str, code: int, words: str) -> None:
    done = display("--screen", size)
    assert done.returncode == code
    assert words in done.stderr
