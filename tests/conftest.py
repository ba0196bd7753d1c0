"""Last words of a test run: figures that a row of dots does not tell."""

from __future__ import annotations

import pytest

from tests.walks.figures import FAKE_PORTS, VIRTUAL_CARD


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how far the random walks went."""
    for line in (*FAKE_PORTS.lines(), *VIRTUAL_CARD.lines()):
        terminalreporter.write_line(line)
