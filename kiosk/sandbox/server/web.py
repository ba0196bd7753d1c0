"""The HTTP side of the sandbox service: uvicorn on a socket, with TLS and with faults."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from pathlib import Path
from types import TracebackType
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from kiosk.sandbox.server.connections import KEEP_ALIVE, CallerCheck, Connection
from kiosk.sandbox.server.faults import Faults, FaultyApp
from kiosk.sandbox.server.tls import SandboxTls

_GRACE = 5
"""Seconds for requests that are under way when the server stops."""


class HttpServer:
    """Serves an application; an asynchronous context manager."""

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        tls_directory: Path,
        tls: Literal["none", "server", "mutual"],
        faults: Faults,
    ) -> None:
        """Prepare; nothing is served yet.

        Args:
            app: the application.
            listening: a socket that listens already; the caller closes it.
            tls_directory: where the TLS certificates are kept.
            tls: plain HTTP, HTTPS, or HTTPS to clients with a certificate.
            faults: what is done wrong on demand.
        """
        # Clients that break off and faults on demand are no news; a fault of the
        # application's own is.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        config = uvicorn.Config(
            CallerCheck(FaultyApp(app, faults), mutual=tls == "mutual"),
            log_config=None,
            access_log=False,
            lifespan="off",
            http=Connection,
            ws="none",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
        config.load()
        self._certificates: SandboxTls | None = None
        self._context: ssl.SSLContext | None = None
        if tls != "none":
            self._certificates = SandboxTls(tls_directory)
            self._context = self._certificates.context(mutual=tls == "mutual")
            config.ssl = self._context
        self._address = listening.getsockname()
        self._listening = listening
        self._web = uvicorn.Server(config)
        self._faults = faults
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> HttpServer:
        self._serving = asyncio.create_task(self._web.serve(sockets=[self._listening]))
        # uvicorn tells in no other way that it has started.
        while not self._web.started and not self._serving.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await self.apply()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._web.should_exit = True
        if self._serving is not None:
            await self._serving

    async def runs_until(self, stopping: asyncio.Event) -> None:
        """Wait until it is to stop, or has ended by itself."""
        if self._serving is None:
            raise RuntimeError("the server was not started")
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait({self._serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def apply(self) -> None:
        """Have port and TLS behave as the faults say. Open connections that would go on as
        before are broken off."""
        tls, port = self._faults.of("tls"), self._faults.of("port")
        if self._context is not None and self._certificates is not None:
            name = tls.name.removeprefix("tls-") if tls else "server"
            self._context.load_cert_chain(self._certificates.server_file(name))
        if port is not None:
            for server in self._web.servers:
                server.close()
            self._web.servers.clear()
        elif not self._web.servers:
            await self._listen_again()
        if tls is not None or port is not None:
            for connection in list(self._web.server_state.connections):
                if isinstance(connection, Connection):
                    connection.reset()

    async def _listen_again(self) -> None:
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            return Connection(self._web.config, self._web.server_state, {}, loop)

        server = await loop.create_server(
            connection, *self._address, ssl=self._context, reuse_address=True
        )
        self._web.servers.append(server)
