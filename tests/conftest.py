"""Fixtures that must exist once, and the last words of a test run.

There is one pcscd for each process: libpcsclite looks for its socket once. So its fixtures
are here, and not in the folders whose tests use them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack.parts import (
    _session_pcscd,
    card,
    console,
    kiosk_command,
    pcscd,
    sandbox_directory,
    server,
)

__all__ = [
    "_session_pcscd",
    "card",
    "console",
    "kiosk_command",
    "pcscd",
    "sandbox_directory",
    "server",
]

FIGURE = "figure"
"""A line for the end of the run, recorded by a test with `record_property`."""

CELL = "cell of the fault matrix"
"""A cell that was walked and was as the matrix says: (cell, presses, logins, PINs on cards)."""

SERVICE_CELL = "cell of the service's faults"
"""A fault of the service at a call that led to the screen it should."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes: it shall not be the last of a worker."""
    items.sort(key=lambda item: not ("walks" in item.nodeid or "test_soak" in item.nodeid))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how far the walks went. What a test records comes here from every process."""
    for line in _recorded(terminalreporter, FIGURE):
        terminalreporter.write_line(str(line))
    met = set(_recorded(terminalreporter, SERVICE_CELL))
    if met:
        from tests.service.fault_cells import cells as service_cells

        total = len(list(service_cells()))
        terminalreporter.write_line(f"service faults: {len(met)} of {total} cells green")
    walked = list(_recorded(terminalreporter, CELL))
    if walked:
        from tests.faults.matrix import cells

        total = len(list(cells()))
        names, *counts = zip(*walked, strict=True)
        presses, logins, presented = map(sum, counts)
        terminalreporter.write_line(
            f"fault matrix: {len(set(names))} of {total} cells green; {presses} presses of "
            f"Confirm, {logins} calls of C_Login, {presented} PINs presented to cards"
        )


def _recorded(reporter: pytest.TerminalReporter, name: str) -> Iterator[object]:
    for report in reporter.stats.get("passed", []):
        if report.when == "call":
            yield from (value for key, value in report.user_properties if key == name)
