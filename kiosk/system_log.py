"""Logging to journald, which may hang or be away: nothing here ever waits for it."""

from __future__ import annotations

import logging
import select
import socket
import time
from collections import deque
from pathlib import Path

JOURNAL_SOCKET = Path("/dev/log")
"""Where journald takes what programs log (systemd-journald.service(8))."""

KEPT = 500
"""Lines that wait while journald takes none. Beyond, the oldest are lost, and are counted."""

LONGEST = 8192
"""Bytes of a line; what is too long for the socket would hold up all that come after it."""

PATIENCE = 1.0
"""Seconds that the end of the program waits for journald to take what is left."""

_USER = 1 << 3
_SEVERITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
"""RFC 5424, section 6.2.1."""

_DEBUG = 7


def log_to_journal() -> None:
    """Log to journald, with levels. If it is not there yet, it gets to hear what was kept."""
    # A traceback of the log's own would be drawn over the screen.
    logging.raiseExceptions = False
    logging.getLogger().addHandler(SystemLog(JOURNAL_SOCKET))
    logging.getLogger("kiosk").setLevel(logging.INFO)


class SystemLog(logging.Handler):
    """Sends each line as a datagram of the syslog protocol."""

    def __init__(self, address: Path) -> None:
        """Make one.

        Args:
            address: socket of the one who listens.
        """
        super().__init__()
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self._address = str(address)
        self._socket: socket.socket | None = None
        self._waiting: deque[bytes] = deque()
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line, or keep it for the next time."""
        try:
            self._keep(record.levelno, self.format(record))
            self._send()
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Send what waits, if it is taken soon, and no more."""
        self.acquire()
        try:
            deadline = time.monotonic() + PATIENCE
            self._send()
            while self._waiting and self._socket is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                writable = select.poll()
                writable.register(self._socket, select.POLLOUT)
                writable.poll(left * 1000)
                self._send()
            self._disconnect()
            self._waiting.clear()
        finally:
            self.release()
        super().close()

    def _keep(self, level: int, text: str) -> None:
        if len(self._waiting) >= KEPT:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(_datagram(level, text))

    def _send(self) -> None:
        """Send what waits, as far as it is taken without waiting."""
        while self._waiting:
            if not self._sent(self._waiting[0]):
                return
            self._waiting.popleft()
        # Not before: while it takes no more than is written, that would lose further lines.
        told = f"{__name__}: {self._lost} lines were lost: the system's journal took none"
        if self._lost and self._sent(_datagram(logging.WARNING, told)):
            self._lost = 0

    def _sent(self, data: bytes) -> bool:
        for last_try in (False, True):
            try:
                if self._socket is None:
                    self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                    self._socket.setblocking(False)
                    self._socket.connect(self._address)
                self._socket.send(data)
            except BlockingIOError:
                return False
            except OSError:
                # Whoever listens has been started anew, and this socket leads to the one before.
                self._disconnect()
                if last_try:
                    return False
            else:
                return True
        return False

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _datagram(level: int, text: str) -> bytes:
    severity = next((number for least, number in _SEVERITIES if level >= least), _DEBUG)
    return f"<{_USER + severity}>kiosk: {text}".encode(errors="replace")[:LONGEST]
