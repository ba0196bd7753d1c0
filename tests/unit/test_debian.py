"""What the package's own files say, as far as the source tells; tests/package builds it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk import cli

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "debian"


def _commands(parser: argparse.ArgumentParser, name: str = "") -> Iterator[str]:
    """Every command below this parser, with those above it: `audit verify`."""
    deeper = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not deeper:
        yield name
    for action in deeper:
        for word, inside in action.choices.items():
            yield from _commands(inside, f"{name} {word}".strip())


def test_the_man_page_has_every_command_of_a_kiosk_at_a_counter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli, "_with_sandbox", lambda: False)
    page = (DEBIAN / "kiosk.1").read_text(encoding="utf-8")
    told = set(re.findall(r"^\.TP\n\.B ([a-z][a-z ]*)$", page, re.M))
    assert told == set(_commands(cli._parser()))


def test_the_man_page_has_every_exit_code() -> None:
    page = (DEBIAN / "kiosk.1").read_text(encoding="utf-8")
    codes = re.findall(r"^  (\d+) ", cli.EXIT_CODES, re.M)
    assert codes
    assert re.findall(r"^\.TP\n\.B (\d+)$", page, re.M) == codes


def test_every_python_package_that_comes_along_has_its_licence_named() -> None:
    lock = (ROOT / "scripts" / "lock" / "kiosk.txt").read_text(encoding="utf-8")
    wanted = {
        name
        for name, marker in re.findall(r"^([a-z0-9-]+)==\S+(.*)", lock, re.M)
        # setuptools is taken out again (debian/make-environment).
        if "win32" not in marker and name != "setuptools"
    }
    text = (DEBIAN / "copyright").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w-]+", text.split("dist-info beside it:")[1].split("Compiled")[0]))
    assert wanted <= named, wanted - named
