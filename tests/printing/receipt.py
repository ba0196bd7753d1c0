"""Reads ESC/POS back as a receipt printer does, and printers that keep what they are sent.

By Epson's command reference: ESC @, ESC d, ESC J, LF, GS v 0 and GS V.
"""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

import zxingcpp
from PIL import Image

GRAINS = 2
"""Times a picture is enlarged for the reader, as a telephone's camera sees it."""


@dataclass
class Receipt:
    """What came out of the printer."""

    dots: int
    """Across the paper."""
    rows: list[bytes] = field(default_factory=list)
    fed: int = 0
    cuts: int = 0
    widest: int = 0
    """Dots of the widest picture; what reaches beyond the paper is lost on it."""
    tallest: int = 0
    """Rows of the tallest picture that was sent at once."""

    @classmethod
    def read(cls, data: bytes, dots: int) -> Receipt:
        """Carry the commands out; anything else is printed as letters, which no slip wants."""
        receipt = cls(dots)
        assert data.startswith(b"\x1b@"), "what the printer was set to before still holds"
        at = 2
        while at < len(data):
            if data[at : at + 4] == b"\x1dv0\x00":
                width = int.from_bytes(data[at + 4 : at + 6], "little")
                height = int.from_bytes(data[at + 6 : at + 8], "little")
                at += 8
                for _ in range(height):
                    assert len(data) >= at + width, "the picture breaks off"
                    receipt.rows.append(data[at : at + width])
                    at += width
                receipt.widest = max(receipt.widest, width * 8)
                receipt.tallest = max(receipt.tallest, height)
            elif data[at : at + 2] in (b"\x1bd", b"\x1bJ"):
                receipt.fed += data[at + 2]
                at += 3
            elif data[at : at + 2] == b"\x1dV":
                receipt.cuts += 1
                at += 4 if data[at + 2] in (65, 66) else 3
            elif data[at] == 0x0A:
                receipt.fed += 1
                at += 1
            else:
                raise AssertionError(f"{data[at : at + 8]!r} at {at} is no command of a slip")
        return receipt

    @property
    def picture(self) -> Image.Image:
        """The paper, as wide as it is; black is ink."""
        paper = Image.new("L", (self.dots, len(self.rows)), 255)
        for y, row in enumerate(self.rows):
            line = Image.frombytes("1", (len(row) * 8, 1), bytes(byte ^ 0xFF for byte in row))
            paper.paste(line, (0, y))
        return paper

    @property
    def codes(self) -> list[str]:
        """The QR codes on it."""
        picture = self.picture
        large = picture.resize((picture.width * GRAINS, picture.height * GRAINS), Image.NEAREST)
        return [found.text for found in zxingcpp.read_barcodes(large)]

    @property
    def ink(self) -> tuple[int, int]:
        """The first and the last dot with ink, from the left."""
        lines = [int.from_bytes(row, "big") for row in self.rows if any(row)]
        bits = len(self.rows[0]) * 8
        every = 0
        for line in lines:
            every |= line
        return bits - every.bit_length(), bits - (every & -every).bit_length()


def printing_processes() -> list[str]:
    """The numbers of those that this process has started and not reaped."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [
        number
        for path in children
        for number in path.read_text(encoding="utf-8").split()
        if b"kiosk.printing.helper" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]


class FileDevice:
    """A FIFO in the place of a device file; a thread takes what comes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self.data = b""
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        with self.path.open("rb") as stream:
            self.data = stream.read()

    def taken(self) -> bytes:
        """Everything that was sent, once the sender has closed the device."""
        self._thread.join(20)
        assert not self._thread.is_alive(), "nothing came"
        return self.data


class NetworkDevice:
    """A printer on the network: one connection after the other, each a slip."""

    def __enter__(self) -> NetworkDevice:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"
        self.slips: SimpleQueue[bytes] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                data = b""
                while piece := connection.recv(65536):
                    data += piece
            self.slips.put(data)
