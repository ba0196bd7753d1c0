from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

# The gallery and the painter are shared with scripts, so they are imported from the root.
sys.path.insert(0, str(Path(__file__).parents[2]))

from kiosk import i18n
from kiosk.screens.confirm import ConfirmScreen
from kiosk.screens.mail_bounced import MailBouncedScreen
from kiosk.screens.problem import ProblemScreen
from kiosk.screens.token_stalled import TokenStalledScreen
from kiosk.widgets.presses import PRESSES, TypingFilter


@pytest.fixture(scope="session", autouse=True)
def _catalogues() -> None:
    i18n.compile_catalogues()


@pytest.fixture(scope="session", autouse=True)
def _styles_are_parsed_once() -> Iterator[None]:
    """Hundreds of programs are started here, all with the same style sheets."""
    usual = Stylesheet._parse_rules
    parsed: dict[object, list[RuleSet]] = {}

    def parse(sheet: Stylesheet, *arguments: Any, **named: Any) -> list[RuleSet]:
        key = arguments, *sorted(named.items()), frozenset(sheet._variables.items())
        if key not in parsed:
            parsed[key] = usual(sheet, *arguments, **named)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse)
        yield


@pytest.fixture(autouse=True)
def _strict_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing message fails, and tests may press faster than people."""
    monkeypatch.setattr(i18n.Translator, "strict", True)
    monkeypatch.setattr(PRESSES, "double_tap", 0.0)
    monkeypatch.setattr(PRESSES, "longest_delay", 0.0)
    monkeypatch.setattr(TypingFilter, "FASTEST", 0.0)
    PRESSES.forget()
    for screen in (ConfirmScreen, MailBouncedScreen, ProblemScreen, TokenStalledScreen):
        monkeypatch.setattr(screen, "SETTLE", 0.0)
