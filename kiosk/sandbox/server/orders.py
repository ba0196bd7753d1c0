"""The mails that were ordered, and the passwords that depend on them.

An order goes through these states:

    waiting     written down; its mail has certainly not left
    sending     its mail is being handed over, or was, and nobody knows whether it arrived
    sent        the mail server has taken it: its password took the place of the old one
    bounced     no mailbox will ever get it: its password never counts (again)
    cancelled   it must not be mailed any more; nothing was

`waiting` becomes `sending` before the mail leaves, and only word from the mail server that
it did not take the mail leads back. So no mail is sent twice, wherever the service crashes.

What holds for the passwords: while an order is `sending`, the old one and the mailed one
are both good, and the first login with the mailed one settles the matter. With `sent` only
the mailed one is good. When such a mail comes back later, nobody has read it: the one that
it replaced is good again, unless somebody has logged in since with the mailed one.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from kiosk.sandbox.server.database import Database

OrderState = Literal["waiting", "sending", "sent", "bounced", "cancelled"]


@dataclass(frozen=True, slots=True)
class Order:
    """A mail that was ordered for a reset. Times in seconds since 1970 (UTC)."""

    idempotency_key: str
    reset_id: str
    kind: str
    state: OrderState
    message_id: str
    """Of the newest try; empty before the first."""
    ordered_at: float
    due_at: float
    """When a waiting one is tried next."""
    tries: int
    return_token: str
    """By which a mail that comes back is known. The same for all tries: mail servers that
    want to be asked twice know a mail by its sender and recipient."""


class OrderKeyTaken(Exception):
    """The idempotency key has just been used for another order, or the reset confirmed."""


_FIELDS = (
    "idempotency_key, reset_id, kind, state, coalesce(message_id, ''), ordered_at, due_at, tries,"
    " return_token"
)


class Orders:
    """Methods may be called from any thread; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, key: str, reset_id: str, kind: str, now: float, due_at: float, return_token: str
    ) -> None:
        """Write an order down, waiting.

        Raises:
            OrderKeyTaken: there is an order with this key, or a confirmation of this reset.
        """
        try:
            with self._database.transaction() as db:
                db.execute(
                    "INSERT INTO orders"
                    " (idempotency_key, reset_id, kind, state, ordered_at, due_at, return_token)"
                    " VALUES (?, ?, ?, 'waiting', ?, ?, ?)",
                    (key, reset_id, kind, now, due_at, return_token),
                )
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise
            raise OrderKeyTaken from None

    def by_key(self, key: str) -> Order | None:
        """Find an order by its key."""
        with self._database.transaction() as db:
            row = db.execute(
                f"SELECT {_FIELDS} FROM orders WHERE idempotency_key = ?",  # noqa: S608
                (key,),
            ).fetchone()
        return Order(*row) if row else None

    def of_reset(self, reset_id: str) -> list[Order]:
        """All orders for a reset, oldest first."""
        with self._database.transaction() as db:
            rows = db.execute(
                f"SELECT {_FIELDS} FROM orders WHERE reset_id = ? ORDER BY number",  # noqa: S608
                (reset_id,),
            ).fetchall()
        return [Order(*row) for row in rows]

    def due(self, now: float) -> tuple[list[Order], bool]:
        """The waiting orders whose time has come, and whether any others are waiting."""
        with self._database.transaction() as db:
            rows = db.execute(
                f"SELECT {_FIELDS} FROM orders"  # noqa: S608
                " WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at",
                (now,),
            ).fetchall()
            more = db.execute(
                "SELECT 1 FROM orders WHERE state = 'waiting' AND due_at > ?", (now,)
            ).fetchone()
        return [Order(*row) for row in rows], more is not None

    def begin(self, key: str, message_id: str, password: str) -> bool:
        """Take a waiting order up, before its mail leaves; False: somebody else did, or it does
        not hold any more.

        An owner who has chosen a password since the order keeps that.

        Args:
            key: the order's.
            message_id: of the mail of this try.
            password: hash of the password in it.
        """
        with self._database.transaction() as db:
            taken = db.execute(
                "UPDATE orders SET state = 'sending', tries = tries + 1, message_id = ?,"
                " password = ?"
                " WHERE idempotency_key = ? AND state = 'waiting' AND EXISTS"
                " (SELECT 1 FROM resets JOIN accounts USING (username)"
                " WHERE resets.id = orders.reset_id AND accounts.status = 'active'"
                " AND accounts.changed_at < orders.ordered_at)",
                (message_id, password, key),
            )
            return taken.rowcount == 1

    def defer(self, key: str, due_at: float) -> None:
        """The mail was not taken for now: it is tried again, with another password."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE orders SET state = 'waiting', password = '', due_at = ?"
                " WHERE idempotency_key = ? AND state = 'sending'",
                (due_at, key),
            )

    def drop(self, key: str) -> None:
        """Forget an order of which nothing was sent."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM orders WHERE idempotency_key = ?", (key,))

    def cancel(self, key: str) -> None:
        """A waiting order must not be carried out any more."""
        self._end(key, "cancelled")

    def bounce(self, key: str) -> None:
        """The mail was refused for good when it was handed over."""
        self._end(key, "bounced")

    def _end(self, key: str, state: OrderState) -> None:
        with self._database.transaction() as db:
            db.execute(
                "UPDATE orders SET state = ?, password = ''"
                " WHERE idempotency_key = ? AND state IN ('waiting', 'sending')",
                (state, key),
            )

    def settle(self, key: str) -> None:
        """The mail is on its way: its password takes the place of the account's old one."""
        with self._database.transaction() as db:
            row = db.execute(
                "SELECT orders.password, accounts.username, accounts.password, must_change"
                " FROM orders JOIN resets ON resets.id = reset_id JOIN accounts USING (username)"
                " WHERE idempotency_key = ? AND state = 'sending'",
                (key,),
            ).fetchone()
            if row is None:
                return
            mailed, username, replaced, must_change = row
            db.execute(
                "UPDATE orders SET state = 'sent', replaced = ?, replaced_must_change = ?"
                " WHERE idempotency_key = ?",
                (replaced if mailed else "", must_change, key),
            )
            # Empty when the owner has chosen another one while the mail was on its way.
            if mailed:
                db.execute(
                    "UPDATE accounts SET password = ?, must_change = 1 WHERE username = ?",
                    (mailed, username),
                )

    def come_back(self, return_token: str) -> bool:
        """A mail was returned as undeliverable; False if that means nothing (any more)."""
        with self._database.transaction() as db:
            row = db.execute(
                "SELECT number, orders.password, replaced, replaced_must_change, username, state"
                " FROM orders JOIN resets ON resets.id = reset_id WHERE return_token = ?"
                " AND (state = 'sending' OR state = 'sent' AND replaced <> '')",
                (return_token,),
            ).fetchone()
            if row is None:
                return False
            number, mailed, replaced, must_change, username, state = row
            if state == "sent" and mailed:
                restored = (replaced, must_change, username, mailed)
                db.execute(
                    "UPDATE accounts SET password = ?, must_change = ?"
                    " WHERE username = ? AND password = ?",
                    restored,
                )
                # A later mail has replaced this one's password: should it come back as
                # well, it must not bring that to life.
                db.execute(
                    "UPDATE orders SET replaced = ?, replaced_must_change = ? WHERE reset_id IN"
                    " (SELECT id FROM resets WHERE username = ?) AND replaced = ?",
                    restored,
                )
            db.execute(
                "UPDATE orders SET state = 'bounced', password = '', replaced = ''"
                " WHERE number = ?",
                (number,),
            )
        return True

    def unsettled_passwords(self, username: str) -> list[tuple[str, str]]:
        """Keys and password hashes of mails of which nobody knows whether they left."""
        with self._database.transaction() as db:
            return db.execute(
                "SELECT idempotency_key, orders.password FROM orders"
                " JOIN resets ON resets.id = orders.reset_id"
                " WHERE username = ? AND state = 'sending' AND orders.password <> ''",
                (username,),
            ).fetchall()

    def keep_password(self, username: str) -> None:
        """Somebody has logged in: no mail that comes back undoes the present password."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE orders SET replaced = '' WHERE state = 'sent' AND replaced <> ''"
                " AND reset_id IN (SELECT id FROM resets WHERE username = ?)",
                (username,),
            )
