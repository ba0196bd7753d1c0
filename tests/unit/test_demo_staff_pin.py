"""The demo's staff PIN is the one that the README tells."""

from __future__ import annotations

from pathlib import Path

from kiosk.sandbox.scenario import STAFF_PIN, STAFF_PIN_HASH
from kiosk.staff.pin_hash import PinHash


def test_the_demos_hash_is_of_the_pin_that_the_readme_tells() -> None:
    assert PinHash.parse(STAFF_PIN_HASH).matches(bytearray(STAFF_PIN.encode()))
    readme = Path(__file__).parents[2] / "README.md"
    assert f"staff PIN is {STAFF_PIN}" in readme.read_text(encoding="utf-8")
