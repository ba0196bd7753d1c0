"""What the sandbox service remembers: one SQLite file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kiosk.sandbox.scenario import Account, AccountStatus
from kiosk.sandbox.server import passwords
from kiosk.sandbox.server.database import Database, reading
from kiosk.sandbox.server.mailbox import Mailbox
from kiosk.sandbox.server.orders import Orders


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset that a proof has opened. Without username: a decoy, see `Store.add_reset`."""

    id: str
    username: str
    kiosk: str
    reference: str
    created_at: float


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


class Store:
    """The file, open. Methods may be called from any thread; each is one transaction."""

    def __init__(self, directory: Path) -> None:
        """Open the file, and make it if it is not there."""
        self._database = Database(directory)
        self.orders = Orders(self._database)
        self.mailbox = Mailbox(self._database)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # Accounts

    def seed(self, accounts: Iterable[Account], password: str) -> None:
        """Add the accounts that are not there yet."""
        with self._database.transaction() as db:
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
        with self._database.transaction() as db:
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
        with self._database.transaction() as db:
            rows = db.execute(
                f"SELECT username FROM accounts WHERE tax_code IN ({marks})"  # noqa: S608
                " AND status <> 'closed' ORDER BY username LIMIT ?",
                (*wanted, limit),
            ).fetchall()
        return [name for (name,) in rows]

    def set_status(self, username: str, status: AccountStatus) -> None:
        """Lock, close or reopen an account."""
        with self._database.transaction() as db:
            db.execute("UPDATE accounts SET status = ? WHERE username = ?", (status, username))

    def change_password(self, username: str, stored: str, at: float) -> None:
        """Set a password that the account's owner has chosen."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE accounts SET password = ?, must_change = 0, changed_at = ?"
                " WHERE username = ?",
                (stored, at, username),
            )
            # No mail, be it lost track of or returned, brings another password back.
            db.execute(
                "UPDATE orders SET password = '', replaced = '' WHERE reset_id IN"
                " (SELECT id FROM resets WHERE username = ?)",
                (username,),
            )

    # Challenges

    def add_challenge(self, nonce: str, fingerprint: str, kiosk: str, expires_at: float) -> None:
        """Remember a challenge for one certificate at one kiosk."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO challenges VALUES (?, ?, ?, ?)",
                (nonce, fingerprint, kiosk, expires_at),
            )

    def take_challenge(self, nonce: str, kiosk: str, now: float) -> str | None:
        """Use a challenge up; returns the fingerprint of the certificate it was made for."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM challenges WHERE expires_at <= ?", (now,))
            row = db.execute(
                "DELETE FROM challenges WHERE nonce = ? AND kiosk = ? RETURNING fingerprint",
                (nonce, kiosk),
            ).fetchone()
        return row[0] if row else None

    # Resets

    def add_reset(self, reset: Reset) -> None:
        """Remember a reset.

        For an account that does not match, one without username is added, so that both
        cases cost the same; its identifier is never told to anybody.
        """
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO resets VALUES (?, ?, ?, ?, ?)",
                (reset.id, reset.username or None, reset.kiosk, reset.reference, reset.created_at),
            )

    def reset(self, reset_id: str, kiosk: str) -> Reset | None:
        """Find a reset that this kiosk has opened."""
        with self._database.transaction() as db:
            row = db.execute(
                "SELECT id, username, kiosk, reference, created_at FROM resets"
                " WHERE id = ? AND kiosk = ? AND username IS NOT NULL",
                (reset_id, kiosk),
            ).fetchone()
        return Reset(*row) if row else None

    def reset_of_order(self, reset_id: str) -> Reset:
        """The reset that an order belongs to."""
        with self._database.transaction() as db:
            row = db.execute(
                "SELECT id, username, kiosk, reference, created_at FROM resets WHERE id = ?",
                (reset_id,),
            ).fetchone()
        return Reset(*row)

    # Rate limits

    def count_attempt(self, subject: str, limit: int, window: float, now: float) -> int:
        """Count an attempt within a sliding window.

        Returns:
            0 if it is within the limit; else the seconds to wait, and it is not counted.
        """
        # The subject may be a username: what is kept does not show it.
        key = hashlib.sha256(subject.encode("utf-8")).hexdigest()
        with self._database.transaction() as db:
            db.execute("DELETE FROM attempts WHERE at <= ?", (now - window,))
            # The attempt that has to leave the window before another one fits.
            oldest = db.execute(
                "SELECT at FROM attempts WHERE subject = ? ORDER BY at DESC LIMIT 1 OFFSET ?",
                (key, limit - 1),
            ).fetchone()
            if oldest:
                wait: float = oldest[0] + window - now
                return max(1, math.ceil(wait))
            db.execute("INSERT INTO attempts VALUES (?, ?)", (key, now))
        return 0

    # Staff calls

    def add_staff_call(self, call_id: str, kiosk: str, now: float) -> None:
        """Remember that a kiosk's customer asks for help."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO staff_calls VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (call_id, kiosk, now),
            )

    def drop_staff_call(self, call_id: str, kiosk: str) -> None:
        """Forget a call that is no longer needed."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM staff_calls WHERE id = ? AND kiosk = ?", (call_id, kiosk))


def read_staff_calls(directory: Path) -> list[tuple[str, float]]:
    """Read the open calls, oldest first: kiosk, and when it was made."""
    with reading(directory) as db:
        if db is None:
            return []
        return db.execute("SELECT kiosk, called_at FROM staff_calls ORDER BY called_at").fetchall()
