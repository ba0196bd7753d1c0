"""A service inside the test's process, behind the methods of `ServiceClient`.

It keeps a book of what was asked and what was mailed, and it fails as a walk tells it to:
before or after the work was done. It is stricter than the sandbox's service in one matter:
an order with a new idempotency key is a new order, and mails again.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Any, Literal, TypeVar

from kiosk.hardware.certificate import Identity, read_identity
from kiosk.sandbox.scenario import ACCOUNTS, TOKENS
from kiosk.service.errors import AnswerInvalid, AnswerLost, ServiceRefused, ServiceUnreachable
from kiosk.service.messages import Accounts, Challenge, Delivery, Health, Reset

TIME_OUT = 10.0
"""Seconds, as in `[service] timeout`: the client waits no longer for an answer."""

MAX_RESENDS = 2

Status = Literal["pending", "sent", "delivered", "bounced", "expired"]
T = TypeVar("T")


class Fate(Enum):
    """What becomes of one call."""

    SLOW = "answered, late"
    UNREACHABLE = "never arrives"
    REFUSED = "refused, nothing is done"
    LOST_BEFORE = "not carried out, and no answer comes"
    LOST_AFTER = "carried out, and no answer comes"
    INVALID_BEFORE = "not carried out, and the answer cannot be understood"
    INVALID_AFTER = "carried out, and the answer cannot be understood"


@dataclass(frozen=True)
class Fault:
    """A fate, and how long it takes."""

    fate: Fate
    code: str = "unavailable"
    """Of a refusal."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Mail:
    """A mail with a new password that has left."""

    reset_id: str
    username: str
    tax_code: str


@dataclass
class Order:
    """What became of an order to mail."""

    outlook: list[Status]
    """What is answered, one after the other; the last one stays."""
    reset_id: str = ""

    def status(self) -> Status:
        return self.outlook.pop(0) if len(self.outlook) > 1 else self.outlook[0]


