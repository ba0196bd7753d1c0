"""Where the printer is, and how bytes get there."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from kiosk.config import ConfigError

_EXPECTED = 'a device file such as "/dev/usb/lp0", "tcp://HOST:9100", or an empty text'


ANSWERS = 2.0
"""Seconds in which a printer on the network may say something and hang up."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device file, or a printer on the network."""

    path: str = ""
    """Absolute; empty: it is on the network."""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Device:
        """Read `printer.device`.

        Raises:
            ConfigError: it is neither of the two.
        """
        fault = ConfigError("kiosk.toml", "printer.device", repr(text), _EXPECTED)
        if text.startswith("/") and "\0" not in text:
            return cls(path=text)
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise fault from None
        if (
            parts.scheme != "tcp"
            or not host
            or not port
            or not text.isascii()
            or any(letter.isspace() for letter in text)
            or (parts.username, parts.password) != (None, None)
            or parts.path.strip("/")
            or parts.query
            or parts.fragment
        ):
            raise fault
        return cls(host=host, port=port)

    def send(self, data: bytes, seconds: float) -> None:
        """Hand the bytes over. A device file may block for ever: not for the kiosk's own process.

        Args:
            data: what the printer is told.
            seconds: longest wait for a printer on the network to take more.

        Raises:
            OSError: it cannot be reached, or stopped taking bytes.
        """
        if self.host:
            with socket.create_connection((self.host, self.port), timeout=seconds) as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                _hear_out(connection)
            return
        # Never made anew: a plain file in the place of a printer would take every slip.
        device = os.open(self.path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(device, rest) :]
        finally:
            os.close(device)


def _hear_out(connection: socket.socket) -> None:
    """Read and drop what the printer says, until it hangs up or `ANSWERS` have passed. Closing with
    something unread resets the connection, and what the printer has not taken yet is lost."""
    end = time.monotonic() + ANSWERS
    try:
        while (left := end - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(4096):
                return
    except TimeoutError:
        pass
