from __future__ import annotations

import sys
from pathlib import Path

import pytest

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
