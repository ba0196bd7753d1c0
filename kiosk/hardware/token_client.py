"""The token driver of the real kiosk: asks helper processes, never blocks, never waits for ever.

A helper holds one PKCS#11 module, for one visit. One stands ready with the default
module while nobody is served. Whatever goes wrong between the kiosk and a helper
(a deadline, a cancelled request, a broken frame), the helper is killed, so that none is
ever left in a state that nobody knows.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from kiosk.hardware import token as errors
from kiosk.hardware import token_wire as wire
from kiosk.hardware.catalogue import Catalogue, Family
from kiosk.hardware.token import (
    HelperDied,
    Mechanism,
    ModuleDescription,
    ModuleMissing,
    Token,
    TokenAbsent,
    TokenCertificate,
    TokenDriver,
    TokenError,
    TokenFailed,
    TokenInfo,
    TokenNotRecognised,
    TokenStalled,
)
from kiosk.hardware.token_process import LOAD, Helper
from kiosk.hardware.unknown_tokens import UnknownTokens

log = logging.getLogger(__name__)

ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "PATH", "PCSCLITE_CSOCK_NAME", "TZ", "USER")
"""Variables that a helper takes over. PCSCLITE_CSOCK_NAME (pcsc-lite's socket) is one,
because the helper has to see the same readers as the kiosk."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Longest time, in seconds, that a helper may take for an answer."""

    open: float = 15.0
    """To start and to load its module."""
    read: float = 20.0
    """To find the token, or to read its certificates."""
    login: float = 30.0
    sign: float = 30.0


def installed(module: Path) -> bool:
    """Tell whether the module is there, so that no process is started for nothing.

    What lies in a folder that may not be looked into is not.
    """
    return os.path.exists(module)  # noqa: PTH110 - Path.exists raises where it may not look.


class HelperToken(Token):
    """One token, asked through one helper. See `Token`."""

    def __init__(self, helper: Helper, reader: str, deadlines: Deadlines, family: Family) -> None:
        self._helper = helper
        self._reader = reader
        self._deadlines = deadlines
        self._family = family
        self._seen: TokenInfo | None = None
        """What the driver saw when it opened the token, until that is asked for."""

    @property
    def helper_pid(self) -> int:
        """Number of the helper process."""
        return self._helper.pid

    @property
    def module(self) -> Path | None:
        """The module that the token is asked through."""
        return self._helper.module

    async def describe(self) -> ModuleDescription:
        """Have the module tell what it is and what it sees, for a technician.

        Raises:
            TokenError
        """
        reply = await self._helper.ask(
            "describe", wire.Describe(), wire.Described, self._deadlines.read
        )
        return reply.module

    async def look(self) -> TokenInfo:
        """See `Token`."""
        seen, self._seen = self._seen, None
        return seen or await self._find(wire.Find(self._reader, pin_length=False))

    async def look_first(self) -> None:
        """Have the first `look` done: it is how the driver tells whether there is a token.

        Raises:
            TokenError
        """
        self._seen = await self.look()

    async def find(self, certificate: bytes = b"") -> TokenInfo:
        """See `Token`."""
        return await self._find(wire.Find(self._reader, certificate))

    async def _find(self, request: wire.Find) -> TokenInfo:
        reply = await self._helper.ask("find", request, wire.Found, self._deadlines.read)
        return replace(reply.token, certificates_after_login=self._family.certificates_after_login)

    async def certificates(self) -> tuple[TokenCertificate, ...]:
        """See `Token`."""
        reply = await self._helper.ask(
            "certificates", wire.ReadCertificates(), wire.Certificates, self._deadlines.read
        )
        return reply.certificates

    async def login(self, serial: str, certificate: bytes, pin: memoryview) -> None:
        """See `Token`."""
        request = wire.Login(serial, certificate)
        await self._helper.ask("login", request, wire.Done, self._deadlines.login, pin)

    async def sign(
        self, certificate: bytes, mechanism: Mechanism, message: bytes, *, final: bool = True
    ) -> bytes:
        """See `Token`."""
        request = wire.Sign(certificate, mechanism, message, final)
        reply = await self._helper.ask("sign", request, wire.Signature, self._deadlines.sign)
        return reply.signature

    async def close(self) -> None:
        """See `Token`."""
        self._helper.kill()


class HelperTokenDriver(TokenDriver):
    """Starts helpers for the modules of a catalogue. See `TokenDriver`."""

    def __init__(
        self,
        catalogue: Catalogue,
        deadlines: Deadlines | None = None,
        opensc_conf: Path | None = None,
        extra_env: Mapping[str, str] | None = None,
        unknown: UnknownTokens | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            catalogue: which modules may be loaded, and for which token.
            deadlines: how long a helper may take.
            opensc_conf: OpenSC's configuration file, for helpers only.
            extra_env: further environment variables of the helpers.
            unknown: where the ATRs of tokens of no family are written down.
        """
        self._catalogue = catalogue
        self._unknown = unknown
        self._deadlines = deadlines or Deadlines()
        self._environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        if opensc_conf is not None:
            self._environment["OPENSC_CONF"] = str(opensc_conf.resolve())
        self._environment.update(extra_env or {})
        self._helpers: set[Helper] = set()
        self._warm: Helper | None = None
        self._starting = asyncio.Lock()
        self._stalled: tuple[Path, TokenStalled, float] | None = None
        """The module that last hung while it was loaded, and when, on the loop's clock."""
        self._closed = False

    async def warm_up(self) -> None:
        """See `TokenDriver`. Starts nothing while a helper stands ready."""
        async with self._starting:
            warm, self._warm = self._warm, None
            if warm is not None:
                if warm.alive:
                    self._warm = warm
                    return
                warm.kill()
            default = self._catalogue.default
            module = next((one for one in default.modules if installed(one)), None)
            if module is None:
                return
            try:
                self._warm = await self._start(module, default.fixed_buffers)
            except TokenError as error:
                log.warning("no helper stands ready: %s", error)
                if isinstance(error, TokenStalled):
                    self._stalled = (module, error, asyncio.get_running_loop().time())

    async def open(self, reader: str, atr: bytes) -> Token:
        """See `TokenDriver`.

        The family's modules are tried in order until one sees a token behind the
        reader. If none does, the first that could be loaded is kept, and `find` says so.

        Raises:
            ModuleMissing: no module of the family is there, or none can be loaded.
            HelperDied, TokenStalled, TokenFailed: as the module behaved.
        """
        family = self._catalogue.family(atr)
        if family is self._catalogue.default and self._unknown is not None:
            self._unknown.note(atr)
        began = asyncio.get_running_loop().time()
        blind: HelperToken | None = None
        failures: list[TokenError] = []
        try:
            async with self._starting:
                for module in family.modules:
                    try:
                        self._spare_the_wait(module, began)
                        found, token = await self._try(module, family, reader)
                    except (ModuleMissing, HelperDied, TokenFailed) as error:
                        failures.append(error)
                        continue
                    except TokenStalled as error:
                        if error.operation != LOAD:
                            # The token may hang, and would hang with the next module as well.
                            raise
                        failures.append(error)
                        continue
                    if found:
                        if blind is not None:
                            await blind.close()
                        return token
                    if blind is None:
                        blind = token
                    else:
                        await token.close()
        except BaseException:
            if blind is not None:
                await blind.close()
            raise
        if blind is not None:
            return blind
        # A module that is there and fails says more than one that is not installed.
        raise next((e for e in failures if not isinstance(e, ModuleMissing)), failures[0])

    def _spare_the_wait(self, module: Path, began: float) -> None:
        """A module that was seen to hang while this customer waited is not waited for again.

        Raises:
            TokenStalled
        """
        if self._stalled is not None:
            stalled, error, moment = self._stalled
            if stalled == module and moment >= began:
                raise error

    async def open_with(self, module: Path, family: Family, reader: str) -> HelperToken:
        """Load this module, for a technician, whether it sees a token or not.

        Raises:
            ModuleMissing, HelperDied, TokenStalled, TokenFailed
        """
        helper = await self._start(module, family.fixed_buffers)
        return HelperToken(helper, reader, self._deadlines, family)

    async def close(self) -> None:
        """See `TokenDriver`."""
        self._closed = True
        self._warm = None
        helpers = list(self._helpers)
        for helper in helpers:
            helper.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                for helper in helpers:
                    await helper.ended.wait()

    async def _try(self, module: Path, family: Family, reader: str) -> tuple[bool, HelperToken]:
        """Open the token with this module, and tell whether the module sees one."""
        warm = self._warm
        wanted = (module, family.fixed_buffers)
        if warm is not None and (warm.module, warm.fixed_buffers) == wanted and warm.alive:
            self._warm = None
            token = HelperToken(warm, reader, self._deadlines, family)
            # It may have lost touch with PC/SC since it was started: then a fresh one is asked.
            with suppress(HelperDied, TokenFailed):
                if await self._sees(token):
                    return True, token
            await token.close()
        helper = await self._start(module, family.fixed_buffers)
        token = HelperToken(helper, reader, self._deadlines, family)
        return await self._sees(token), token

    async def _sees(self, token: HelperToken) -> bool:
        """Tell whether there is a token, or several; close it if that cannot be told.

        A blank one is a token too: the next module would find it no fuller."""
        try:
            await token.look_first()
        except (TokenNotRecognised, TokenAbsent):
            return False
        except (errors.SeveralTokens, errors.TokenBlank):
            return True
        except BaseException:
            await token.close()
            raise
        return True

    async def _start(self, module: Path, fixed_buffers: bool) -> Helper:
        """Start a helper and load the module.

        Raises:
            TokenError
        """
        if self._closed:
            raise TokenFailed("start", "the driver is closed")
        if not installed(module):
            raise ModuleMissing(str(module), "no such file")
        try:
            helper = Helper(self._environment)
        except OSError as error:
            raise TokenFailed("start", error.strerror or type(error).__name__) from None
        self._helpers = {one for one in self._helpers if not one.ended.is_set()} | {helper}
        try:
            await helper.load(module, self._deadlines.open, fixed_buffers=fixed_buffers)
        except BaseException:
            helper.kill()
            raise
        return helper
