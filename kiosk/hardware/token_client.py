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
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kiosk.hardware import token as errors
from kiosk.hardware import token_wire as wire
from kiosk.hardware.catalogue import Catalogue
from kiosk.hardware.token import (
    HelperDied,
    Mechanism,
    ModuleMissing,
    PinRefused,
    Token,
    TokenCertificate,
    TokenDriver,
    TokenError,
    TokenFailed,
    TokenInfo,
    TokenNotRecognised,
    TokenStalled,
)

log = logging.getLogger(__name__)

ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "PATH", "PCSCLITE_CSOCK_NAME", "TZ", "USER")
"""Variables that a helper takes over. PCSCLITE_CSOCK_NAME (pcsc-lite's socket) is one,
because the helper has to see the same readers as the kiosk."""

R = TypeVar("R", bound=wire.Reply)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Longest time, in seconds, that a helper may take for an answer."""

    open: float = 15.0
    """To start and to load its module."""
    read: float = 20.0
    """To find the token, or to read its certificates."""
    login: float = 30.0
    sign: float = 30.0


class _Helper:
    """One helper process. Made and used in one event loop."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start the process; the module is loaded by the first request.

        Raises:
            OSError: it cannot be started.
        """
        self._loop = asyncio.get_running_loop()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-m", "kiosk.hardware.token_helper"),
                        *(str(theirs.fileno()), str(os.getpid())),
                    ],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env=dict(environment),
                )
        except OSError:
            self._socket.close()
            raise
        self.ended = asyncio.Event()
        """Set when the process has ended and was reaped."""
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._pidfd, self._reap)
        self._asking = False
        self._killed = False
        self.module: Path | None = None
        """The module that was loaded."""

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self._killed and not self.ended.is_set()

    def kill(self) -> None:
        """End the process, whatever it is doing. Does not wait; the event loop reaps it.

        A request that is under way ends with `HelperDied`.
        """
        self._killed = True
        if not self.ended.is_set():
            self._process.kill()
        if not self._asking:
            # Else the event loop still watches it, and the end of the process wakes it.
            self._socket.close()

    def _reap(self) -> None:
        if self._process.poll() is None:
            return
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.ended.set()

    async def load(self, module: Path, seconds: float) -> None:
        """Load the module.

        Raises:
            ModuleMissing, TokenFailed, TokenStalled, HelperDied
        """
        try:
            await self.ask("load", wire.Load(str(module)), wire.Done, seconds)
        except ModuleMissing as error:
            raise ModuleMissing(str(module), error.reason) from None
        self.module = module

    async def ask(
        self,
        operation: str,
        request: wire.Request,
        expected: type[R],
        seconds: float,
        pin: memoryview | None = None,
    ) -> R:
        """Send a request and return the answer to it.

        Raises:
            TokenError: as the helper answered, or what became of the helper.
        """
        if self._asking:
            raise RuntimeError("one request at a time")
        if not self.alive:
            raise HelperDied(self._process.returncode)
        self._asking = True
        try:
            async with asyncio.timeout(seconds):
                reply = await self._exchange(request, pin)
        except TimeoutError:
            self.kill()
            raise TokenStalled(operation, seconds) from None
        except wire.WireError as error:
            if not isinstance(error, wire.WireClosed):
                log.error("the helper broke the protocol at %s: %s", operation, error)
            raise HelperDied(await self._end()) from None
        except BaseException:
            self.kill()
            raise
        finally:
            self._asking = False
            if self._killed:
                self._socket.close()
        if isinstance(reply, wire.Refused):
            raise _error(operation, reply)
        if not isinstance(reply, expected):
            log.error("the helper answered %s with %s", operation, type(reply).__name__)
            raise HelperDied(await self._end())
        return reply

    async def _exchange(self, request: wire.Request, pin: memoryview | None) -> wire.Reply:
        try:
            await self._loop.sock_sendall(
                self._socket, wire.encode(request, len(pin) if pin is not None else 0)
            )
            if pin:
                await self._loop.sock_sendall(self._socket, pin)
        except OSError:
            raise wire.WireClosed("closed by the helper") from None
        return await wire.receive_reply(self._loop, self._socket)

    async def _end(self) -> int | None:
        """Wait a moment for the process to end by itself, to learn how, then kill it."""
        try:
            async with asyncio.timeout(0.5):
                await self.ended.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
        return self._process.returncode


def _error(operation: str, refused: wire.Refused) -> TokenError:
    """The error that the helper told."""
    if refused.error == ModuleMissing.__name__:
        return ModuleMissing("", refused.reason)
    if refused.error == PinRefused.__name__:
        return PinRefused(refused.flags)
    kind = _PLAIN_ERRORS.get(refused.error)
    return kind() if kind else TokenFailed(operation, refused.reason or refused.error)


_PLAIN_ERRORS: dict[str, type[TokenError]] = {
    kind.__name__: kind
    for kind in (
        errors.TokenAbsent,
        errors.TokenNotRecognised,
        errors.SeveralTokens,
        errors.TokenChanged,
        errors.KeyMissing,
        errors.PinLocked,
        errors.PinLengthRefused,
        errors.PinNotSet,
        errors.PinMustChange,
    )
}
"""Errors that say everything with their name."""


def _exists(module: Path) -> bool:
    """Tell whether the module is installed, so that no process is started for nothing."""
    return module.exists()


class HelperToken(Token):
    """One token, asked through one helper. See `Token`."""

    def __init__(self, helper: _Helper, reader: str, deadlines: Deadlines) -> None:
        self._helper = helper
        self._reader = reader
        self._deadlines = deadlines

    @property
    def helper_pid(self) -> int:
        """Number of the helper process."""
        return self._helper.pid

    async def find(self) -> TokenInfo:
        """See `Token`."""
        request = wire.Find(self._reader)
        reply = await self._helper.ask("find", request, wire.Found, self._deadlines.read)
        return reply.token

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

    async def sign(self, certificate: bytes, mechanism: Mechanism, message: bytes) -> bytes:
        """See `Token`."""
        request = wire.Sign(certificate, mechanism, message)
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
    ) -> None:
        """Start nothing yet.

        Args:
            catalogue: which modules may be loaded, and for which token.
            deadlines: how long a helper may take.
            opensc_conf: OpenSC's configuration file, for helpers only.
            extra_env: further environment variables of the helpers.
        """
        self._catalogue = catalogue
        self._deadlines = deadlines or Deadlines()
        self._environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        if opensc_conf is not None:
            self._environment["OPENSC_CONF"] = str(opensc_conf.resolve())
        self._environment.update(extra_env or {})
        self._helpers: set[_Helper] = set()
        self._warm: _Helper | None = None
        self._starting = asyncio.Lock()
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
            module = next((one for one in self._catalogue.default.modules if _exists(one)), None)
            if module is None:
                return
            try:
                self._warm = await self._start(module)
            except TokenError as error:
                log.warning("no helper stands ready: %s", error)

    async def open(self, reader: str, atr: bytes) -> Token:
        """See `TokenDriver`.

        The family's modules are tried in order until one sees a token behind the
        reader. If none does, the first that could be loaded is kept, and `find` says so.

        Raises:
            ModuleMissing: no module of the family is there, or none can be loaded.
            HelperDied, TokenStalled, TokenFailed: as the module behaved.
        """
        family = self._catalogue.family(atr)
        blind: HelperToken | None = None
        failures: list[TokenError] = []
        try:
            async with self._starting:
                for module in family.modules:
                    try:
                        found, token = await self._try(module, reader)
                    except (ModuleMissing, HelperDied, TokenFailed) as error:
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

    async def _try(self, module: Path, reader: str) -> tuple[bool, HelperToken]:
        """Open the token with this module, and tell whether the module sees one."""
        warm, self._warm = self._warm, None
        if warm is not None and warm.module == module and warm.alive:
            token = HelperToken(warm, reader, self._deadlines)
            if await self._sees(token):
                return True, token
            # It may have lost touch with PC/SC since it was started: ask a fresh one.
            await token.close()
        elif warm is not None:
            warm.kill()
        token = HelperToken(await self._start(module), reader, self._deadlines)
        return await self._sees(token), token

    async def _sees(self, token: HelperToken) -> bool:
        """Tell whether there is a token, or several; close it if that cannot be told."""
        try:
            await token.find()
        except TokenNotRecognised:
            return False
        except errors.SeveralTokens:
            return True
        except BaseException:
            await token.close()
            raise
        return True

    async def _start(self, module: Path) -> _Helper:
        """Start a helper and load the module.

        Raises:
            TokenError
        """
        if self._closed:
            raise TokenFailed("start", "the driver is closed")
        if not _exists(module):
            raise ModuleMissing(str(module), "no such file")
        try:
            helper = _Helper(self._environment)
        except OSError as error:
            raise TokenFailed("start", error.strerror or type(error).__name__) from None
        self._helpers = {one for one in self._helpers if not one.ended.is_set()} | {helper}
        try:
            await helper.load(module, self._deadlines.open)
        except BaseException:
            helper.kill()
            raise
        return helper
