"""What the calls of the service contract do. HTTP is `app`'s matter."""

from __future__ import annotations

import math
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from kiosk.sandbox.server import bounces, passwords
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.orders import Order, OrderKeyTaken, OrderState
from kiosk.sandbox.server.outbox import Outbox
from kiosk.sandbox.server.refusal import Refusal
from kiosk.sandbox.server.store import Reset, Store, StoredAccount
from kiosk.sandbox.server.verify import CertificateVerifier, Holder, Proof

__all__ = ["Limits", "OpenedReset", "Progress", "Service", "is_username"]

MIN_PASSWORD = 8
"""Fewest characters of a password that the account's owner chooses."""

_REFERENCE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_LOCKS = 64
# A reset's orders are put one after the other; those of different resets seldom wait.

_MOST_USERNAMES = 100
"""Usernames that the contract lets an answer have."""

_STATUS: dict[OrderState, str] = {
    "waiting": "pending",
    "sending": "pending",
    "sent": "sent",
    "bounced": "bounced",
    "cancelled": "expired",
}
# What the contract calls the states of an order.

_NOBODY = StoredAccount(
    "", "", "a@b.c", passwords.hashed(secrets.token_hex(8)), False, 0.0, "active"
)
# Stands in for an account that is not there, so that it costs the same work.


