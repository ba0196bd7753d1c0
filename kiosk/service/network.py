"""The way to the service: name, connection, proxy and TLS, with one time limit for all of it.

httpcore's own proxies are not used: when TLS through one fails, they keep the connection's
place in the pool for ever.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import h11
import httpcore

from kiosk.service.address import Proxy

MAX_PROXY_ANSWER = 16 * 1024
"""Bytes of the longest answer to CONNECT."""

_WATCH_IDLE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2),
)
# A router that has forgotten an idle connection says nothing. These probes (RFC 9293,
# section 3.8.4) find out within 20 s, so that no proof is sent into it; they also keep
# routers from forgetting.


class Network(httpcore.AsyncNetworkBackend):
    """Opens connections to the service, through a proxy if there is one."""

    def __init__(self, patience: float, proxy: Proxy | None) -> None:
        """Prepare.

        Args:
            patience: seconds until a connection has to be ready, TLS and all.
            proxy: None: connections are made directly.
        """
        self._patience = patience
        self._proxy = proxy
        self._sockets = httpcore.AnyIOBackend()
        self._names = _NameService()

    async def connect_tcp(
        self, host: str, port: int, *_: object, **__: object
    ) -> httpcore.AsyncNetworkStream:
        """Connect, and ask the proxy for a tunnel.

        Raises:
            TimeoutError: it took too long.
            OSError: the name is not known.
            httpcore.ConnectError: nobody answers there.
            httpcore.ProxyError: the proxy gives no tunnel.
        """
        ends = asyncio.get_running_loop().time() + self._patience
        nearest = (self._proxy.host, self._proxy.port) if self._proxy else (host, port)
        async with asyncio.timeout_at(ends):
            await self._names.ask_for(nearest[0])
            stream = await self._sockets.connect_tcp(*nearest, socket_options=_WATCH_IDLE)
            if self._proxy is not None:
                try:
                    await _open_tunnel(stream, host, port, self._proxy.authorization)
                except BaseException:
                    await stream.aclose()
                    raise
        return _Stream(stream, ends)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class _NameService:
    """Finds out whether names are answered for, before a connection asks for one.

    A lookup with no name server behind it takes half a minute, and nothing can end it. The
    threads that asyncio has for it are few, shared with the rest of the kiosk, and waited for
    when it stops; so the first lookup is made in a thread of its own, and while it lasts, all
    wait for that one.
    """

    def __init__(self) -> None:
        self._asked: Future[OSError | None] | None = None

    async def ask_for(self, host: str) -> None:
        """Return when the name is known.

        Raises:
            OSError: it is not.
        """
        try:
            ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            return
        if self._asked is None or self._asked.done():
            self._asked = Future()
            threading.Thread(
                target=_look_up, args=(host, self._asked), name="name lookup", daemon=True
            ).start()
        loop, known = asyncio.get_running_loop(), asyncio.Event()

        def wake(_: object) -> None:
            # The kiosk may have ended while the lookup had not.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(known.set)

        asked = self._asked
        asked.add_done_callback(wake)
        await known.wait()
        if failure := asked.result():
            raise failure


def _look_up(host: str, told: Future[OSError | None]) -> None:
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        told.set_result(error)
    else:
        told.set_result(None)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that has its TLS within the time that connecting may take."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, ends: float) -> None:
        self._stream = stream
        self._ends = ends

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        *_: object,
        **__: object,
    ) -> httpcore.AsyncNetworkStream:
        """Shake hands; whatever comes between closes the connection."""
        try:
            async with asyncio.timeout_at(self._ends):
                return await self._stream.start_tls(ssl_context, server_hostname)
        except BaseException:
            await self._stream.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


async def _open_tunnel(
    stream: httpcore.AsyncNetworkStream, host: str, port: int, authorization: str
) -> None:
    """Ask for a connection to the service (RFC 9110, section 9.3.6)."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = [("Host", target)]
    if authorization:
        headers.append(("Proxy-Authorization", authorization))
    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_PROXY_ANSWER)
    request = talk.send(h11.Request(method="CONNECT", target=target, headers=headers))
    await stream.write((request or b"") + (talk.send(h11.EndOfMessage()) or b""))
    try:
        while not isinstance(event := talk.next_event(), h11.Response):
            if event is h11.NEED_DATA:
                talk.receive_data(await stream.read(MAX_PROXY_ANSWER))
            elif not isinstance(event, h11.InformationalResponse):
                raise httpcore.ProxyError("no answer to CONNECT")
    except h11.RemoteProtocolError:
        raise httpcore.ProxyError("no HTTP answer to CONNECT") from None
    if not 200 <= event.status_code < 300:
        raise httpcore.ProxyError(f"{event.status_code} to CONNECT")
    if talk.trailing_data[0]:
        # TLS begins with the client: whatever this is, it is not the service.
        raise httpcore.ProxyError("data ahead of the tunnel")
