"""Says one text at a time by a program beside the kiosk, and never waits for it.

Whatever becomes of the program, the kiosk goes on: a fault is one line in the log, and
silence until `renew`.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from kiosk.supervision import where

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds in which a program has to begin or to fall silent."""

LONGEST = 300.0
"""Seconds after which a program that still speaks one text is taken for hung."""

VOICES = {"zh": "cmn"}
"""Languages that the programs call otherwise than the catalogues do."""


class SpeechFailed(Exception):
    """The program does not do what it should. The message says what it does, never a text."""


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """What is to be said."""

    text: str
    language: str


class Speaker(ABC):
    """The port to a speech program. All methods but `close` return at once.

    The newest wish wins: what is being said is broken off for it. Everything that touches the
    program happens in one task, which the first wish starts; it needs a running loop.
    """

    NAME: ClassVar[str]
    """The program's name, for the log."""

    def __init__(self, rate: int) -> None:
        """Make a speaker that is silent.

        Args:
            rate: words a minute, 80 to 400.
        """
        self.rate = rate
        self._wish: Wish | None = None
        self._changed = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._broken = False

    @property
    def speaking(self) -> bool:
        """Whether something is being said, or is about to be."""
        return self._wish is not None

    def say(self, text: str, language: str) -> None:
        """Say `text` now, in this language of the catalogues."""
        if self._broken or not text:
            return
        self._wish = Wish(text, VOICES.get(language, language))
        self._changed.set()
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    def stop(self) -> None:
        """Break off."""
        if self._wish is not None:
            self._wish = None
            self._changed.set()

    def renew(self) -> None:
        """Try again with a program that has failed before."""
        self._broken = False

    async def close(self) -> None:
        """End, and leave no program behind but one that the kernel holds."""
        self._broken, self._wish = True, None
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait((self._worker,), timeout=PATIENCE)
            self._worker = None
        await self._let_go()

    async def _work(self) -> None:
        while True:
            await self._changed.wait()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._silence()
                    self._changed.clear()
                    wish = self._wish
                    if wish is not None:
                        await self._begin(wish)
                if wish is not None:
                    await self._until_said(wish)
            except TimeoutError:
                await self._fail(f"does not answer within {PATIENCE:g} s")
            except SpeechFailed as error:
                await self._fail(str(error))
            except OSError as error:
                await self._fail(f"cannot be used: {error.strerror or type(error).__name__}")
            except Exception as error:
                # Nobody waits for this task: it would be silent for ever, and say nothing of it.
                await self._fail(f"fault at {where(error)}")

    async def _until_said(self, wish: Wish) -> None:
        """Wait until it was said or something else is wanted."""
        said = asyncio.ensure_future(self._said())
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait(
                (said, changed), timeout=LONGEST, return_when=asyncio.FIRST_COMPLETED
            )
            if said.done():
                said.result()
            elif not changed.done():
                raise SpeechFailed(f"still speaks after {LONGEST:g} s")
        finally:
            for task in (said, changed):
                task.cancel()
            await asyncio.wait((said, changed))
        if self._wish is wish:
            self._wish = None

    async def _fail(self, why: str) -> None:
        log.warning("speech: %s %s; silent until the next visit", self.NAME, why)
        self._broken, self._wish = True, None
        self._changed.clear()
        await self._let_go()

    async def _let_go(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._drop()
        except Exception as error:
            log.warning("speech: %s does not end: %s", self.NAME, where(error))

    @abstractmethod
    async def _begin(self, wish: Wish) -> None:
        """Have the program begin, which is silent now.

        Raises:
            SpeechFailed, OSError: it cannot.
        """

    @abstractmethod
    async def _said(self) -> None:
        """Return when all was said. May be cancelled at any point.

        Raises:
            SpeechFailed, OSError: it was not.
        """

    @abstractmethod
    async def _silence(self) -> None:
        """Break off what is being said, if anything is.

        Raises:
            SpeechFailed, OSError: the program does not listen.
        """

    @abstractmethod
    async def _drop(self) -> None:
        """Let go of the program: end it, if it is the kiosk's own."""
