"""The whole visit in a real terminal: by keys alone, and by the mouse alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.flow import Agreed, RememberedUsername, SendConfirmed, Started, State
from kiosk.sandbox.scenario import PIN
from tests.terminal.demo_kiosk import READ, START_TO_SENT, USERNAME, DemoKiosk, label_of
from tests.terminal.laboratory import Laboratory, codes_in, wait_for

# Nearly all of the time is spent waiting, however busy the machine is.
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def kiosk(lab: Laboratory, tmp_path: Path) -> DemoKiosk:
    """The demonstration on its first screen."""
    made = DemoKiosk(lab, tmp_path)
    made.start()
    return made


def check_sent(kiosk: DemoKiosk) -> None:
    """A telephone reads the address off the last screen, where it stands in words as well."""
    kiosk.wait_for(State.SENT)
    lab = kiosk.laboratory
    codes: list[str] = []

    def read() -> bool:
        codes[:] = codes_in(lab.picture(), lab.folder)
        return bool(codes)

    wait_for(read, "a QR code")
    assert len(codes) == 1
    assert codes[0].startswith("https://")
    assert codes[0] in "".join(line.strip() for line in kiosk.text())


def test_a_visit_by_keys_alone(kiosk: DemoKiosk) -> None:
    for step in START_TO_SENT:
        kiosk.do(step)
    check_sent(kiosk)


def test_a_visit_by_the_mouse_alone(kiosk: DemoKiosk) -> None:
    kiosk.click(label_of(State.WELCOME, Started))
    kiosk.wait_for(State.CONSENT)
    kiosk.click(label_of(State.CONSENT, Agreed))
    kiosk.wait_for(State.CHOOSE_CASE)
    kiosk.click(label_of(State.CHOOSE_CASE, RememberedUsername))
    kiosk.wait_for(State.INSERT_TOKEN)
    kiosk.click(label_of(State.INSERT_TOKEN, "#demo-insert_or_remove"))
    kiosk.wait_for(State.USERNAME)
    kiosk.click_keys(USERNAME)
    kiosk.click(label_of(State.USERNAME, ".primary"))
    kiosk.wait_for(State.PIN)
    kiosk.click_keys(PIN)
    kiosk.click(label_of(State.PIN, ".primary"))
    kiosk.wait_for(State.CONFIRM, READ)
    kiosk.click(label_of(State.CONFIRM, SendConfirmed))
    check_sent(kiosk)
