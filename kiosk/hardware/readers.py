"""Watches PC/SC: which readers there are and which cards are in them.

The watcher asks for state, never connects to a card: a second connection can log
another application out of the card. State and ATR come without one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

log = logging.getLogger(__name__)


class Card(msgspec.Struct, frozen=True):
    """A card (or the card inside a USB token) in a reader."""

    reader: str
    atr: bytes
    """Answer to reset (ISO/IEC 7816-3). Empty when the card is mute."""
    insertions: int
    """PC/SC's event counter of the reader: a changed value under the same reader means
    that the card was out in between, even if nobody saw it leave."""
    mute: bool = False
    """The card gave no answer to reset."""


class ReaderState(msgspec.Struct, frozen=True):
    """All readers at one moment. State, not events: two quick changes may be seen as one."""

    available: bool
    """Whether PC/SC answers at all."""
    readers: tuple[str, ...] = ()
    cards: tuple[Card, ...] = ()


class ReaderWatcher(Protocol):
    """Reports the state of the readers whenever it changes."""

    def start(self, report: Callable[[ReaderState], None]) -> None:
        """Begin to watch. `report` is called at once and at every change, from any thread."""

    def stop(self) -> None:
        """Stop; returns within a second. No report comes afterwards."""


class PcscUnavailable(Exception):
    """PC/SC does not answer; carries the function and its return value."""


class PcscReader(msgspec.Struct, frozen=True):
    """One reader as SCardGetStatusChange tells it."""

    name: str
    event_state: int
    """dwEventState: SCARD_STATE bits below, pcsc-lite's event counter in the upper 16."""
    atr: bytes = b""


PRESENT = 0x0020
"""SCARD_STATE_PRESENT"""
MUTE = 0x0200
"""SCARD_STATE_MUTE"""
CHANGED = 0x0002
"""SCARD_STATE_CHANGED"""


class Pcsc(Protocol):
    """The few PC/SC functions that the watcher needs. Each may raise `PcscUnavailable`."""

    def establish(self) -> None:
        """Take a fresh context (SCardEstablishContext)."""

    def readers(self) -> tuple[str, ...]:
        """Names of all readers (SCardListReaders); none is no error."""
        ...

    def changes(self, known: Sequence[PcscReader], milliseconds: int) -> tuple[PcscReader, ...]:
        """Wait until something differs from `known` or the time is over; tell the state then.

        Empty when a reader vanished meanwhile, so that the list has to be read anew.
        """
        ...

    def cancel(self) -> None:
        """Make a wait in another thread return (SCardCancel). Never raises."""

    def release(self) -> None:
        """Give the context back. Never raises."""


class SystemPcsc:
    """The machine's PC/SC service, through pyscard's thin layer."""

    _PNP = "\\\\?PnP?\\Notification"
    """Pseudo-reader whose state changes when a reader comes or goes."""

    def __init__(self) -> None:
        self._scard: Any = None
        self._context: int | None = None

    def establish(self) -> None:
        """See `Pcsc`."""
        if self._scard is None:
            from smartcard import scard  # noqa: PLC0415 - not needed before the first frame

            self._scard = scard
        result, context = self._scard.SCardEstablishContext(self._scard.SCARD_SCOPE_SYSTEM)
        self._check("SCardEstablishContext", result)
        self._context = context

    def readers(self) -> tuple[str, ...]:
        """See `Pcsc`."""
        result, names = self._scard.SCardListReaders(self._context, [])
        if _same(result, self._scard.SCARD_E_NO_READERS_AVAILABLE):
            return ()
        self._check("SCardListReaders", result)
        return tuple(names)

    def changes(self, known: Sequence[PcscReader], milliseconds: int) -> tuple[PcscReader, ...]:
        """See `Pcsc`."""
        asked = [(reader.name, reader.event_state & ~CHANGED) for reader in known]
        result, states = self._scard.SCardGetStatusChange(
            self._context, milliseconds, [*asked, (self._PNP, 0)]
        )
        if _same(result, self._scard.SCARD_E_UNKNOWN_READER):
            return ()
        for harmless in (self._scard.SCARD_E_TIMEOUT, self._scard.SCARD_E_CANCELLED):
            if _same(result, harmless):
                return tuple(known)
        self._check("SCardGetStatusChange", result)
        return tuple(
            PcscReader(name, event_state, bytes(atr))
            for name, event_state, atr in states
            if name != self._PNP
        )

    def cancel(self) -> None:
        """See `Pcsc`."""
        context = self._context
        if context is not None:
            self._scard.SCardCancel(context)

    def release(self) -> None:
        """See `Pcsc`."""
        context, self._context = self._context, None
        if context is not None:
            self._scard.SCardReleaseContext(context)

    def _check(self, function: str, result: int) -> None:
        if not _same(result, self._scard.SCARD_S_SUCCESS):
            raise PcscUnavailable(f"{function}: 0x{result & 0xFFFFFFFF:08X}")