@dataclass(frozen=True, slots=True)
class OpenedReset:
    """What a proof has opened, as the customer is asked to confirm it."""

    reset: Reset
    organisation: str
    tax_code: str
    email: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the mail of a reset is."""

    reset: Reset
    status: str
    """As in the contract: pending, sent, delivered, bounced or expired."""
    resends_left: int
    """How many further mails can be ordered."""
    resend_after: int
    """Seconds until the next one can be ordered."""


class Service:
    """The sandbox's BHXH service. Its methods may be called from any thread.

    All raise `Refusal`.
    """

    def __init__(
        self,
        store: Store,
        verifier: CertificateVerifier,
        outbox: Outbox,
        audience: str,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Serve under the URL `audience`; `clock` gives seconds since 1970 (UTC)."""
        self._store = store
        self._verifier = verifier
        self._outbox = outbox
        self._audience = audience
        self._limits = limits or Limits()
        self._clock = clock
        self._ordering = tuple(threading.Lock() for _ in range(_LOCKS))

    def now(self) -> int:
        """The service's time, in seconds since 1970 (UTC)."""
        return int(self._clock())

    def challenge(self, kiosk: str, chain: tuple[bytes, ...]) -> tuple[str, int]:
        """Check a certificate and make a challenge for it; returns it and its life in seconds."""
        self._limit(f"kiosk {kiosk}", self._limits.per_kiosk)
        now = self._clock()
        holder = self._verifier.check(chain, datetime.fromtimestamp(now, UTC))
        self._limit(f"certificate {holder.fingerprint}", self._limits.per_certificate)
        nonce = secrets.token_urlsafe(32)
        life = self._limits.challenge_life
        self._store.add_challenge(nonce, holder.fingerprint, kiosk, now + life)
        return nonce, life

    def open_reset(self, kiosk: str, username: str, text: str) -> OpenedReset:
        """Check a proof and open the reset that it asks for."""
        holder = self._proven(kiosk, username, text)
        # Counted for each organisation that asks for it: a stranger locks nobody out.
        askers = ",".join(sorted(holder.tax_codes))
        self._limit(f"username {username} by {askers}", self._limits.per_username)
        account = self._store.account(username) or _NOBODY
        matched = account.tax_code in holder.tax_codes
        reset = Reset(
            id=secrets.token_urlsafe(24),
            username=account.username if matched else "",
            kiosk=kiosk,
            reference=_reference(),
            created_at=self._clock(),
        )
        self._store.add_reset(reset)
        opened = OpenedReset(reset, holder.organisation, account.tax_code, account.email)
        if not matched:
            raise Refusal("no_match")
        _check_status(account)
        return opened

    def look_up_accounts(self, kiosk: str, text: str) -> list[str]:
        """Check a proof; returns the usernames of the certificate's tax codes, sorted.

        Locked accounts are among them, since their owner is told so; closed ones are not.
        """
        holder = self._proven(kiosk, None, text)
        self._limit(f"lookup {holder.fingerprint}", self._limits.lookups)
        return self._store.usernames(holder.tax_codes, _MOST_USERNAMES)

    def _proven(self, kiosk: str, username: str | None, text: str) -> Holder:
        """Check a proof for a reset, or without username for a lookup; tells whose it is."""
        now = self._clock()
        proof = Proof.parse(text)
        # Used up before anything is verified: whatever is wrong, it serves no second try.
        fingerprint = self._store.take_challenge(proof.challenge, kiosk, now)
        if fingerprint is None:
            raise Refusal("challenge_invalid")
        holder = self._verifier.check(proof.chain, datetime.fromtimestamp(now, UTC))
        if holder.fingerprint != fingerprint:
            raise Refusal("proof_invalid")
        proof.check(holder, self._audience, username, kiosk, now)
        return holder

    def confirm(self, kiosk: str, reset_id: str, key: str) -> Progress:
        """Mail a new password: once for a reset, however often and by whatever key it is asked."""
        with self._lock(reset_id):
            reset = self._reset(kiosk, reset_id)
            orders = self._store.orders.of_reset(reset_id)
            if not self._is_known(reset, key) and not orders:
                if self._is_over(reset):
                    raise Refusal("reset_expired")
                self._order(reset, key, "confirmation")
            return self._progress(reset)

    def resend(self, kiosk: str, reset_id: str, key: str) -> Progress:
        """Mail a further new password for a reset that was confirmed."""
        with self._lock(reset_id):
            reset = self._reset(kiosk, reset_id)
            if self._is_known(reset, key):
                return self._progress(reset)
            orders = self._store.orders.of_reset(reset_id)
            account = self._store.account(reset.username)
            if not orders or account is None:
                raise Refusal("invalid_request")
            _check_status(account)
            # Another password now would undo the one that the customer has just chosen.
            if self._is_over(reset) or account.changed_at > reset.created_at:
                raise Refusal("reset_expired")
            if len(orders) > self._limits.resends:
                raise Refusal("resend_limit")
            wait = self._resend_after(orders)
            if wait:
                raise Refusal("rate_limited", retry_after=wait)
            self._order(reset, key, "resend")
            return self._progress(reset)

    def progress(self, kiosk: str, reset_id: str) -> Progress:
        """Tell how far the newest mail of a reset is."""
        return self._progress(self._reset(kiosk, reset_id))

    def log_in(self, username: str, password: str, new_password: str) -> bool:
        """Log in, and change the password if a new one is given.

        Returns:
            whether the password has to be changed before the account can be used.
        """
        self._limit(f"login {username}", self._limits.logins)
        account = self._store.account(username) or _NOBODY
        if not self._is_password(account, password) or account.status != "active":
            raise Refusal("login_refused")
        self._store.orders.keep_password(username)
        account = self._store.account(username) or _NOBODY
        if not new_password:
            return account.must_change
        if len(new_password) < MIN_PASSWORD or new_password == password:
            raise Refusal("invalid_request")
        self._store.change_password(username, passwords.hashed(new_password), self._clock())
        return False

    def call_staff(self, kiosk: str, call_id: str) -> None:
        """Tell the counter that help is wanted."""
        self._store.add_staff_call(call_id, kiosk, self._clock())

    def cancel_staff_call(self, kiosk: str, call_id: str) -> None:
        """Tell the counter that help is no longer wanted."""
        self._store.drop_staff_call(call_id, kiosk)

    def take_returned(self, token: str, sender: str, content: bytes) -> None:
        """Read a mail that came to the return path with this token."""
        # Only a notification has no sender (RFC 3464, section 2): what a person or a
        # holiday programme writes has one.
        if not sender and bounces.reports_failure(content):
            self._store.orders.come_back(token)

    def _order(self, reset: Reset, key: str, kind: str) -> None:
        """Order a mail with a new password for the account's owner."""
        account = self._store.account(reset.username)
        if account is None:
            raise Refusal("not_found")
        _check_status(account)
        try:
            self._outbox.order(reset, key, kind)
        except OrderKeyTaken:
            raise Refusal("invalid_request") from None

    def _is_password(self, account: StoredAccount, password: str) -> bool:
        if passwords.matches(password, account.password):
            return True
        for key, stored in self._store.orders.unsettled_passwords(account.username):
            if passwords.matches(password, stored):
                self._store.orders.settle(key)
                return True
        return False

    def _lock(self, reset_id: str) -> threading.Lock:
        return self._ordering[hash(reset_id) % _LOCKS]

    def _is_known(self, reset: Reset, key: str) -> bool:
        """Tell whether this key has made an order before; it must be for the same reset."""
        order = self._store.orders.by_key(key)
        if order is not None and order.reset_id != reset.id:
            raise Refusal("invalid_request")
        return order is not None

    def _reset(self, kiosk: str, reset_id: str) -> Reset:
        reset = self._store.reset(reset_id, kiosk)
        if reset is None:
            raise Refusal("not_found")
        return reset

    def _is_over(self, reset: Reset) -> bool:
        return self._clock() > reset.created_at + self._limits.reset_life

    def _progress(self, reset: Reset) -> Progress:
        orders = self._store.orders.of_reset(reset.id)
        over = self._is_over(reset)
        left = 0 if over else max(0, self._limits.resends + 1 - max(1, len(orders)))
        after = self._resend_after(orders) if left else 0
        return Progress(reset, self._status(orders, over), left, after)

    def _status(self, orders: list[Order], over: bool) -> str:
        if not orders:
            return "expired" if over else "pending"
        newest = orders[-1]
        if self._store.mailbox.has(newest.message_id):
            return "delivered"
        return _STATUS[newest.state]

    def _resend_after(self, orders: list[Order]) -> int:
        """Seconds until another mail may follow these."""
        if not orders:
            return 0
        newest, now = orders[-1], self._clock()
        wait = newest.ordered_at + self._limits.resend_wait - now
        if newest.state == "waiting":
            # Another one would be a second mail as soon as this one leaves.
            wait = max(wait, newest.due_at - now, 1)
        return max(0, math.ceil(wait))

    def _limit(self, subject: str, limit: int) -> None:
        wait = self._store.count_attempt(subject, limit, self._limits.window, self._clock())
        if wait:
            raise Refusal("rate_limited", retry_after=wait)


def _check_status(account: StoredAccount) -> None:
    """Refuse a locked or closed account. Only for its owner, who has proved to be that."""
    if account.status == "locked":
        raise Refusal("account_locked")
    if account.status == "closed":
        raise Refusal("account_closed")


def is_username(text: str) -> bool:
    """Tell whether this can be a username: not empty, trimmed, in NFC."""
    return bool(text) and text == unicodedata.normalize("NFC", text.strip())


def _reference() -> str:
    return "BH-" + "".join(secrets.choice(_REFERENCE_LETTERS) for _ in range(6))
