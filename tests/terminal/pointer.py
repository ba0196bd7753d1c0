"""A pointer of the compositor's own: wlroots' virtual pointer (wlr-virtual-pointer-unstable-v1).

No tool of Debian's keeps one for as long as a terminal runs, and one that comes and goes loses
its first press. So the few messages that it takes are sent from here, over Wayland's own wire.
"""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

LEFT = 0x110
"""BTN_LEFT of linux/input-event-codes.h."""

_DISPLAY, _REGISTRY, _CALLBACK, _MANAGER, _POINTER = 1, 2, 3, 4, 5
_MANAGER_NAME = b"zwlr_virtual_pointer_manager_v1\0"


class Pointer:
    """A mouse on the whole output. It is there until it is closed."""

    def __init__(self, display: Path, size: tuple[int, int]) -> None:
        """Plug the mouse in.

        Args:
            display: the compositor's socket.
            size: pixels of the output.

        Raises:
            LookupError: the compositor has no virtual pointers.
        """
        self._size = size
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(str(display))
        self._line.settimeout(10)
        self._send(_DISPLAY, 1, struct.pack("=I", _REGISTRY))
        self._send(_DISPLAY, 0, struct.pack("=I", _CALLBACK))
        name = self._find_manager()
        interface = struct.pack("=I", len(_MANAGER_NAME)) + _padded(_MANAGER_NAME)
        bind = struct.pack("=I", name) + interface + struct.pack("=II", 1, _MANAGER)
        self._send(_REGISTRY, 0, bind)
        self._send(_MANAGER, 0, struct.pack("=II", 0, _POINTER))

    def _send(self, target: int, opcode: int, body: bytes = b"") -> None:
        self._line.sendall(struct.pack("=II", target, (len(body) + 8) << 16 | opcode) + body)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self._line.recv(count - len(data))
            if not more:
                raise ConnectionError("the compositor has ended")
            data += more
        return data

    def _find_manager(self) -> int:
        """The number under which the registry has the manager."""
        found = None
        while True:
            sender, head = struct.unpack("=II", self._read(8))
            body = self._read((head >> 16) - 8)
            if sender == _CALLBACK:
                break
            if sender == _REGISTRY and _MANAGER_NAME in body:
                found = struct.unpack_from("=I", body)[0]
        if found is None:
            raise LookupError("the compositor has no virtual pointers")
        return int(found)

    def move(self, x: int, y: int) -> None:
        """Go to this pixel of the output."""
        self._send(_POINTER, 1, struct.pack("=5I", _now(), x, y, *self._size))
        self._send(_POINTER, 4)

    def click(self, x: int, y: int) -> None:
        """Go there, and press and release the left button."""
        self.move(x, y)
        for state in (1, 0):
            self._send(_POINTER, 2, struct.pack("=3I", _now(), LEFT, state))
            self._send(_POINTER, 4)

    def close(self) -> None:
        """Unplug it."""
        self._line.close()


def _padded(text: bytes) -> bytes:
    return text + b"\0" * (-len(text) % 4)


def _now() -> int:
    """Wayland's time: milliseconds of any clock."""
    return time.monotonic_ns() // 1_000_000 & 0xFFFFFFFF
