"""What the tests of the service's client share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tls_lab import Ca


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """The command takes variables away; the plug-in for kept pictures needs one of them."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the client wait less between its tries."""
    monkeypatch.setattr("kiosk.service.client._BACK_OFF", (0.005, 0.01))


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    """A CA for TLS servers."""
    return Ca(tmp_path)
