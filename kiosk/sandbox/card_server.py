"""The virtual card's process: a PIV card in a virtual reader of the real pcscd.

vpcd (vsmartcard) is a reader driver that listens on TCP: a connection is a card put in,
its end a card taken out. Messages are a length of two bytes, big-endian, and a payload. A
payload of one byte is about power (00 off, 01 on, 02 reset; no reply) or asks for the ATR
(04, also how it looks whether the card is still there); any other is a command APDU.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec

from kiosk.sandbox.card import CardStatus, CardUnavailable
from kiosk.sandbox.misbehaviour import Misbehaviour
from kiosk.sandbox.piv import PivApplet, presents_pin
from kiosk.sandbox.pki import PkiError, SandboxPki
from kiosk.sandbox.scenario import TOKENS_BY_NAME
from kiosk.sandbox.tokens import VirtualToken

_POWER_OFF, _POWER_ON, _RESET, _GET_ATR = 0x00, 0x01, 0x02, 0x04

_NO_ATR = bytes(34)
"""One byte more than an ATR may have (ISO/IEC 7816-3): vpcd reports that powering failed,
as for a mute card. At an empty answer it would say that the card is gone."""

_SEEN_TIME = 5.0
"""Seconds until pcscd, which looks every 0.4 s, must have seen a card."""
_OUT_TIME = 0.5
"""Seconds that a card stays out: longer than pcscd's interval of 0.4 s between looks.
Also the time between attempts while pcscd is away."""
_POWER_TIME = 0.2
"""Seconds from pcscd's first look at a new card to its power: less than between looks."""
_LINE_LIMIT = 4096
_TCP_LISTEN = "0A"


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the control channel; see `kiosk.sandbox.card`."""

    do: str
    name: str = ""
    milliseconds: int = 0
    on: bool = False
    ins: Annotated[int, msgspec.Meta(ge=0, le=0xFF)] | None = None
    seed: int = 0
    word: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)] = 0


class _LinkLost(Exception):
    """The connection to vpcd has ended, or has to."""


class CardServer:
    """One reader's card, its link to vpcd and its control channel."""

    def __init__(self, pki: SandboxPki, port: int, make: type[PivApplet] = PivApplet) -> None:
        self._pki = pki
        self._port = port
        self._make = make
        self._tokens: dict[str, VirtualToken] = {}
        """By name: a token keeps its misses when it is taken out."""
        self._applet: PivApplet | None = None
        self._link: asyncio.Task[None] | None = None
        self._out_since = -_OUT_TIME
        """When the last card left, by the loop's clock."""
        self._seen = asyncio.Event()
        """pcscd has powered the card that is in."""
        self._refused = asyncio.Event()
        """The last attempt to reach vpcd failed."""
        self._delay = 0.0
        self._misbehaviour = Misbehaviour()
        self._mute = False
        self._pins_presented: Counter[str] = Counter()
        """By name. Counted when a VERIFY comes in, whatever is answered to it, if anything."""

    def put_in(self, name: str) -> None:
        """Put a token in, now or as soon as there is a reader.

        Raises:
            CardUnavailable: there is no such token, or one is in.
        """
        if name not in TOKENS_BY_NAME:
            raise CardUnavailable(f"no token is named {name!r}")
        if self._applet is not None:
            raise CardUnavailable(f"the token {self._applet.token.profile.name} is in")
        if name not in self._tokens:
            self._tokens[name] = VirtualToken.from_profile(TOKENS_BY_NAME[name], self._pki)
        self._applet = self._make(self._tokens[name])
        self._seen.clear()
        self._refused.clear()
        self._link = asyncio.create_task(self._keep_linked(self._applet), name="vpcd link")

    async def take_out(self) -> None:
        """Take the token out, if one is in; also from the middle of a command."""
        self._applet = None
        link, self._link = self._link, None
        if link is not None:
            link.cancel()
            await asyncio.wait((link,))
            self._out_since = asyncio.get_running_loop().time()
        self._seen.clear()

    async def insert(self, name: str) -> None:
        """Put a token in and wait until pcscd has seen it; else leave none in.

        Raises:
            CardUnavailable
        """
        self.put_in(name)
        outcomes = [asyncio.create_task(event.wait()) for event in (self._seen, self._refused)]
        try:
            await asyncio.wait(outcomes, timeout=_SEEN_TIME, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for outcome in outcomes:
                outcome.cancel()
        if self._seen.is_set():
            return
        refused = self._refused.is_set()
        await self.take_out()
        if refused:
            raise CardUnavailable(
                f"no virtual reader listens on 127.0.0.1:{self._port}; is pcscd running with vpcd?"
            )
        raise CardUnavailable(
            f"the virtual reader on port {self._port} takes no card; is another one in it?"
        )

    def status(self) -> CardStatus:
        """Say how the card is."""
        applet = self._applet
        token = applet.token if applet else None
        return CardStatus(
            pid=os.getpid(),
            inserted=token.profile.name if token else "",
            connected=self._seen.is_set(),
            reader_listens=_somebody_listens(self._port),
            tries_left=token.tries_left if token else 0,
            verify_count=self._pins_presented[token.profile.name] if token else 0,
            all_verify_count=self._pins_presented.total(),
            sign_count=token.sign_count if token else 0,
            apdu_count=applet.apdu_count if applet else 0,
        )

    async def handle(self, line: bytes) -> bytes:
        """Do what a line of the control channel asks and answer with another."""
        try:
            request = msgspec.json.decode(line, type=_Request)
            await self._do(request)
        except (CardUnavailable, msgspec.DecodeError) as error:
            return msgspec.json.encode({"ok": False, "error": str(error)}) + b"\n"
        return msgspec.json.encode({"ok": True, "status": self.status()}) + b"\n"

    async def _do(self, request: _Request) -> None:
        match request.do:
            case "insert":
                await self.insert(request.name)
            case "remove":
                await self.take_out()
            case "swap":
                await self.take_out()
                await self.insert(request.name)
            case "slow":
                self._delay = max(0, request.milliseconds) / 1000
            case "hang":
                self._misbehaviour.hang(request.on, request.ins)
            case "garbage":
                self._misbehaviour.babble(request.on, request.ins, request.seed)
            case "refuse":
                self._misbehaviour.refuse(request.word, request.ins)
            case "mute":
                self._mute = request.on
            case "status":
                pass
            case _:
                raise CardUnavailable(f"nothing is done for {request.do!r}")

    async def _keep_linked(self, applet: PivApplet) -> None:
        """Keep the card in the reader, also over a restart of pcscd."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._out_since + _OUT_TIME - loop.time())
        while True:
            with socket.socket(socket.AF_INET) as link, suppress(_LinkLost):
                link.setblocking(False)
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    await loop.sock_connect(link, ("127.0.0.1", self._port))
                except OSError:
                    self._refused.set()
                else:
                    self._refused.clear()
                    await self._speak(link, applet)
            self._seen.clear()
            applet.reset()
            await asyncio.sleep(_OUT_TIME)

    async def _speak(self, link: socket.socket, applet: PivApplet) -> None:
        """Answer vpcd until the link is lost."""
        loop = asyncio.get_running_loop()
        first_look: float | None = None
        powered = False
        """At some time over this link."""
        powering = False
        while True:
            length = await _receive(link, 2)
            payload = await _receive(link, int.from_bytes(length, "big"))
            if len(payload) != 1:
                self._pins_presented[applet.token.profile.name] += presents_pin(payload)
                await asyncio.sleep(self._delay)
                instead = await self._misbehaviour.answer(payload)
                await _send(link, applet.transmit(payload) if instead is None else instead)
            elif payload[0] == _GET_ATR:
                first_look = first_look or loop.time()
                if not powered and loop.time() > first_look + _POWER_TIME:
                    # pcscd did not see that the card before this one left, and takes this
                    # one for it. Out again, for long enough to be missed.
                    raise _LinkLost
                # A mute card is silent when it is powered, but goes on to be there.
                await _send(link, _NO_ATR if self._mute and powering else applet.atr)
                if powering:
                    self._seen.set()
                powering = False
            elif payload[0] in (_POWER_OFF, _POWER_ON, _RESET):
                applet.reset()
                powering = payload[0] != _POWER_OFF
                powered = powered or powering


async def _send(link: socket.socket, message: bytes) -> None:
    """Send a message with its length, or raise `_LinkLost`."""
    try:
        data = len(message).to_bytes(2, "big") + message
        await asyncio.get_running_loop().sock_sendall(link, data)
    except OSError:
        raise _LinkLost from None


async def _receive(link: socket.socket, count: int) -> bytes:
    """Receive exactly so many bytes, or raise `_LinkLost`."""
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < count:
        try:
            part = await loop.sock_recv(link, count - len(data))
            # vpcd sends length and payload apart, and waits for the acknowledgement of the
            # first: a delayed one costs 40 ms for each command. Linux resets the option.
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except OSError:
            raise _LinkLost from None
        if not part:
            raise _LinkLost
        data += part
    return data


def _somebody_listens(port: int) -> bool:
    """Look for a listener without connecting, which would put a card in for a moment."""
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                _, local, _, state = line.split()[:4]
                if state == _TCP_LISTEN and int(local.rpartition(":")[2], 16) == port:
                    return True
    return False


def run(
    directory: Path,
    control_socket: Path,
    port: int,
    token_name: str | None,
    parent: int | None,
    make: type[PivApplet] = PivApplet,
) -> None:
    """Serve as `kiosk.sandbox.card.serve` says; `make` is the make of card."""
    asyncio.run(_run(directory, control_socket, port, token_name, parent, make))


async def _run(
    directory: Path,
    control_socket: Path,
    port: int,
    token_name: str | None,
    parent: int | None,
    make: type[PivApplet],
) -> None:
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    if parent is not None:
        try:
            parent_handle = os.pidfd_open(parent)
        except ProcessLookupError:
            return
        loop.add_reader(parent_handle, ending.set)
    try:
        pki = SandboxPki.open(directory)
    except PkiError as error:
        raise CardUnavailable(str(error)) from None
    server = CardServer(pki, port, make)
    if token_name:
        server.put_in(token_name)
    control = await _listen(server, control_socket)
    try:
        await ending.wait()
    finally:
        control.close()
        _remove_file(control_socket)
        await server.take_out()


def _remove_file(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _listen(server: CardServer, path: Path) -> asyncio.Server:
    """Open the control channel, for this user only."""
    if await _answers(path):
        raise CardUnavailable(f"another virtual card listens on {path}")
    requests = asyncio.Lock()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError):
            while line := await reader.readline():
                async with requests:
                    writer.write(await server.handle(line))
                await writer.drain()
        writer.close()

    previous = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(converse, path, limit=_LINE_LIMIT)
    finally:
        os.umask(previous)


async def _answers(path: Path) -> bool:
    """Tell whether some process serves this socket; a left-over file does not count."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True
