"""The watcher on a PC/SC that does what virtual readers cannot: vanish, break, swap unseen."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from kiosk.hardware.readers import (
    MUTE,
    PRESENT,
    Card,
    Pcsc,
    PcscReader,
    PcscUnavailable,
    PcscWatcher,
    ReaderState,
)
from tests.watching import Reports

ATR = b"\x3b\x80\x01"
TOKEN = "Feitian ePass2003 00 00"


class FakePcsc(Pcsc):
    """PC/SC in memory, with pcsc-lite's rules for states and waits."""

    def __init__(self) -> None:
        self.present: dict[str, PcscReader] = {}
        self.down = False
        self.attempts = 0
        self.contexts = 0
        """Contexts that were taken and not given back."""
        self._cancelled = False
        self._changed = threading.Condition()

    def set(self, name: str, card: bytes | None, counter: int, state: int = 0) -> None:
        """Have a reader, with a card or without; `counter` is its event counter."""
        bits = (PRESENT if card is not None else 0x0010) | state
        with self._changed:
            self.present[name] = PcscReader(name, counter << 16 | bits, card or b"")
            self._changed.notify_all()

    def pull_reader(self, name: str) -> None:
        with self._changed:
            del self.present[name]
            self._changed.notify_all()

    def set_down(self, down: bool) -> None:
        with self._changed:
            self.down = down
            self._changed.notify_all()

    def establish(self) -> None:
        self.attempts += 1
        self._check()
        self.contexts += 1

    def readers(self) -> tuple[str, ...]:
        self._check()
        return tuple(self.present)

    def changes(self, known: Sequence[PcscReader], milliseconds: int) -> tuple[PcscReader, ...]:
        asked = {reader.name: reader.event_state for reader in known}

        def changed() -> bool:
            there = {name: reader.event_state for name, reader in self.present.items()}
            return self.down or self._cancelled or there != asked

        with self._changed:
            self._changed.wait_for(changed, milliseconds / 1000)
            self._cancelled = False
            self._check()
            if set(asked) - set(self.present):
                return ()
            return tuple(self.present[name] for name in asked)

    def cancel(self) -> None:
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    def release(self) -> None:
        self.contexts = 0

    def _check(self) -> None:
        if self.down:
            raise PcscUnavailable("SCardListReaders: 0x8010001D")


@pytest.fixture
def pcsc() -> FakePcsc:
    return FakePcsc()


@pytest.fixture
def reports(pcsc: FakePcsc) -> Iterator[Reports]:
    reports, watcher = Reports(), PcscWatcher(pcsc)
    watcher.start(reports)
    reports.wait_for(lambda state: True)
    yield reports
    watcher.stop()
    assert pcsc.contexts == 0


def test_no_reader_is_a_state_of_its_own(reports: Reports) -> None:
    assert reports.seen == [ReaderState(available=True)]


def test_token_brings_its_reader_and_takes_it_away(pcsc: FakePcsc, reports: Reports) -> None:
    pcsc.set(TOKEN, ATR, 1)
    state = reports.wait_for(lambda state: bool(state.cards))
    assert state == ReaderState(True, (TOKEN,), (Card(TOKEN, ATR, 1),))
    pcsc.pull_reader(TOKEN)
    reports.wait_for(lambda state: state == ReaderState(available=True))
    pcsc.set(TOKEN, ATR, 1)
    reports.wait_for(lambda state: state.readers == (TOKEN,))


def test_one_of_two_readers_vanishes(pcsc: FakePcsc, reports: Reports) -> None:
    pcsc.set("fixed 00 00", None, 0)
    pcsc.set(TOKEN, ATR, 1)
    reports.wait_for(lambda state: len(state.readers) == 2)
    pcsc.pull_reader(TOKEN)
    state = reports.wait_for(lambda state: len(state.readers) == 1)
    assert state == ReaderState(True, ("fixed 00 00",), ())


def test_card_swapped_between_two_looks_is_another_one(pcsc: FakePcsc, reports: Reports) -> None:
    pcsc.set(TOKEN, ATR, 1)
    reports.wait_for(lambda state: bool(state.cards))
    pcsc.set(TOKEN, ATR, 3)
    state = reports.wait_for(lambda state: state.cards[0].insertions == 3)
    assert state.cards[0].atr == ATR
    assert all(state.cards for state in reports.seen[1:])


def test_mute_card(pcsc: FakePcsc, reports: Reports) -> None:
    pcsc.set(TOKEN, b"", 1, state=MUTE)
    state = reports.wait_for(lambda state: bool(state.cards))
    assert state.cards == (Card(TOKEN, b"", 1, mute=True),)


def test_pcscd_away_is_told_once_and_so_is_its_return(pcsc: FakePcsc, reports: Reports) -> None:
    pcsc.set(TOKEN, ATR, 1)
    reports.wait_for(lambda state: bool(state.cards))
    before, attempts = len(reports.seen), pcsc.attempts
    pcsc.set_down(True)
    reports.wait_for(lambda state: not state.available)
    deadline = time.monotonic() + 5
    while pcsc.attempts < attempts + 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    pcsc.set_down(False)
    reports.wait_for(lambda state: bool(state.cards))
    assert reports.seen[before:] == [
        ReaderState(available=False),
        ReaderState(True, (TOKEN,), (Card(TOKEN, ATR, 1),)),
    ]


def test_pcscd_away_from_the_start(pcsc: FakePcsc) -> None:
    pcsc.set_down(True)
    reports, watcher = Reports(), PcscWatcher(pcsc)
    watcher.start(reports)
    reports.wait_for(lambda state: not state.available)
    pcsc.set_down(False)
    reports.wait_for(lambda state: state.available)
    watcher.stop()


def test_what_stays_as_it_is_is_not_told_again(pcsc: FakePcsc, reports: Reports) -> None:
    pcsc.set("fixed 00 00", None, 0)
    reports.wait_for(lambda state: bool(state.readers))
    told = len(reports.seen)
    # The counter of an empty reader moves, but for the kiosk nothing has changed.
    pcsc.set("fixed 00 00", None, 2)
    pcsc.set(TOKEN, ATR, 1)
    reports.wait_for(lambda state: bool(state.cards))
    assert len(reports.seen) == told + 1


def test_stop_is_quick_also_while_pcscd_is_away(pcsc: FakePcsc) -> None:
    pcsc.set_down(True)
    reports, watcher = Reports(), PcscWatcher(pcsc)
    watcher.start(reports)
    reports.wait_for(lambda state: not state.available)
    began = time.monotonic()
    watcher.stop()
    assert time.monotonic() - began < 0.5
    assert not any(thread.name == "pcsc-watcher" for thread in threading.enumerate())


def test_pyscard_is_imported_late() -> None:
    program = "import kiosk.hardware.readers, sys; sys.exit('smartcard' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
