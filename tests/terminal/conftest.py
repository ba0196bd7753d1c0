from __future__ import annotations

from collections.abc import Iterator

import pytest

from kiosk import i18n
from tests.stack.parts import require
from tests.terminal.laboratory import Laboratory, installed, laboratory


@pytest.fixture(scope="session")
def _laboratory() -> Iterator[Laboratory]:
    require(installed(), "KIOSK_TEST_WITHOUT_TERMINAL")
    i18n.compile_catalogues()
    with laboratory() as made:
        yield made


@pytest.fixture
def lab(_laboratory: Laboratory) -> Iterator[Laboratory]:
    """A compositor of this process's own, with no terminal open."""
    yield _laboratory
    _laboratory.close_terminal()