@dataclass
class Book:
    """Everything that was ever asked."""

    challenges: dict[str, bool] = field(default_factory=dict)
    """Whether each was used."""
    resets: dict[str, Reset] = field(default_factory=dict)
    usernames: dict[str, str] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    """By idempotency key."""
    keys: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The keys of all confirmations that arrived or were tried, by reset."""
    unanswered: dict[str, str] = field(default_factory=dict)
    """The key of the last order to mail again, by reset, until it is answered."""
    doubled: list[str] = field(default_factory=list)
    """Resets of which such an order was given anew instead of repeated."""
    mails: list[Mail] = field(default_factory=list)
    staff: set[str] = field(default_factory=set)
    """Calls for staff that are open."""


class FakeService:
    """Answers as the contract says, unless a fault was planned. Kiosk's clock and its own agree
    but for `skew`."""

    audience = "https://fake.example"

    def __init__(self) -> None:
        self.book = Book()
        self.down = False
        self.skew = 0
        self.offers: tuple[str, ...] = ("account-lookups",)
        self.outlook: list[Status] = ["sent"]
        """What the next order's mail will be told to be."""
        self._faults: dict[str, Fault] = {}
        self._numbers = count(1)

    def plan(self, call: str, fault: Fault) -> None:
        """Let the next such call fail."""
        self._faults[call] = fault

    async def health(self) -> Health:
        return await self._call(
            "health", lambda: Health("ok", max(0, int(time.time()) + self.skew), self.offers)
        )

    async def challenge(self, chain: tuple[bytes, ...]) -> Challenge:
        def work() -> Challenge:
            tax_codes = read_identity(chain[0]).tax_code
            for profile in TOKENS:
                if profile.tax_code == tax_codes and profile.status != "good":
                    raise ServiceRefused(f"certificate_{profile.status}", 422)
            nonce = f"challenge-{next(self._numbers):08d}"
            self.book.challenges[nonce] = False
            return Challenge(nonce, 300)

        return await self._call("challenge", work)

    async def request_reset(self, username: str, proof: str) -> Reset:
        def work() -> Reset:
            identity, payload = self._proved(proof)
            if payload.get("username") != username:
                raise ServiceRefused("proof_invalid", 422)
            account = next((one for one in ACCOUNTS if one.username == username), None)
            if account is None or account.tax_code != identity.tax_code:
                raise ServiceRefused("no_match", 404)
            reset = Reset(
                id=f"reset-{next(self._numbers)}",
                organisation=identity.organisation,
                tax_code=identity.tax_code,
                masked_email="k•••@gmail.com",
                mailbox_domain="gmail.com",
                reference="BH-TEST",
            )
            self.book.resets[reset.id] = reset
            self.book.usernames[reset.id] = username
            return reset

        return await self._call("request_reset", work)

    async def look_up_accounts(self, proof: str) -> Accounts:
        def work() -> Accounts:
            identity, payload = self._proved(proof)
            if "username" in payload:
                raise ServiceRefused("proof_invalid", 422)
            own = [one.username for one in ACCOUNTS if one.tax_code == identity.tax_code]
            return Accounts(tuple(sorted(own)))

        return await self._call("look_up_accounts", work)

    def _proved(self, proof: str) -> tuple[Identity, dict[str, Any]]:
        """Whose proof it is and what it says; its challenge serves once."""
        header, payload = (_unpacked(part) for part in proof.split(".")[:2])
        if self.book.challenges.get(payload["challenge"]) is not False:
            raise ServiceRefused("challenge_invalid", 422)
        self.book.challenges[payload["challenge"]] = True
        return read_identity(base64.b64decode(header["x5c"][0])), payload

    async def confirm(self, reset_id: str, idempotency_key: str) -> Delivery:
        self.book.keys[reset_id].add(idempotency_key)
        return await self._call("confirm", lambda: self._ordered(reset_id, idempotency_key))

    async def resend(self, reset_id: str, idempotency_key: str) -> Delivery:
        def work() -> Delivery:
            mailed = sum(mail.reset_id == reset_id for mail in self.book.mails)
            if idempotency_key not in self.book.orders and mailed > MAX_RESENDS:
                raise ServiceRefused("resend_limit", 429)
            return self._ordered(reset_id, idempotency_key)

        if self.book.unanswered.setdefault(reset_id, idempotency_key) != idempotency_key:
            self.book.doubled.append(reset_id)
        answer = await self._call("resend", work)
        del self.book.unanswered[reset_id]
        return answer

    async def status(self, reset_id: str) -> Delivery:
        def work() -> Delivery:
            if reset_id not in self.book.resets:
                raise ServiceRefused("not_found", 404)
            orders = [one for one in self.book.orders.values() if one.reset_id == reset_id]
            status = orders[-1].status() if orders else "pending"
            return Delivery(reset_id, status, "BH-TEST")

        return await self._call("status", work)

    async def call_staff(self, call_id: str) -> None:
        await self._call("call_staff", lambda: self.book.staff.add(call_id))

    async def cancel_staff_call(self, call_id: str) -> None:
        await self._call("cancel_staff_call", lambda: self.book.staff.discard(call_id))

    async def warm_up(self) -> None:
        """There is no connection."""

    encrypted = False

    def twin(self) -> FakeService:
        """Staff mode asks on a connection of its own; here there are none."""
        return self

    async def close(self) -> None:
        """There is no connection."""

    def _ordered(self, reset_id: str, key: str) -> Delivery:
        """Mail once for a key."""
        if reset_id not in self.book.resets:
            raise ServiceRefused("not_found", 404)
        if key not in self.book.orders:
            self.book.orders[key] = Order(list(self.outlook), reset_id)
            if self.outlook[0] != "expired":
                # That one is given up before it leaves.
                self.book.mails.append(
                    Mail(
                        reset_id,
                        self.book.usernames[reset_id],
                        self.book.resets[reset_id].tax_code,
                    )
                )
        return Delivery(reset_id, self.book.orders[key].status(), "BH-TEST")

    async def _call(self, name: str, work: Callable[[], T]) -> T:
        """Do the work, or suffer the fault that was planned for this call."""
        fault = self._faults.pop(name, Fault(Fate.SLOW))
        if self.down:
            fault = Fault(Fate.UNREACHABLE)
        await asyncio.sleep(min(fault.seconds, TIME_OUT) / 2)
        match fault.fate:
            case Fate.UNREACHABLE:
                raise ServiceUnreachable("a walk's fault")
            case Fate.REFUSED:
                raise ServiceRefused(fault.code, 422)
            case Fate.LOST_BEFORE:
                raise AnswerLost("a walk's fault")
            case Fate.INVALID_BEFORE:
                raise AnswerInvalid("a walk's fault")
        answer = work()
        await asyncio.sleep(min(fault.seconds, TIME_OUT) / 2)
        if fault.fate is Fate.LOST_AFTER or fault.seconds >= TIME_OUT:
            raise AnswerLost("a walk's fault")
        if fault.fate is Fate.INVALID_AFTER:
            raise AnswerInvalid("a walk's fault")
        return answer


CALLS = tuple(
    name
    for name, value in vars(FakeService).items()
    if asyncio.iscoroutinefunction(value)
    and not name.startswith("_")
    and name not in ("close", "warm_up")
)
"""What faults can be planned for."""


def _unpacked(part: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return values
