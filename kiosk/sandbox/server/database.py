"""The one SQLite file in which the sandbox service keeps everything."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

FILE = "service.sqlite3"
"""Name of the file in the sandbox's directory."""

_VERSION = 3
"""Of the tables; kept in the file as its `user_version`."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    username TEXT PRIMARY KEY,
    tax_code TEXT NOT NULL,
    email TEXT NOT NULL,
    password TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'active',
    must_change INTEGER NOT NULL DEFAULT 0,
    changed_at REAL NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS challenges (
    nonce TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    kiosk TEXT NOT NULL,
    expires_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS resets (
    id TEXT PRIMARY KEY,
    username TEXT,
    kiosk TEXT NOT NULL,
    reference TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY,
    idempotency_key TEXT NOT NULL UNIQUE,
    reset_id TEXT NOT NULL REFERENCES resets (id),
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    password TEXT NOT NULL DEFAULT '',
    message_id TEXT UNIQUE,
    return_token TEXT NOT NULL UNIQUE,
    ordered_at REAL NOT NULL,
    due_at REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    replaced TEXT NOT NULL DEFAULT '',
    replaced_must_change INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_confirmation
    ON orders (reset_id) WHERE kind = 'confirmation';
CREATE TABLE IF NOT EXISTS attempts (
    subject TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS attempts_by_subject ON attempts (subject, at);
CREATE INDEX IF NOT EXISTS attempts_by_time ON attempts (at);
CREATE TABLE IF NOT EXISTS staff_calls (
    id TEXT PRIMARY KEY,
    kiosk TEXT NOT NULL,
    called_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS mails (
    number INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    return_path TEXT NOT NULL DEFAULT '',
    received_at REAL NOT NULL,
    held_until REAL,
    content BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS mails_by_message_id ON mails (message_id);
"""


class Database:
    """The file, open. It may be used from any thread, and by several processes at once."""

    def __init__(self, directory: Path) -> None:
        path = directory / FILE
        # The mails in it hold passwords: the file is its owner's alone from the start.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._make_tables()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all that follows or, if it raises, nothing of it."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _make_tables(self) -> None:
        """Make what is missing. A file of another version starts anew: all in it is invented."""
        with self.transaction() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version != _VERSION:
                names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
                # First those that refer to others.
                for name in ("orders", *(name for (name,) in names)):
                    db.execute(f"DROP TABLE IF EXISTS {name}")
                db.execute(f"PRAGMA user_version = {_VERSION}")
            for statement in _SCHEMA.split(";"):
                db.execute(statement)


@contextmanager
def reading(directory: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a sandbox's file for reading only; None if no service has made it yet."""
    path = directory / FILE
    if not path.exists():
        yield None
        return
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA query_only = ON")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        yield db if version == _VERSION else None
