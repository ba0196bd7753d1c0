"""Every fault of the service at every call: a defined screen, in time, and no mail too many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from kiosk import delivery, flow
from kiosk.flow import Overlay, State
from kiosk.sandbox.scenario import PIN
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.run import SandboxServer
from kiosk.view import StaffCall
from tests.conftest import SERVICE_CELL
from tests.service.fault_cells import Cell, cells
from tests.visits.kiosk import Kiosk
from tests.visits.test_lookup import to_pin as to_lookup_pin

TIME_OUT = 0.4
"""Seconds, for a kiosk's longest wait for one answer."""

DEADLINE = 4.0
"""Seconds until every screen has come: all tries of an order, and what follows."""

LIMITS = Limits(per_username=10**6, per_certificate=10**6, per_kiosk=10**6, lookups=10**6,
                resend_wait=0)  # fmt: skip

CELLS = list(cells())


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="module")
def servers(directory: Path) -> Iterator[dict[bool, SandboxServer]]:
    """One over HTTP and one over HTTPS."""
    with (
        SandboxServer(directory / "http", limits=LIMITS) as plain,
        SandboxServer(directory / "https", limits=LIMITS, tls="server") as encrypted,
    ):
        yield {False: plain, True: encrypted}


@pytest.fixture
def server(servers: dict[bool, SandboxServer], cell: Cell) -> SandboxServer:
    return servers[cell.tls]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between questions are made short; what is asked and how often is not changed."""
    monkeypatch.setattr("kiosk.service.client._BACK_OFF", (0.01, 0.02))
    monkeypatch.setattr(delivery, "FOLLOW_TICK", 0.02)
    monkeypatch.setattr(delivery, "FOLLOW_INTERVALS", (0.02,))
    monkeypatch.setattr(delivery, "PENDING_PATIENCE", 0.1)
    monkeypatch.setattr(delivery, "PENDING_INTERVAL", 0.02)


@pytest.fixture
async def kiosk(directory: Path, server: SandboxServer, cell: Cell) -> AsyncIterator[Kiosk]:
    state = directory / ("https" if cell.tls else "http")
    ca_file = str(state / "tls/ca.pem") if cell.tls else ""
    kiosk = Kiosk(state, server.url, timeout=TIME_OUT, ca_file=ca_file)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    await kiosk.until(lambda: kiosk.view.can_look_up, "the service's offer")
    yield kiosk
    server.faults.clear()
    await kiosk.controller.stop()


async def to_welcome(_kiosk: Kiosk) -> None:
    """Already there."""


async def to_sent(kiosk: Kiosk) -> None:
    await kiosk.to_confirm()
    kiosk.do(flow.SendConfirmed())
    await kiosk.reaches(State.SENT)


async def to_no_email(kiosk: Kiosk) -> None:
    await to_sent(kiosk)
    kiosk.do(flow.NoEmailYet())


async def to_pin_typed(kiosk: Kiosk) -> None:
    await kiosk.to_pin()
    kiosk.type_pin(PIN)


async def to_choose_case(kiosk: Kiosk) -> None:
    kiosk.do(flow.Started(), flow.Agreed())


async def to_staff_called(kiosk: Kiosk) -> None:
    await to_choose_case(kiosk)
    kiosk.do(flow.StaffCalled())
    await kiosk.until(lambda: kiosk.view.staff is StaffCall.TOLD, "staff")


async def prove_lookup(kiosk: Kiosk) -> None:
    await to_lookup_pin(kiosk)
    kiosk.type_pin(PIN)


STEPS: dict[str, tuple[Callable[[Kiosk], object], tuple[flow.Event, ...]]] = {
    "health": (to_welcome, ()),
    "challenge": (Kiosk.to_username, (flow.UsernameEntered("hoasen"),)),
    "requestReset": (to_pin_typed, (flow.PinConfirmed(),)),
    "lookUpAccounts": (prove_lookup, (flow.PinConfirmed(),)),
    "confirm": (Kiosk.to_confirm, (flow.SendConfirmed(),)),
    "status": (Kiosk.to_confirm, (flow.SendConfirmed(),)),
    "resend": (to_no_email, (flow.ResendAsked(),)),
    "callStaff": (to_choose_case, (flow.StaffCalled(),)),
    "cancelStaffCall": (to_staff_called, (flow.StaffCallCancelled(),)),
}
"""For each call: how to come to the step before it, and the press that makes it."""


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
async def test_every_fault_at_every_call(
    kiosk: Kiosk,
    server: SandboxServer,
    cell: Cell,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
) -> None:
    everywhere = cell.tls or cell.fault in ("refuse", "clock")
    come, presses = STEPS[cell.call]
    if everywhere and cell.call == "status":
        # The order itself shall pass, and only the questions after it fail.
        come, presses = to_sent, ()
    await come(kiosk)  # type: ignore[misc]
    tries = kiosk.driver.token("hoa-sen").verify_count
    seconds = 3 * TIME_OUT if cell.fault == "slow" else None
    server.faults.set(cell.fault, call="" if everywhere else cell.call, seconds=seconds)
    kiosk.do(*presses)

    if cell.call in ("callStaff", "cancelStaffCall"):
        await _staff_screen(kiosk, cell)
    else:
        await kiosk.until(lambda: _is_there(kiosk, cell), cell.name, DEADLINE)
    await kiosk.until(lambda: kiosk.mails >= cell.mails, "the mails", DEADLINE)
    await _come_to_rest(kiosk, cell)

    assert kiosk.mails == cell.mails
    pressed = any(isinstance(event, flow.PinConfirmed) for event in presses)
    assert kiosk.driver.token("hoa-sen").verify_count == tries + pressed
    view = kiosk.view
    if cell.fault == "controls" and view.reset is not None:
        assert view.reset.organisation.isprintable()
        assert view.reset.masked_email.isprintable()
    if cell.fault == "bad-url" and view.mailbox is not None:
        assert view.mailbox.url == "https://mail.google.com"
    assert "Traceback" not in caplog.text
    if cell.call == "status":
        server.faults.clear()
        await kiosk.until(lambda: kiosk.view.delivery == "delivered", "the mail's arrival")
    if cell.state is State.OUT_OF_SERVICE:
        server.faults.clear()
        await kiosk.reaches(State.WELCOME)
    assert not kiosk.crashes
    record_property(SERVICE_CELL, cell.name)


def _is_there(kiosk: Kiosk, cell: Cell) -> bool:
    return kiosk.view.state is cell.state and kiosk.view.problem is cell.problem


async def _staff_screen(kiosk: Kiosk, cell: Cell) -> None:
    """The step stays, and the customer is told the truth about who was told."""
    if cell.call == "callStaff":
        told = StaffCall.TOLD if cell.staff_told else StaffCall.FAILED
        await kiosk.until(lambda: kiosk.view.staff is told, cell.name, DEADLINE)
        assert kiosk.view.overlay is Overlay.STAFF_CALL
    else:
        assert kiosk.view.overlay is Overlay.NONE
    assert kiosk.view.state is cell.state


async def _come_to_rest(kiosk: Kiosk, cell: Cell) -> None:
    """Give what is still under way the time to show itself: a slow order is carried out after
    the kiosk has given up, and must not be carried out twice."""
    if cell.fault == "slow":
        await asyncio.sleep(3 * TIME_OUT)
