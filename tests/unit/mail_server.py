"""A mail server that tests can tell what to answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer:
    """An SMTP server for one mail after another that answers as it is told."""

    def __init__(
        self,
        port: int = 0,
        rcpt: bytes = b"250 OK",
        data: bytes = b"250 OK",
        ehlo: bytes = b"250 OK",
    ) -> None:
        self._listening = socket.create_server(("127.0.0.1", port))
        self.answers = {b"RCPT": rcpt, b".": data, b"EHLO": ehlo}
        """What it says to each command; it may be changed. Nothing: it hangs up."""
        self.commands: list[str] = []
        self.port = self._listening.getsockname()[1]
        self.mails: list[EmailMessage] = []
        self.arrived = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> MailServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more connections. Does nothing the second time."""
        self.go_on.set()
        if self._listening.fileno() >= 0:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 test\r\n")
                self._talk(connection, lines)

    def _talk(self, connection: socket.socket, lines: Iterator[bytes]) -> None:
        for line in lines:
            verb = line.strip()[:4].upper()
            self.commands.append(line.decode().strip())
            connection.sendall(
                b"354 go on\r\n" if verb == b"DATA" else self.answers.get(verb, b"250 OK") + b"\r\n"
            )
            if verb != b"DATA":
                continue
            content = b""
            for part in lines:
                if part == b".\r\n":
                    break
                content += part
            self.mails.append(message_from_bytes(content, policy=policy.default))
            self.arrived.set()
            self.go_on.wait(10)
            if not self.answers[b"."]:
                return
            connection.sendall(self.answers[b"."] + b"\r\n")


def password_in(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).splitlines()[4]
