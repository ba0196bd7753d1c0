"""What stands around the machine: the sandbox service, and a hand with virtual tokens."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from types import TracebackType

from kiosk.sandbox.card import CardControl, CardProcess, CardUnavailable
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.server.mail import Mail, latest_mails
from kiosk.sandbox.server.run import SandboxServer
from kiosk.sandbox.server.tls import SandboxTls
from tests.vm.image import Service
from tests.vm.waiting import CheckFailed, wait_until

HOST_OF_THE_MACHINE = "10.0.2.2"
"""What QEMU's user network calls the machine that it runs on."""


class Counter:
    """A context manager; the service runs within it."""

    def __init__(self, state: Path, port: int) -> None:
        """`port` is the service's, which the disk's configuration names."""
        self.state = state / "sandbox"
        self.reader_port = free_port()
        """A port of this machine that QEMU forwards to the virtual reader's."""
        self._service_port = port
        self._server = self._new_server()
        self._card = CardProcess(self.state, state / "card.sock", port=self.reader_port)

    def _new_server(self) -> SandboxServer:
        return SandboxServer(
            self.state,
            self._service_port,
            tls="server",
            host=HOST_OF_THE_MACHINE,
            delivery_delay=2.0,
        )

    def __enter__(self) -> Counter:
        self._server.start()
        try:
            self._card.start()
        except CardUnavailable:
            self._server.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._card.stop()
        self._server.stop()

    def service(self) -> Service:
        """How the machine reaches the service and whom it has to trust."""
        pki = SandboxPki.open(self.state)
        return Service(
            url=self._server.url,
            ca=SandboxTls(self.state / "tls").ca_file.read_text(),
            token_authorities={
                file.name: file.read_text() for file in pki.trust_directory.glob("*.pem")
            },
        )

    def close_service(self) -> None:
        """The service is down."""
        self._server.stop()

    def open_service(self) -> None:
        """The service is up again, where it was."""
        self._server = self._new_server()
        self._server.start()

    # The token

    @property
    def card(self) -> CardControl:
        return self._card.control

    def plug_in(self, name: str, seconds: float = 90) -> None:
        """Put the token in and wait until pcscd in the machine has taken it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.card.insert(name)
            except CardUnavailable as error:
                if time.monotonic() > deadline:
                    raise CheckFailed(f"the token does not go in: {error}") from None
            else:
                return

    def pull_out(self) -> None:
        self.card.remove()

    # The mailbox

    def mails(self) -> list[Mail]:
        return latest_mails(self.state)

    def await_mail(self, after: int, seconds: float = 60) -> Mail:
        """Wait for one more mail than `after`, and return the newest."""
        wait_until(lambda: len(self.mails()) > after, "no mail has arrived", seconds)
        return self.mails()[0]


def free_port() -> int:
    """A TCP port of this machine that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
