"""The last lines of the program's log, kept in memory for an export.

The kiosk's user may not read the machine's journal, and an export must not need it to.
"""

from __future__ import annotations

import logging
from collections import deque

LINES = 500


class RecentLog(logging.Handler):
    """Keeps the last lines of the `kiosk` loggers."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._lines: deque[str] = deque(maxlen=LINES)

    @classmethod
    def installed(cls) -> RecentLog:
        """The one that listens; it begins to if there is none."""
        logger = logging.getLogger("kiosk")
        for handler in logger.handlers:
            if isinstance(handler, cls):
                return handler
        handler = cls()
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        return handler

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line. An exception's text and frames are not kept: they may hold values."""
        record = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None})
        self._lines.append(self.format(record))

    @property
    def lines(self) -> tuple[str, ...]:
        """The oldest first."""
        return tuple(self._lines)
