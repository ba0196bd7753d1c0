"""The watcher on the real pcscd."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from kiosk.hardware.readers import PcscWatcher, ReaderState
from kiosk.sandbox.card import CardControl
from tests.stack.parts import Pcscd
from tests.watching import Reports

pytestmark = pytest.mark.stack


@pytest.fixture
def watch(pcscd: Pcscd) -> Iterator[Callable[[], Reports]]:
    watchers: list[PcscWatcher] = []

    def start() -> Reports:
        reports = Reports()
        watcher = PcscWatcher()
        watchers.append(watcher)
        watcher.start(reports)
        return reports

    yield start
    for watcher in watchers:
        watcher.stop()


def card_in(reader: str) -> Callable[[ReaderState], bool]:
    return lambda state: [card.reader for card in state.cards] == [reader]


def no_card(state: ReaderState) -> bool:
    return state.available and not state.cards


def test_readers_are_told_at_once(pcscd: Pcscd, watch: Callable[[], Reports]) -> None:
    began = time.monotonic()
    reports = watch()
    state = reports.wait_for(lambda state: state.available)
    assert time.monotonic() - began < 1.0
    assert state.readers == (pcscd.reader, pcscd.second_reader)
    assert state.cards == ()


def test_card_comes_and_goes(pcscd: Pcscd, card: CardControl, watch: Callable[[], Reports]) -> None:
    reports = watch()
    reports.wait_for(no_card)
    card.insert("hoa-sen")
    state = reports.wait_for(card_in(pcscd.reader))
    assert state.cards[0].atr.startswith(b"\x3b")
    assert not state.cards[0].mute
    card.remove()
    reports.wait_for(no_card)


def test_each_insertion_has_its_own_count(
    pcscd: Pcscd, card: CardControl, watch: Callable[[], Reports]
) -> None:
    reports = watch()
    card.insert("hoa-sen")
    first = reports.wait_for(card_in(pcscd.reader)).cards[0]
    card.remove()
    reports.wait_for(no_card)
    card.insert("hoa-sen")
    second = reports.wait_for(card_in(pcscd.reader)).cards[0]
    assert (second.reader, second.atr) == (first.reader, first.atr)
    assert second.insertions != first.insertions


def test_mute_card_is_told(pcscd: Pcscd, card: CardControl, watch: Callable[[], Reports]) -> None:
    reports = watch()
    card.mute(True)
    card.insert("hoa-sen")
    state = reports.wait_for(card_in(pcscd.reader))
    assert state.cards[0].mute
    assert state.cards[0].atr == b""


def test_pcscd_goes_and_comes_back(
    pcscd: Pcscd, card: CardControl, watch: Callable[[], Reports]
) -> None:
    reports = watch()
    card.insert("hoa-sen")
    reports.wait_for(card_in(pcscd.reader))
    pcscd.stop()
    reports.wait_for(lambda state: not state.available)
    pcscd.start()
    reports.wait_for(card_in(pcscd.reader))
    # One report for going away, however often the watcher tried in between.
    assert [state.available for state in reports.seen].count(False) == 1


def test_stop_is_quick_and_final(
    pcscd: Pcscd, card: CardControl, watch: Callable[[], Reports]
) -> None:
    reports = Reports()
    watcher = PcscWatcher()
    watcher.start(reports)
    reports.wait_for(no_card)
    began = time.monotonic()
    watcher.stop()
    assert time.monotonic() - began < 0.5
    seen = len(reports.seen)
    card.insert("hoa-sen")
    # Another watcher sees the card, so this one would have, too.
    watch().wait_for(card_in(pcscd.reader))
    assert len(reports.seen) == seen
