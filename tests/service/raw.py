"""A client that shows what is on the wire, right or wrong."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

KIOSK = "raw"


class Silence(Exception):
    """Nothing came in time."""


@dataclass(frozen=True)
class Wire:
    """Everything that came before the connection ended or the answer was whole."""

    received: bytes
    reset: bool = False
    """Whether the connection ended with a reset."""

    @property
    def status(self) -> int:
        return int(self.received.split(b" ", 2)[1]) if self.received.startswith(b"HTTP/") else 0

    @property
    def head(self) -> str:
        return self.received.partition(b"\r\n\r\n")[0].decode("latin-1").lower()

    @property
    def body(self) -> bytes:
        return self.received.partition(b"\r\n\r\n")[2]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    """Write a request."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Kiosk-Id: {KIOSK}"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def connect(url: str, context: ssl.SSLContext | None = None, seconds: float = 5.0) -> socket.socket:
    """Open a connection, with TLS if a context is given."""
    parts = urlsplit(url)
    assert parts.hostname
    plain = socket.create_connection((parts.hostname, parts.port or 0), seconds)
    if context is None:
        return plain
    return context.wrap_socket(plain, server_hostname=parts.hostname)


def read_answer(connection: socket.socket, most: int = 1_000_000) -> Wire:
    """Read until the answer is whole, the connection ends or enough has come.

    Raises:
        Silence: nothing comes.
    """
    received = b""
    try:
        while len(received) < most:
            piece = connection.recv(65_536)
            received += piece
            if not piece or _is_whole(received):
                break
    except ConnectionResetError:
        return Wire(received, reset=True)
    except TimeoutError:
        if received:
            return Wire(received)
        raise Silence from None
    return Wire(received)


def ask(url: str, sent: bytes, context: ssl.SSLContext | None = None, seconds: float = 5.0) -> Wire:
    """Send one request and show what comes."""
    with connect(url, context, seconds) as connection:
        connection.sendall(sent)
        return read_answer(connection)


def _is_whole(received: bytes) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    if not found or head.startswith(b"HTTP/1.1 204"):
        return bool(found)
    lengths = [
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    ]
    return bool(lengths) and len(body) >= lengths[0]
