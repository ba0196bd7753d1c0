"""How another process puts faults into a running sandbox service: a socket in its directory.

One line of JSON in, one line out. Only the directory's owner can reach it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kiosk.sandbox.server.faults import ActiveFault, FaultError, Faults

FILE = "service.sock"
_LINE = 64 * 1024
_PATIENCE = 20.0


class NotRunning(Exception):
    """No sandbox service runs on this directory."""


class _Order(Struct, forbid_unknown_fields=True):
    """What is asked for. Without a fault and without `clear`, only what there is."""

    fault: ActiveFault | None = None
    clear: bool = False


class _Report(Struct):
    """What is on the board now, or what was wrong with the order."""

    active: list[ActiveFault] = []
    refused: Annotated[tuple[str, ...], Meta(max_length=3)] = ()
    """What, found, expected."""


class ControlSocket:
    """The service's end; an asynchronous context manager."""

    def __init__(self, directory: Path, faults: Faults) -> None:
        self._directory = directory
        self._faults = faults
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> ControlSocket:
        (self._directory / FILE).unlink(missing_ok=True)
        with _short(self._directory) as path:
            self._server = await asyncio.start_unix_server(self._serve, path, limit=_LINE)
        (self._directory / FILE).chmod(0o600)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        (self._directory / FILE).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError, asyncio.IncompleteReadError):
            line = await reader.readuntil()
            # What is put on the board waits for this loop to act on it.
            report = await asyncio.to_thread(self._carry_out, line)
            writer.write(msgspec.json.encode(report) + b"\n")
            await writer.drain()
        writer.close()

    def _carry_out(self, line: bytes) -> _Report:
        try:
            order = msgspec.json.decode(line, type=_Order)
            if order.clear:
                self._faults.clear()
            if order.fault is not None:
                one = order.fault
                self._faults.set(one.name, call=one.call, times=one.times, seconds=one.seconds)
        except FaultError as error:
            return _Report(refused=(error.what, error.found, error.expected))
        except msgspec.DecodeError as error:
            return _Report(refused=("order", "something else", str(error)))
        return _Report(self._faults.active())


def put_fault(directory: Path, fault: ActiveFault) -> list[ActiveFault]:
    """Put a fault into the service that runs on this directory; returns all that are there.

    Raises:
        NotRunning, FaultError
    """
    return _ask(directory, _Order(fault))


def clear_faults(directory: Path) -> None:
    """Take all faults away. Raises `NotRunning`."""
    _ask(directory, _Order(clear=True))


def active_faults(directory: Path) -> list[ActiveFault]:
    """What faults there are now. Raises `NotRunning`."""
    return _ask(directory, _Order())


def _ask(directory: Path, order: _Order) -> list[ActiveFault]:
    try:
        with _short(directory) as path, socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(_PATIENCE)
            asking.connect(path)
            asking.sendall(msgspec.json.encode(order) + b"\n")
            with asking.makefile("rb") as stream:
                report = msgspec.json.decode(stream.readline(_LINE), type=_Report)
    except (OSError, msgspec.DecodeError):
        raise NotRunning(directory) from None
    if report.refused:
        raise FaultError(*report.refused)
    return report.active


@contextmanager
def _short(directory: Path) -> Iterator[str]:
    """A path of the socket that is short enough for an address, whatever the directory's."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{FILE}"
    finally:
        os.close(descriptor)
