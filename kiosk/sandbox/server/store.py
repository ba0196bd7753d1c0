"""What the sandbox service remembers: one SQLite file."""

from __future__ import annotations

import hashlib
import math
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kiosk.sandbox.scenario import Account, AccountStatus
from kiosk.sandbox.server import passwords

FILE = "service.sqlite3"
"""Name of the file in the sandbox's directory."""

OrderState = Literal["sending", "sent", "bounced"]

_SCHEMA_VERSION = 2

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
    password TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    ordered_at REAL NOT NULL
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
    received_at REAL NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS mails_by_message_id ON mails (message_id);
"""


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset that a proof has opened. Without username: a decoy, see `Store.add_reset`."""

    id: str
    username: str
    kiosk: str
    reference: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Order:
    """A mail that was ordered for a reset."""

    idempotency_key: str
    reset_id: str
    kind: str
    state: OrderState
    message_id: str
    ordered_at: float
    """Seconds since 1970 (UTC)."""


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An account and its password's hash."""

    username: str
    tax_code: str
    email: str
    password: str
    must_change: bool
    changed_at: float
    status: AccountStatus


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A mail as it was received (RFC 5322)."""

    number: int
    recipient: str
    received_at: float
    content: bytes


class Store:
    """The file, open. Methods may be called from any thread; each is one transaction."""

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

    def _make_tables(self) -> None:
        """Make what is missing. A file of another version starts anew: all in it is invented."""
        with self._transaction() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version != _SCHEMA_VERSION:
                names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
                # First those that refer to others.
                for name in ("orders", *(name for (name,) in names)):
                    db.execute(f"DROP TABLE IF EXISTS {name}")
                db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            for statement in _SCHEMA.split(";"):
                db.execute(statement)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # Accounts

    def seed(self, accounts: Iterable[Account], password: str) -> None:
        """Add the accounts that are not there yet."""
        with self._transaction() as db:
            known = {row[0] for row in db.execute("SELECT username FROM accounts")}
            missing = [account for account in accounts if account.username not in known]
            if not missing:
                return
            # This password is public, so the accounts may share one salt: hashing it
            # for each would only make the first start slow.
            stored = passwords.hashed(password)
            db.executemany(
                "INSERT INTO accounts (username, tax_code, email, status, password)"
                " VALUES (?, ?, ?, ?, ?)",
                [(a.username, a.tax_code, a.email, a.status, stored) for a in missing],
            )

    def account(self, username: str) -> StoredAccount | None:
        """Find an account by its exact name."""
        with self._transaction() as db:
            row = db.execute(
                "SELECT username, tax_code, email, password, must_change, changed_at, status"
                " FROM accounts WHERE username = ?",
                (username,),
            ).fetchone()
        if row is None:
            return None
        name, tax_code, email, stored, must_change, changed_at, status = row
        return StoredAccount(name, tax_code, email, stored, bool(must_change), changed_at, status)

    def usernames(self, tax_codes: Iterable[str], limit: int) -> list[str]:
        """The usernames of these tax codes, sorted, without closed accounts; at most `limit`."""
        wanted = sorted(tax_codes)
        marks = ", ".join("?" * len(wanted))
        with self._transaction() as db:
            rows = db.execute(
                f"SELECT username FROM accounts WHERE tax_code IN ({marks})"  # noqa: S608
                " AND status <> 'closed' ORDER BY username LIMIT ?",
                (*wanted, limit),
            ).fetchall()
        return [name for (name,) in rows]

    def set_status(self, username: str, status: AccountStatus) -> None:
        """Lock, close or reopen an account."""
        with self._transaction() as db:
            db.execute("UPDATE accounts SET status = ? WHERE username = ?", (status, username))

    def change_password(self, username: str, stored: str, at: float) -> None:
        """Set a password that the account's owner has chosen."""
        with self._transaction() as db:
            db.execute(
                "UPDATE accounts SET password = ?, must_change = 0, changed_at = ?"
                " WHERE username = ?",
                (stored, at, username),
            )
            # A mail that was lost track of must not bring its password back.
            db.execute(
                "UPDATE orders SET password = '' WHERE reset_id IN"
                " (SELECT id FROM resets WHERE username = ?)",
                (username,),
            )

    # Challenges

    def add_challenge(self, nonce: str, fingerprint: str, kiosk: str, expires_at: float) -> None:
        """Remember a challenge for one certificate at one kiosk."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO challenges VALUES (?, ?, ?, ?)",
                (nonce, fingerprint, kiosk, expires_at),
            )

    def take_challenge(self, nonce: str, kiosk: str, now: float) -> str | None:
        """Use a challenge up; returns the fingerprint of the certificate it was made for."""
        with self._transaction() as db:
            db.execute("DELETE FROM challenges WHERE expires_at <= ?", (now,))
            row = db.execute(
                "DELETE FROM challenges WHERE nonce = ? AND kiosk = ? RETURNING fingerprint",
                (nonce, kiosk),
            ).fetchone()
        return row[0] if row else None

    # Resets and the mails ordered for them

    def add_reset(self, reset: Reset) -> None:
        """Remember a reset.

        For an account that does not match, one without username is added, so that both
        cases cost the same; its identifier is never told to anybody.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT INTO resets VALUES (?, ?, ?, ?, ?)",
                (reset.id, reset.username or None, reset.kiosk, reset.reference, reset.created_at),
            )

    def reset(self, reset_id: str, kiosk: str) -> Reset | None:
        """Find a reset that this kiosk has opened."""
        with self._transaction() as db:
            row = db.execute(
                "SELECT id, username, kiosk, reference, created_at FROM resets"
                " WHERE id = ? AND kiosk = ? AND username IS NOT NULL",
                (reset_id, kiosk),
            ).fetchone()
        return Reset(*row) if row else None

    def add_order(self, order: Order, stored: str) -> None:
        """Remember, before anything is sent, that this mail is being sent."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO orders (idempotency_key, reset_id, kind, state, password, message_id,"
                " ordered_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    order.idempotency_key,
                    order.reset_id,
                    order.kind,
                    order.state,
                    stored,
                    order.message_id,
                    order.ordered_at,
                ),
            )

    def order(self, idempotency_key: str) -> Order | None:
        """Find an order by its key."""
        with self._transaction() as db:
            row = db.execute(
                "SELECT idempotency_key, reset_id, kind, state, message_id, ordered_at FROM orders"
                " WHERE idempotency_key = ?",
                (idempotency_key,),
            ).fetchone()
        return Order(*row) if row else None

    def orders(self, reset_id: str) -> list[Order]:
        """All orders for a reset, oldest first."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT idempotency_key, reset_id, kind, state, message_id, ordered_at FROM orders"
                " WHERE reset_id = ? ORDER BY number",
                (reset_id,),
            ).fetchall()
        return [Order(*row) for row in rows]

    def drop_order(self, idempotency_key: str) -> None:
        """Forget an order of which nothing was sent."""
        with self._transaction() as db:
            db.execute("DELETE FROM orders WHERE idempotency_key = ?", (idempotency_key,))

    def bounce_order(self, idempotency_key: str) -> None:
        """Remember that the mail was refused for good; its password never counts."""
        with self._transaction() as db:
            db.execute(
                "UPDATE orders SET state = 'bounced', password = '' WHERE idempotency_key = ?",
                (idempotency_key,),
            )

    def settle_order(self, idempotency_key: str) -> None:
        """The mail is on its way: its password takes the place of the account's old one."""
        with self._transaction() as db:
            db.execute(
                "UPDATE accounts SET password = orders.password, must_change = 1"
                " FROM orders JOIN resets ON resets.id = orders.reset_id"
                " WHERE orders.idempotency_key = ? AND accounts.username = resets.username"
                " AND orders.password <> ''",
                (idempotency_key,),
            )
            db.execute(
                "UPDATE orders SET state = 'sent', password = '' WHERE idempotency_key = ?",
                (idempotency_key,),
            )

    def unsettled_passwords(self, username: str) -> list[tuple[str, str]]:
        """Keys and password hashes of mails of which nobody knows whether they left."""
        with self._transaction() as db:
            return db.execute(
                "SELECT idempotency_key, orders.password FROM orders"
                " JOIN resets ON resets.id = orders.reset_id"
                " WHERE username = ? AND state = 'sending' AND orders.password <> ''",
                (username,),
            ).fetchall()

    # Rate limits

    def count_attempt(self, subject: str, limit: int, window: float, now: float) -> int:
        """Count an attempt within a sliding window.

        Returns:
            0 if it is within the limit; else the seconds to wait, and it is not counted.
        """
        # The subject may be a username: what is kept does not show it.
        key = hashlib.sha256(subject.encode("utf-8")).hexdigest()
        with self._transaction() as db:
            db.execute("DELETE FROM attempts WHERE at <= ?", (now - window,))
            # The attempt that has to leave the window before another one fits.
            oldest = db.execute(
                "SELECT at FROM attempts WHERE subject = ? ORDER BY at DESC LIMIT 1 OFFSET ?",
                (key, limit - 1),
            ).fetchone()
            if oldest:
                return max(1, math.ceil(oldest[0] + window - now))
            db.execute("INSERT INTO attempts VALUES (?, ?)", (key, now))
        return 0

    # Staff calls

    def add_staff_call(self, call_id: str, kiosk: str, now: float) -> None:
        """Remember that a kiosk's customer asks for help."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO staff_calls VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (call_id, kiosk, now),
            )

    def drop_staff_call(self, call_id: str, kiosk: str) -> None:
        """Forget a call that is no longer needed."""
        with self._transaction() as db:
            db.execute("DELETE FROM staff_calls WHERE id = ? AND kiosk = ?", (call_id, kiosk))

    # Mailbox

    def add_mail(self, message_id: str, recipient: str, content: bytes, now: float) -> None:
        """Keep a received mail."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO mails (message_id, recipient, received_at, content)"
                " VALUES (?, ?, ?, ?)",
                (message_id, recipient, now, content),
            )

    def was_received(self, message_id: str) -> bool:
        """Tell whether a mail is in the mailbox."""
        with self._transaction() as db:
            row = db.execute("SELECT 1 FROM mails WHERE message_id = ?", (message_id,)).fetchone()
        return row is not None

    def mails(self) -> list[StoredMail]:
        """All mails, newest first."""
        with self._transaction() as db:
            return _read_mails(db)


def read_mails(directory: Path) -> list[StoredMail]:
    """Read the mails of a sandbox, newest first, whether or not its service is running."""
    with _reading(directory) as db:
        return [] if db is None else _read_mails(db)


def read_staff_calls(directory: Path) -> list[tuple[str, float]]:
    """Read the open calls, oldest first: kiosk, and when it was made."""
    with _reading(directory) as db:
        if db is None:
            return []
        return db.execute("SELECT kiosk, called_at FROM staff_calls ORDER BY called_at").fetchall()


@contextmanager
def _reading(directory: Path) -> Iterator[sqlite3.Connection | None]:
    """Open the file for reading only; None if no service has made it yet."""
    path = directory / FILE
    if not path.exists():
        yield None
        return
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA query_only = ON")
        made = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'mails_by_message_id'")
        yield db if made.fetchone() else None


def _read_mails(db: sqlite3.Connection) -> list[StoredMail]:
    rows = db.execute(
        "SELECT number, recipient, received_at, content FROM mails ORDER BY number DESC"
    )
    return [StoredMail(*row) for row in rows]
