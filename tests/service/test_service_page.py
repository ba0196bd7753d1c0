"""docs/service.md says what the code does, where a test can tell."""

from __future__ import annotations

import importlib
import re
import shlex
from dataclasses import asdict
from pathlib import Path

import pytest

from kiosk import problems
from kiosk.cli import _parser
from kiosk.config import KioskSection, ServiceSection
from kiosk.effects import REFUSALS
from kiosk.sandbox.server import refusal
from kiosk.sandbox.server.faults import CALLS, KINDS
from kiosk.sandbox.server.limits import Limits
from kiosk.service.errors import CODES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "service.md").read_text("utf-8")


def rows(mark: str) -> list[list[str]]:
    """The cells of the table behind a mark, without its head."""
    found = re.search(rf"<!-- {mark} -->\n(.*?)\n<!-- end -->", TEXT, re.DOTALL)
    assert found is not None, mark
    lines = found[1].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_code_with_its_status_and_its_screen() -> None:
    table = {code: (int(status), screen) for code, status, _, screen in rows("codes")}
    assert table.keys() == CODES
    for code, (status, screen) in table.items():
        shown = REFUSALS.get(code, problems.SERVICE_FAILED)
        if code == "no_match":
            shown = problems.SERVICE_NO_MATCH
        assert (status, screen) == (refusal.Refusal(code).status, shown.code), code


def test_no_code_or_screen_is_invented() -> None:
    assert set(re.findall(r"\b[KTCPS][0-9]{2}\b", TEXT)) <= problems.BY_CODE.keys()
    named = set(re.findall(r"`((?:certificate|account|challenge|proof|kiosk)_[a-z_]+)`", TEXT))
    assert named <= CODES | asdict(Limits()).keys()


def test_the_limits_are_the_sandboxs() -> None:
    assert {name: float(value) for name, _, value in rows("limits")} == asdict(Limits())


@pytest.mark.parametrize("row", rows("figures"), ids=lambda row: row[2])
def test_the_figures_are_the_codes(row: list[str]) -> None:
    _, figure, place = row
    module, _, name = place.rpartition(".")
    assert float(figure) == getattr(importlib.import_module(module), name)


def test_every_key_of_the_configuration_exists() -> None:
    named = set(re.findall(r"`(?:service|kiosk)\.([a-z_]+)`", TEXT))
    assert len(named) > 5
    assert named <= {*ServiceSection.__struct_fields__, *KioskSection.__struct_fields__}


def test_every_command_is_understood() -> None:
    shells = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL))
    commands = [line for line in shells.splitlines() if line.startswith("kiosk ")]
    assert len(commands) > 5
    for line in commands:
        options = _parser().parse_args(shlex.split(line, comments=True)[1:])
        if line.startswith("kiosk sandbox fault"):
            assert options.name in {*KINDS, "list", "clear"}, line
            assert options.call in {*CALLS, ""}, line


def test_the_calls_are_the_contracts() -> None:
    contract = (ROOT / "docs" / "api" / "openapi.yaml").read_text("utf-8")
    for path in re.findall(r"`(?:(?:GET|POST|DELETE) )?(/v1/[^`]+)`", TEXT):
        assert f"\n  {path}:\n" in contract, path


def test_what_it_names_is_there() -> None:
    for name in re.findall(r"`((?:kiosk|scripts|tests)/[^` ]+)", TEXT):
        assert (ROOT / name).exists(), name
