"""Runs the sandbox service: HTTP and SMTP, on this machine alone."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kiosk.sandbox.server.mail import Mail, latest_mails

if TYPE_CHECKING:
    from kiosk.sandbox.server.faults import Faults
    from kiosk.sandbox.server.limits import Limits
    from kiosk.sandbox.server.web import HttpServer

__all__ = ["Mail", "SandboxServer", "ServeError", "latest_mails", "open_staff_calls", "serve"]

Tls = Literal["none", "server", "mutual"]
"""Plain HTTP; HTTPS; HTTPS to kiosks with a certificate of their own."""

HOST = "127.0.0.1"

READY_FILE = "serving.json"
"""While `serve` runs, holds its addresses (`url`, `mail_url`, `smtp_port`)."""

_START_PATIENCE = 30.0
_STOP_PATIENCE = 15.0


class ServeError(Exception):
    """The sandbox service cannot run. The message is for whoever started it."""


class SandboxServer:
    """The sandbox service, in a thread of its own."""

    def __init__(
        self,
        directory: Path,
        http_port: int = 0,
        smtp_port: int = 0,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
        relay_port: int | None = None,
        tls: Tls = "none",
        delivery_delay: float = 0.0,
        host: str = HOST,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            directory: holds the sandbox's PKI, accounts and mails; made if it is not there.
            http_port: 0 for any free one.
            smtp_port: 0 for any free one.
            limits: how much the service grants, if not the usual.
            clock: the service's time, in seconds since 1970 (UTC).
            relay_port: SMTP port that mails are sent to, if not the sandbox's own.
            tls: how kiosks have to connect.
            delivery_delay: seconds from an order to its mail in the mailbox. For the first
                half of them the mail is still with the service (`pending`), then with the
                mail server (`sent`).
            host: what kiosks call this machine, if they are not on it: one of the names in
                the certificate (`SandboxTls`).
        """
        self._directory = directory
        self._host = host
        self._ports = (http_port, smtp_port)
        self._limits = limits
        self._clock = clock
        self._relay_port = relay_port
        self._tls = tls
        self._http: HttpServer | None = None
        self._faults: Faults | None = None
        self._delivery_delay = delivery_delay
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self.failure: BaseException | None = None
        """What it ended with, if that was not asked for."""
        self.url = ""
        """Base URL of the service, and the audience of proofs for it."""
        self.mail_url = ""
        """Where a browser reads the mails."""
        self.smtp_port = 0

    def start(self) -> None:
        """Start; returns when both ports answer.

        Raises:
            ServeError: a port is taken, or the directory cannot be used.
        """
        sockets: list[socket.socket] = []
        try:
            for port, what in zip(self._ports, ("HTTP", "SMTP"), strict=True):
                sockets.append(_listen(port, what))
        except ServeError:
            for opened in sockets:
                opened.close()
            raise
        http, smtp = sockets
        scheme = "http" if self._tls == "none" else "https"
        self.url = f"{scheme}://{self._host}:{http.getsockname()[1]}"
        self.mail_url = f"{self.url}/mail"
        self.smtp_port = smtp.getsockname()[1]
        self._ready.clear()
        self.failure = None
        self._thread = threading.Thread(
            target=self._run, args=(http, smtp), name="sandbox service", daemon=True
        )
        self._thread.start()
        if not self._ready.wait(_START_PATIENCE):
            raise ServeError(f"the sandbox service did not start within {_START_PATIENCE:g} s")
        if self.failure is not None:
            raise ServeError(f"{self._directory}: {self.failure}") from self.failure

    def stop(self) -> None:
        """Stop, and return when everything has ended. Does nothing if it does not run."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stopping is not None and thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join(_STOP_PATIENCE)

    @property
    def faults(self) -> Faults:
        """What it does wrong; nothing unless something is put there."""
        # Imported late, so that naming this module costs nothing.
        from kiosk.sandbox.server.faults import Faults  # noqa: PLC0415

        if self._faults is None:
            self._faults = Faults(self._apply_faults, tls=self._tls != "none")
        return self._faults

    def _apply_faults(self) -> None:
        """Have the connections behave as the board says; returns when they do."""
        loop, http = self._loop, self._http
        if loop is None or http is None or not self.is_alive:
            return
        asyncio.run_coroutine_threadsafe(http.apply(), loop).result(_STOP_PATIENCE)

    def _now(self) -> float:
        """The service's clock, right or wrong."""
        fault = self.faults.of("clock")
        return self._clock() + (fault.duration if fault else 0.0)

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._thread is not None and self._thread.is_alive()

    def __enter__(self) -> SandboxServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, http: socket.socket, smtp: socket.socket) -> None:
        try:
            with http, smtp:
                asyncio.run(self._serve(http, smtp))
        except BaseException as error:
            self.failure = error
        finally:
            self._ready.set()

    async def _serve(self, http: socket.socket, smtp: socket.socket) -> None:
        # The heavy parts are imported here, so that naming this module costs nothing.
        from aiosmtpd.smtp import SMTP  # noqa: PLC0415

        from kiosk.sandbox import scenario  # noqa: PLC0415
        from kiosk.sandbox.pki import SandboxPki  # noqa: PLC0415
        from kiosk.sandbox.server import (  # noqa: PLC0415
            app,
            limits,
            mail,
            outbox,
            post_office,
            service,
            store,
            verify,
            worker,
        )
        from kiosk.sandbox.server.control import ControlSocket  # noqa: PLC0415
        from kiosk.sandbox.server.web import HttpServer  # noqa: PLC0415

        # aiosmtpd would log every recipient's address.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        pki = await asyncio.to_thread(SandboxPki.open, self._directory)
        kept = store.Store(self._directory)
        later = worker.Worker()
        granted = self._limits or limits.Limits()
        delay = self._delivery_delay / 2
        try:
            kept.seed(scenario.ACCOUNTS, scenario.OLD_PASSWORD)
            mailer = mail.Mailer(HOST, self._relay_port or self.smtp_port)
            sending = outbox.Outbox(kept, mailer, granted, self._now, later.wake, delay)
            bhxh = service.Service(
                kept,
                verify.CertificateVerifier(pki.root, pki.intermediates, pki.crl),
                sending,
                self.url,
                granted,
                self._now,
            )
            office = post_office.PostOffice(
                kept.mailbox,
                mail.Mailer(HOST, self.smtp_port),
                {account.email: account.mailbox for account in scenario.ACCOUNTS},
                bhxh.take_returned,
                later.wake,
                self._now,
                delay,
            )
            smtp_server = await self._loop.create_server(
                lambda: SMTP(office, hostname="localhost", data_size_limit=post_office.MAX_MAIL),
                sock=smtp,
            )
            later.start(sending.work, office.work)
            self._http = HttpServer(
                app.build(bhxh, kept), http, self._directory / "tls", self._tls, self.faults
            )
            async with self._http, ControlSocket(self._directory, self.faults):
                self._ready.set()
                await self._http.runs_until(self._stopping)
            # Not waited for: a connection that somebody keeps open must not keep this running.
            smtp_server.close()
        finally:
            await asyncio.to_thread(later.stop)
            kept.close()


