"""Whatever people do, the kiosk stays; `scripts/random-input` does the same for hours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import FIGURE
from tests.screens.random_input import Broken, Crowd

EVENTS = int(os.environ.get("KIOSK_RANDOM_EVENTS", "1500"))
SEED = int(os.environ.get("KIOSK_RANDOM_SEED", "20261126"))


async def test_whatever_people_do(tmp_path: Path, record_property: pytest.FixtureRequest) -> None:
    report = await Crowd(tmp_path, SEED).run(EVENTS, lambda _: None)
    assert report.frames > 0
    record_property(FIGURE, f"random input: {report}")  # type: ignore[operator]


def test_a_pin_on_the_screen_would_be_seen(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path, 1)
    with pytest.raises(Broken, match="PIN"):
        crowd._read_frame(f"Xin chào {'86429'} Quý khách")
