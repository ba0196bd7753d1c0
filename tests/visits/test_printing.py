"""Whole visits: the slip with the way by telephone, beside everything else."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kiosk import flow
from kiosk.audit import Journal
from kiosk.audit_verify import newest
from kiosk.flow import Overlay, State
from kiosk.printing.printer import Printer
from kiosk.printing.slip import Slip
from kiosk.sandbox.server.run import SandboxServer
from kiosk.session import MOST_SLIPS
from kiosk.view import Printing
from tests.printing.receipt import FileDevice, NetworkDevice, Receipt, printing_processes
from tests.visits.kiosk import Kiosk

TO_HOTLINE = (flow.Started(), flow.Agreed(), flow.ForgotUsername())


@asynccontextmanager
async def a_kiosk(
    directory: Path, server: SandboxServer, printer: Printer | None, journal: Path | None = None
) -> AsyncIterator[Kiosk]:
    kiosk = Kiosk(
        directory, server.url, printer=printer, journal=Journal(journal) if journal else None
    )
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    try:
        yield kiosk
    finally:
        await kiosk.controller.stop()
    assert not kiosk.crashes


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    """A device that never takes a byte."""
    os.mkfifo(tmp_path / "stuck")
    return tmp_path / "stuck"


async def becomes(kiosk: Kiosk, printing: Printing) -> None:
    await kiosk.until(lambda: kiosk.view.printer is printing, f"{printing}")


async def test_without_a_printer_there_is_none_to_press(kiosk: Kiosk) -> None:
    kiosk.do(*TO_HOTLINE)
    assert kiosk.view.printer is None
    kiosk.do(flow.PrintAsked())
    assert kiosk.view.printer is None
    assert kiosk.view.state is State.HOTLINE


async def test_a_slip_in_the_language_of_the_customer_and_the_journal_says_so(
    directory: Path, server: SandboxServer, tmp_path: Path
) -> None:
    slips = []
    with NetworkDevice() as device:
        printer = Printer(device.address)
        async with a_kiosk(directory, server, printer, tmp_path / "audit") as kiosk:
            kiosk.do(*TO_HOTLINE)
            assert kiosk.view.printer is Printing.READY
            for _ in range(2):
                kiosk.do(flow.PrintAsked(), flow.PrintAsked(), flow.PrintAsked())
                assert kiosk.view.printer is Printing.PRINTING
                await becomes(kiosk, Printing.PRINTED)
                slips.append(device.slips.get(timeout=10))
                kiosk.controller.toggle_language()
            assert device.slips.empty(), "a second press has printed a second slip"
            kiosk.do(flow.Back())
            assert kiosk.view.printer is Printing.READY
    receipts = [Receipt.read(slip, 384) for slip in slips]
    assert [receipt.codes for receipt in receipts] == [["tel:18001260"]] * 2
    assert receipts[0].rows != receipts[1].rows
    effect = flow.Effect.PRINT_SLIP.value
    lines = [line for line in newest(tmp_path / "audit", 100) if line.effect == effect]
    assert [(line.what, line.outcome) for line in lines] == [
        ("effect begun", ""),
        ("effect done", "printed"),
    ] * 2
    assert {line.visit for line in lines} != {""}


async def test_a_visit_has_three_slips_and_the_next_one_has_three_again(
    directory: Path, server: SandboxServer
) -> None:
    printer = SlowPrinter()
    async with a_kiosk(directory, server, printer) as kiosk:
        kiosk.do(*TO_HOTLINE)
        for _ in range(MOST_SLIPS):
            assert kiosk.view.may_print
            printer.finish.set()
            kiosk.do(flow.PrintAsked())
            await becomes(kiosk, Printing.PRINTED)
        assert not kiosk.view.may_print
        kiosk.do(flow.PrintAsked(), flow.Back(), flow.ForgotUsername(), flow.PrintAsked())
        assert not kiosk.view.may_print
        assert kiosk.view.printer is Printing.READY
        kiosk.do(flow.Finished())
        await kiosk.reaches(State.WELCOME)
        assert kiosk.view.may_print
    assert len(printer.languages) == MOST_SLIPS


async def test_a_device_that_hangs_holds_nothing_up(
    directory: Path, server: SandboxServer, stuck: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_kiosk(directory, server, Printer(str(stuck), seconds=1.5)) as kiosk:
        kiosk.do(*TO_HOTLINE, flow.PrintAsked())
        began = time.monotonic()
        kiosk.do(flow.StaffCalled(), flow.StaffCallCancelled())
        kiosk.controller.toggle_language()
        assert (kiosk.view.language, kiosk.view.overlay) == ("en", Overlay.NONE)
        assert kiosk.view.printer is Printing.PRINTING
        assert time.monotonic() - began < 0.5
        await becomes(kiosk, Printing.FAILED)
        assert kiosk.view.state is State.HOTLINE
        assert not printing_processes()
    assert "the slip was not printed: the device has not taken it within 1.5 s" in caplog.messages
    assert "Traceback" not in caplog.text


class SlowPrinter(Printer):
    """Finishes a slip when it is told to."""

    def __init__(self) -> None:
        super().__init__("/dev/null")
        self.languages: list[str] = []
        self.finish = asyncio.Event()

    async def print(self, slip: Slip) -> None:
        self.languages.append(slip.language)
        await self.finish.wait()
        self.finish.clear()


async def test_what_a_customer_left_behind_does_not_come_out_for_the_next(
    directory: Path, server: SandboxServer
) -> None:
    printer = SlowPrinter()
    async with a_kiosk(directory, server, printer) as kiosk:
        kiosk.do(*TO_HOTLINE, flow.PrintAsked())
        await kiosk.until(lambda: printer.languages == ["vi"], "the first slip")
        kiosk.do(flow.Back(), flow.ForgotUsername())
        assert kiosk.view.printer is Printing.READY
        # It waits for the first to be done, and is given up with its customer.
        kiosk.do(flow.PrintAsked(), flow.Finished())
        await kiosk.reaches(State.WELCOME)
        kiosk.do(*TO_HOTLINE)
        assert kiosk.view.printer is Printing.READY
        kiosk.controller.toggle_language()
        kiosk.do(flow.PrintAsked())
        for _ in range(5):
            await asyncio.sleep(0)
        assert printer.languages == ["vi"], "one at a time"
        printer.finish.set()
        await kiosk.until(lambda: len(printer.languages) == 2, "the second customer's slip")
        assert kiosk.view.printer is Printing.PRINTING
        printer.finish.set()
        await becomes(kiosk, Printing.PRINTED)
        assert printer.languages == ["vi", "en"]


async def test_a_device_that_hangs_does_not_keep_the_kiosk_from_ending(
    directory: Path, server: SandboxServer, stuck: Path
) -> None:
    async with a_kiosk(directory, server, Printer(str(stuck))) as kiosk:
        kiosk.do(*TO_HOTLINE, flow.PrintAsked())
        await kiosk.until(lambda: bool(printing_processes()), "the process")
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert not printing_processes()


async def test_a_device_that_is_not_there(
    directory: Path, server: SandboxServer, tmp_path: Path
) -> None:
    async with a_kiosk(directory, server, Printer(str(tmp_path / "lp0"))) as kiosk:
        kiosk.do(*TO_HOTLINE, flow.PrintAsked())
        await becomes(kiosk, Printing.FAILED)
        # It can be tried again once somebody has plugged it in.
        device = FileDevice(tmp_path / "lp0")
        kiosk.do(flow.PrintAsked())
        await becomes(kiosk, Printing.PRINTED)
        assert device.taken()