def serve(
    directory: Path,
    http_port: int,
    smtp_port: int,
    tls: Tls = "none",
    delivery_delay: float = 0.0,
) -> None:
    """Run the sandbox service until SIGTERM or SIGINT. For the main thread; see `SandboxServer`.

    Raises:
        ServeError: a port is taken, the directory cannot be used, or it ended unasked.
    """
    server = SandboxServer(directory, http_port, smtp_port, tls=tls, delivery_delay=delivery_delay)
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked before any thread starts, so that the signals wait for `sigtimedwait` here.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    ready = directory / READY_FILE
    try:
        server.start()
        _announce(ready, server)
        print(f"service {server.url}\nmailbox {server.mail_url}", flush=True)  # noqa: T201
        while signal.sigtimedwait(ends, 1.0) is None:
            if not server.is_alive:
                raise ServeError(f"the sandbox service ended unasked: {server.failure!r}")
    finally:
        ready.unlink(missing_ok=True)
        server.stop()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def open_staff_calls(directory: Path) -> list[tuple[str, float]]:
    """The open calls for staff, oldest first: kiosk, and when (seconds since 1970)."""
    from kiosk.sandbox.server.store import read_staff_calls  # noqa: PLC0415

    return read_staff_calls(directory)


def _listen(port: int, what: str) -> socket.socket:
    # Said to be TCP in so many words: only then does asyncio set TCP_NODELAY on the
    # connections, without which an answer in two parts takes 40 ms longer.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # A port whose last connections are still winding down may be taken over.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise ServeError(f"{what} port {port} of {HOST} cannot be used: {reason}") from None
    return listening


def _announce(file: Path, server: SandboxServer) -> None:
    """Write the addresses; whoever sees the file sees all of it."""
    addresses = {"url": server.url, "mail_url": server.mail_url, "smtp_port": server.smtp_port}
    new = file.with_suffix(".new")
    new.write_text(json.dumps(addresses), encoding="utf-8")
    new.replace(file)
