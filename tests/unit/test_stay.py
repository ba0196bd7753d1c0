"""Whether a card was in all the time, with PC/SC in memory."""

from __future__ import annotations

from kiosk.hardware.readers import MUTE
from kiosk.hardware.stay import Stays
from tests.unit.test_readers import FakePcsc

READER, OTHER = "Reader 00 00", "Reader 00 01"
ATR = bytes.fromhex("3B00")


def test_a_card_that_stays_has_one_stay() -> None:
    pcsc = FakePcsc()
    pcsc.set(READER, ATR, 3)
    pcsc.set(OTHER, None, 0)
    stays = Stays(pcsc)
    first = stays.of(READER)
    pcsc.set(OTHER, ATR, 1)
    assert first is not None
    assert stays.of(READER) == first
    assert pcsc.attempts == 1


def test_a_card_that_was_out_has_another_stay_even_if_nobody_saw_it_leave() -> None:
    pcsc = FakePcsc()
    pcsc.set(READER, ATR, 3)
    stays = Stays(pcsc)
    first = stays.of(READER)
    pcsc.set(READER, ATR, 5)
    second = stays.of(READER)
    assert second is not None
    assert second != first


def test_no_card_no_reader_and_a_mute_card_have_none() -> None:
    pcsc = FakePcsc()
    pcsc.set(READER, None, 3)
    stays = Stays(pcsc)
    assert stays.of(READER) is None
    assert stays.of(OTHER) is None
    pcsc.set(READER, ATR, 4, MUTE)
    assert stays.of(READER) is None


def test_a_restarted_pcsc_counts_anew() -> None:
    """The same count after it says nothing about the card that was in before."""
    pcsc = FakePcsc()
    pcsc.set(READER, ATR, 1)
    stays = Stays(pcsc)
    first = stays.of(READER)
    pcsc.set_down(True)
    assert stays.of(READER) is None
    assert pcsc.contexts == 0
    pcsc.set_down(False)
    again = stays.of(READER)
    assert again is not None
    assert again != first


def test_without_pcsc_there_is_no_stay_until_it_comes() -> None:
    pcsc = FakePcsc()
    pcsc.set_down(True)
    pcsc.set(READER, ATR, 1)
    stays = Stays(pcsc)
    stays.prepare()
    assert stays.of(READER) is None
    pcsc.set_down(False)
    assert stays.of(READER) is not None