def _same(result: int, code: int) -> bool:
    """Compare two LONGs, which pyscard gives signed or unsigned, by platform."""
    return (result ^ code) & 0xFFFFFFFF == 0


class PcscWatcher(ReaderWatcher):
    """Watches PC/SC from a daemon thread of its own.

    PC/SC may go away and come back (pcscd restarts): that is reported once each way.
    `report` must not wait for the thread that calls `stop`.
    """

    POLL = 1000
    """Milliseconds of one wait. Only a safety net: changes end a wait at once."""
    BACK_OFF = (0.2, 2.0)
    """Seconds before the first and at most before a later attempt to reach PC/SC."""

    def __init__(self, pcsc: Pcsc | None = None) -> None:
        self._pcsc: Pcsc = pcsc or SystemPcsc()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._reporting = threading.Lock()
        self._report: Callable[[ReaderState], None] | None = None
        self._reported: ReaderState | None = None

    def start(self, report: Callable[[ReaderState], None]) -> None:
        """See `ReaderWatcher`. A watcher is started once."""
        if self._thread is not None:
            raise RuntimeError("the watcher was started before")
        self._report = report
        self._thread = threading.Thread(target=self._run, name="pcsc-watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """See `ReaderWatcher`."""
        self._stopping.set()
        with self._reporting:
            self._report = None
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        deadline = time.monotonic() + 0.9
        while thread.is_alive() and time.monotonic() < deadline:
            # A cancel that comes just before the wait begins is lost, so it is repeated.
            self._pcsc.cancel()
            thread.join(0.05)

    def _run(self) -> None:
        shortest, longest = self.BACK_OFF
        back_off = shortest
        while not self._stopping.is_set():
            try:
                self._pcsc.establish()
                known = self._look(())
                back_off = shortest
                while not self._stopping.is_set():
                    known = self._look(known)
            except Exception as error:
                # Whatever goes wrong, a watcher that ended would leave a kiosk that looks
                # in order and never sees a token again.
                if self._reported is None or self._reported.available:
                    why = error if isinstance(error, PcscUnavailable) else type(error).__name__
                    log.warning("PC/SC does not answer: %s", why)
                self._tell(ReaderState(available=False))
                self._stopping.wait(back_off)
                back_off = min(longest, back_off * 2)
            finally:
                self._pcsc.release()

    def _look(self, known: tuple[PcscReader, ...]) -> tuple[PcscReader, ...]:
        """Wait for a change against `known`, report it, return what is known now."""
        seen = {reader.name: reader for reader in known}
        # State 0 is SCARD_STATE_UNAWARE: the wait returns at once with the true state.
        asked = tuple(seen.get(name, PcscReader(name, 0)) for name in self._pcsc.readers())
        if not asked:
            self._tell(ReaderState(available=True))
        found = self._pcsc.changes(asked, self.POLL)
        if found:
            self._tell(_state(found))
        return found

    def _tell(self, state: ReaderState) -> None:
        with self._reporting:
            if self._report is not None and state != self._reported:
                self._reported = state
                self._report(state)


def _state(found: Sequence[PcscReader]) -> ReaderState:
    """Turn PC/SC's view into ours."""
    cards = tuple(
        Card(
            reader=reader.name,
            atr=b"" if reader.event_state & MUTE else reader.atr,
            insertions=(reader.event_state >> 16) & 0xFFFF,
            mute=bool(reader.event_state & MUTE),
        )
        for reader in found
        if reader.event_state & PRESENT
    )
    return ReaderState(True, tuple(reader.name for reader in found), cards)
