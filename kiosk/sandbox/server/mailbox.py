"""The mails that the sandbox's mail server has taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from kiosk.sandbox.server.database import Database, reading


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A mail as it was received (RFC 5322)."""

    number: int
    recipient: str
    received_at: float
    content: bytes


@dataclass(frozen=True, slots=True)
class HeldMail:
    """A mail that was taken and is not in its mailbox yet."""

    number: int
    recipient: str
    return_path: str
    received_at: float
    content: bytes


class Mailbox:
    """All mailboxes in one. Methods may be called from any thread; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        message_id: str,
        recipient: str,
        return_path: str,
        content: bytes,
        now: float,
        held_until: float | None,
    ) -> None:
        """Keep a received mail; one that is held is not in the mailbox yet."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO mails"
                " (message_id, recipient, return_path, received_at, held_until, content)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (message_id, recipient, return_path, now, held_until, content),
            )

    def held(self, now: float) -> tuple[list[HeldMail], bool]:
        """The mails whose time has come, oldest first, and whether any others are held."""
        with self._database.transaction() as db:
            rows = db.execute(
                "SELECT number, recipient, return_path, received_at, content FROM mails"
                " WHERE held_until <= ? ORDER BY number",
                (now,),
            ).fetchall()
            more = db.execute("SELECT 1 FROM mails WHERE held_until > ?", (now,)).fetchone()
        return [HeldMail(*row) for row in rows], more is not None

    def release(self, number: int, now: float) -> None:
        """Put a held mail into its mailbox."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE mails SET held_until = NULL, received_at = ? WHERE number = ?",
                (now, number),
            )

    def drop(self, number: int) -> None:
        """Forget a mail that could not be delivered."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM mails WHERE number = ?", (number,))

    def has(self, message_id: str) -> bool:
        """Tell whether a mail is in the mailbox."""
        with self._database.transaction() as db:
            row = db.execute(
                "SELECT 1 FROM mails WHERE message_id = ? AND held_until IS NULL", (message_id,)
            ).fetchone()
        return row is not None

    def mails(self) -> list[StoredMail]:
        """All mails, newest first."""
        with self._database.transaction() as db:
            return _read(db)


def read_mails(directory: Path) -> list[StoredMail]:
    """Read the mails of a sandbox, newest first, whether or not its service is running."""
    with reading(directory) as db:
        return [] if db is None else _read(db)


def _read(db: Connection) -> list[StoredMail]:
    rows = db.execute(
        "SELECT number, recipient, received_at, content FROM mails"
        " WHERE held_until IS NULL ORDER BY received_at DESC, number DESC"
    )
    return [StoredMail(*row) for row in rows]
