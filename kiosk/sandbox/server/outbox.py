"""Sends the mails that were ordered: each at most once, wherever the service crashes.

See `orders` for the states of an order and for what holds for its password.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from kiosk.sandbox.server import bounces, letter, passwords
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.mail import (
    MailDeferred,
    Mailer,
    MailOutcomeUnknown,
    MailRefused,
    MailServerUnreachable,
)
from kiosk.sandbox.server.orders import Order
from kiosk.sandbox.server.refusal import Refusal
from kiosk.sandbox.server.store import Reset, Store, StoredAccount

_HEAD_START = 60.0
# Seconds that whoever put an order has to take it up. Should the service crash before
# that, the order is still waiting, and is taken up by `work` afterwards.

_LONGEST_RETRY = 300.0


class Outbox:
    """Its methods may be called from any thread."""

    def __init__(
        self,
        store: Store,
        mailer: Mailer,
        limits: Limits,
        clock: Callable[[], float],
        wake: Callable[[], None],
        delay: float = 0.0,
    ) -> None:
        """Send through `mailer`.

        Args:
            store: where the orders are written down.
            mailer: the way to the mail server.
            limits: when and for how long a mail is tried again.
            clock: seconds since 1970 (UTC).
            wake: called when there is something for `work`.
            delay: seconds that each mail waits before it is sent.
        """
        self._store = store
        self._mailer = mailer
        self._limits = limits
        self._clock = clock
        self._wake = wake
        self._delay = delay

    def order(self, reset: Reset, key: str, kind: str) -> None:
        """Write an order for a mail down and send the mail, unless mails wait first.

        Raises:
            OrderKeyTaken: there is such an order already.
            Refusal: `unavailable`: there is no mail server, and the order is forgotten.
        """
        now = self._clock()
        due_at = now + (self._delay or _HEAD_START)
        token = secrets.token_hex(16)
        self._store.orders.add(key, reset.id, kind, now, due_at, token)
        if self._delay:
            self._wake()
            return
        try:
            self._send(reset, key, token)
        except MailServerUnreachable:
            self._store.orders.drop(key)
            raise Refusal("unavailable") from None
        except MailDeferred:
            self._defer(key)

    def work(self) -> bool:
        """Try the waiting orders whose time has come; tells whether any are still waiting."""
        due, more = self._store.orders.due(self._clock())
        for order in due:
            reset = self._store.reset_of_order(order.reset_id)
            account = self._store.account(reset.username)
            if account is None or not _may_be_mailed(account, order):
                self._store.orders.cancel(order.idempotency_key)
                continue
            try:
                self._send(reset, order.idempotency_key, order.return_token)
            except (MailServerUnreachable, MailDeferred):
                more |= self._defer(order.idempotency_key)
        return more

    def _send(self, reset: Reset, key: str, return_token: str) -> None:
        """Try once to send the mail of a waiting order, with a new password.

        Raises:
            MailServerUnreachable, MailDeferred: it did not leave.
        """
        account = self._store.account(reset.username)
        if account is None:
            return
        password = passwords.new_password()
        identifier = letter.message_id(secrets.token_hex(16))
        written_at = datetime.fromtimestamp(self._clock(), UTC)
        message = letter.compose(account.email, identifier, password, reset.reference, written_at)
        if not self._store.orders.begin(key, identifier, passwords.hashed(password)):
            # If it holds no more, the next round gives it up.
            self._wake()
            return
        try:
            self._mailer.hand_over(bounces.return_path(return_token), account.email, bytes(message))
        except MailOutcomeUnknown:
            return
        except MailRefused:
            self._store.orders.bounce(key)
            return
        self._store.orders.settle(key)

    def _defer(self, key: str) -> bool:
        """Have an order tried again later; False if it has been tried for long enough."""
        order = self._store.orders.by_key(key)
        now = self._clock()
        if order is None or now - order.ordered_at > self._limits.mail_patience:
            self._store.orders.bounce(key)
            return False
        wait = self._limits.mail_retry * 2 ** (order.tries - 1)
        self._store.orders.defer(key, now + min(wait, _LONGEST_RETRY))
        self._wake()
        return True


def _may_be_mailed(account: StoredAccount, order: Order) -> bool:
    """Tell whether a waiting order still holds.

    An owner who has chosen a password since keeps that.
    """
    return account.status == "active" and account.changed_at < order.ordered_at
