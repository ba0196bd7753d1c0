from __future__ import annotations

from collections.abc import Iterator

import pytest

from kiosk import i18n
from tests.stack.parts import require
from tests.terminal.laboratory import Laboratory, installed, laboratory


@pytest.fixture
def lab() -> Iterator[Laboratory]:
    """A compositor of this test's own, with no terminal yet."""
    require(installed(), "KIOSK_TEST_WITHOUT_TERMINAL")
    i18n.compile_catalogues()
    with laboratory() as made:
        yield made
