"""One helper process as the kiosk sees it: asked over a socket, with a deadline, or killed."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from kiosk.hardware import token as errors
from kiosk.hardware import token_wire as wire
from kiosk.hardware.token import (
    HelperDied,
    ModuleMissing,
    PinRefused,
    TokenError,
    TokenFailed,
    TokenStalled,
)

log = logging.getLogger(__name__)

LOAD = "load"
"""Name of the operation that has nothing to do with a token yet."""

R = TypeVar("R", bound=wire.Reply)


class Helper:
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
                    # Its own process group: what a module starts is ended with it.
                    start_new_session=True,
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
        self.fixed_buffers = False
        """How it reads."""

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
            self._kill_group()
        if not self._asking:
            # Else the event loop still watches it, and the end of the process wakes it.
            self._socket.close()

    def _kill_group(self) -> None:
        """End the process and what its module has started. It is not reaped yet, so the number
        is still its own."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _reap(self) -> None:
        self._kill_group()
        if self._process.poll() is None:
            return
        if self._asking:
            # What the module started may hold the other end, and would keep the answer open.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.ended.set()

    async def load(self, module: Path, seconds: float, *, fixed_buffers: bool = False) -> None:
        """Load the module.

        Args:
            fixed_buffers: read without asking for sizes first.

        Raises:
            ModuleMissing, TokenFailed, TokenStalled, HelperDied
        """
        try:
            await self.ask(LOAD, wire.Load(str(module), fixed_buffers), wire.Done, seconds)
        except ModuleMissing as error:
            raise ModuleMissing(str(module), error.reason) from None
        self.module = module
        self.fixed_buffers = fixed_buffers

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
            raise error_of(operation, reply)
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


def error_of(operation: str, refused: wire.Refused) -> TokenError:
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
        errors.TokenBlank,
        errors.SeveralTokens,
        errors.TokenChanged,
        errors.KeyMissing,
        errors.PinLocked,
        errors.PinLengthRefused,
        errors.PinNotEntered,
        errors.PinNotSet,
        errors.PinMustChange,
    )
}
"""Errors that say everything with their name."""
