"""The embedded token as the kiosk's driver would show it: with deadlines, and one at a time.

In the product a helper that hangs is killed when its deadline passes. The embedded token only
ever waits, so what surrounds a helper is put around it here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import TypeVar

from kiosk.hardware.readers import Card, ReaderState
from kiosk.hardware.token import (
    HelperDied,
    Mechanism,
    TokenCertificate,
    TokenInfo,
    TokenStalled,
)
from kiosk.hardware.token_client import Deadlines
from kiosk.sandbox.embedded import EmbeddedDriver, EmbeddedReader, EmbeddedToken
from kiosk.sandbox.piv import ATR
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import TOKENS_BY_NAME
from kiosk.sandbox.tokens import PinResult, TokenKey, VirtualToken

T = TypeVar("T")


class WalkReader(EmbeddedReader):
    """The embedded reader; a second one with a card of its own may stand beside it."""

    second = False

    def state(self) -> ReaderState:
        state = super().state()
        if not (self.second and state.available):
            return state
        other = Card("Second reader", ATR, 1)
        return ReaderState(True, (*state.readers, other.reader), (*state.cards, other))

    def report_again(self) -> None:
        """Report the state as it is."""
        self._changed()

    def swap_unseen(self, name: str) -> None:
        """Take the token out and put one in between two looks at the reader."""
        report, self._report = self._report, None
        try:
            self.remove()
            self.insert(name)
        finally:
            self._report = report
            self.report_again()


class WatchedVirtualToken(VirtualToken):
    """Remembers which PINs were presented."""

    def __init__(self, name: str, keys: tuple[TokenKey, ...]) -> None:
        super().__init__(TOKENS_BY_NAME[name], keys)
        self.presented: list[bytes] = []

    def verify(self, pin: bytes | memoryview) -> PinResult:
        self.presented.append(bytes(pin))
        return super().verify(pin)


@cache
def _keys(pki: SandboxPki, name: str) -> tuple[TokenKey, ...]:
    """Loading keys takes longer than a walk."""
    return VirtualToken.from_profile(TOKENS_BY_NAME[name], pki).keys


class WalkDriver(EmbeddedDriver):
    """Fresh tokens for each walk, and helpers around them."""

    def __init__(self, reader: EmbeddedReader, pki: SandboxPki) -> None:
        super().__init__(reader, pki)
        self.pace = 0.0
        """Seconds that a token takes for each answer."""
        self.watched: dict[str, WatchedVirtualToken] = {}
        self.opened: list[HelpedToken] = []
        self.deadlines = Deadlines()

    def token(self, name: str) -> VirtualToken:
        if name not in self.watched:
            self.watched[name] = WatchedVirtualToken(name, _keys(self._pki, name))
        return self.watched[name]

    async def open(self, reader: str, atr: bytes) -> HelpedToken:  # type: ignore[override]
        try:
            async with asyncio.timeout(self.deadlines.open):
                await asyncio.sleep(self.pace)
                token = HelpedToken(self, await super().open(reader, atr))
        except TimeoutError:
            raise TokenStalled("open", self.deadlines.open) from None
        self.opened.append(token)
        return token


class HelpedToken:
    """A token behind a helper: of no more use after a deadline or a cancelled request."""

    def __init__(self, driver: WalkDriver, token: EmbeddedToken) -> None:
        self._driver = driver
        self._token = token
        self._busy = False
        self.dead = False

    async def look(self) -> TokenInfo:
        return await self._ask("find", self._driver.deadlines.read, self._token.look)

    async def find(self, certificate: bytes = b"") -> TokenInfo:
        find = partial(self._token.find, certificate)
        return await self._ask("find", self._driver.deadlines.read, find)

    async def certificates(self) -> tuple[TokenCertificate, ...]:
        read = self._driver.deadlines.read
        return await self._ask("certificates", read, self._token.certificates)

    async def login(self, serial: str, certificate: bytes, pin: memoryview) -> None:
        login = partial(self._token.login, serial, certificate, pin)
        await self._ask("login", self._driver.deadlines.login, login)

    async def sign(
        self, certificate: bytes, mechanism: Mechanism, message: bytes, *, final: bool = True
    ) -> bytes:
        sign = partial(self._token.sign, certificate, mechanism, message, final=final)
        return await self._ask("sign", self._driver.deadlines.sign, sign)

    async def close(self) -> None:
        self.dead = True
        await self._token.close()

    async def _ask(self, operation: str, seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
        assert not self._busy, "two requests at once"
        if self.dead:
            raise HelperDied(-9)
        self._busy = True
        try:
            async with asyncio.timeout(seconds):
                # A request that is cancelled in the first half was not carried out, one
                # that is cancelled in the second half was.
                await asyncio.sleep(self._driver.pace / 2)
                answer = await ask()
                await asyncio.sleep(self._driver.pace / 2)
        except TimeoutError:
            self.dead = True
            raise TokenStalled(operation, seconds) from None
        except asyncio.CancelledError:
            self.dead = True
            raise
        finally:
            self._busy = False
        return answer
