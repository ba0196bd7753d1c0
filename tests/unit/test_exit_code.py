"""The exit code tells the worst of what has ended the kiosk, in whatever order it was noticed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kiosk.app import CRASHED, MISCONFIGURED, KioskApp
from kiosk.config import Config, KioskSection, ServiceSection
from kiosk.controller import Controller
from kiosk.sandbox.embedded import EmbeddedReader

ENDS = {
    "asked": lambda app: app.exit(),
    "by staff": lambda app: app.controller.leave(),
    "misconfigured": lambda app: app.exit(return_code=MISCONFIGURED),
    "crash": lambda app: app.crash(ValueError("secret")),
}


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        (["asked"], 0),
        (["crash", "asked"], CRASHED),
        (["crash", "by staff", "asked"], CRASHED),
        (["asked", "crash"], CRASHED),
        (["misconfigured", "asked"], MISCONFIGURED),
        (["misconfigured", "crash", "asked"], CRASHED),
        (["crash", "misconfigured"], CRASHED),
    ],
)
async def test_no_end_hides_a_worse_one(tmp_path: Path, ends: Sequence[str], code: int) -> None:
    config = Config(kiosk=KioskSection(id="test"), service=ServiceSection(url="https://x.example"))
    app = KioskApp(
        lambda show, crash: Controller(config, EmbeddedReader(), show, crash),
        lambda: pytest.fail("it is never begun"),
    )
    for end in ends:
        ENDS[end](app)
    assert app.return_code == code
