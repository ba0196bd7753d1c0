"""Files that the configuration of the service names."""

from __future__ import annotations

import stat
from pathlib import Path

from kiosk.config import ConfigError

_MAX_SIZE = 1024 * 1024
# Bytes. Somebody who names a device or a log by mistake shall be told, not waited for.


def readable_text(file: str, key: str, expected: str) -> str:
    """Read a file that the configuration names under `key`.

    Raises:
        ConfigError: it cannot be read, or is no text.
    """
    return _read(file, key, expected, private=False)


def private_text(file: str, key: str, expected: str) -> str:
    """Read a file with a secret, which nobody but its owner may read.

    Raises:
        ConfigError: it cannot be read, is no text, or its group or others may read it.
    """
    return _read(file, key, expected, private=True)


def _read(file: str, key: str, expected: str, *, private: bool) -> str:
    path = Path(file)
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _MAX_SIZE:
            raise ConfigError("kiosk.toml", key, f"{file!r}, not a short file", expected)
        if private and about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            found = f"{file!r} with mode {stat.S_IMODE(about.st_mode):04o}"
            expected = "a file that only its owner may read (chmod 600)"
            raise ConfigError("kiosk.toml", key, found, expected)
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigError("kiosk.toml", key, f"{file!r} ({why})", expected) from None
