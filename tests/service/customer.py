"""Customers of one kiosk, one after the other, without a screen: each proves a token and
confirms a reset. Each kiosk is a process of its own, so that it can be killed at any moment.

    python -m tests.service.customer URL AUDIENCE STATE

Starts a kiosk for each number that it reads, as a fork of itself, because a program that has to
import everything anew takes longer to start than to serve ten customers. Answers with the number
of the process. A kiosk writes a line into STATE/journal-NUMBER before each confirmation and one
after it. All of them end with the one that reads.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import secrets
import signal
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.sandbox.pki import SandboxPki
from kiosk.service import errors
from kiosk.service.client import ServiceClient
from kiosk.service.proof import ProofRequest, assemble, signing_input
from tests.unit.service_lab import sign

WHO = (("hoa-sen", "hoasen"), ("hoa-sen", "hoasen.kho"), ("two-certificates", "haichungthu"))
TIME_OUT = 1.0


@cache
def _pki(state: Path) -> SandboxPki:
    return SandboxPki.open(state)


class Customer:
    """One token, one account, one visit after the other."""

    def __init__(
        self, url: str, audience: str, state: Path, number: int, timeout: float = TIME_OUT
    ) -> None:
        token, self.username = WHO[number % len(WHO)]
        pki = _pki(state)
        self._key, certificate = pki.leaf(token)
        self._chain = tuple(c.public_bytes(Encoding.DER) for c in (certificate, pki.issuing))
        self._audience = audience
        self._kiosk = f"kiosk-{number}"
        self.client = ServiceClient(url, self._kiosk, timeout=timeout)

    async def open_reset(self) -> str:
        """Prove the token; returns the reset's identifier."""
        return await self.prove(self.proof(await self.challenge()))

    async def challenge(self) -> str:
        return (await self.client.challenge(self._chain)).challenge

    async def prove(self, proof: str) -> str:
        return (await self.client.request_reset(self.username, proof)).id

    def proof(self, challenge: str) -> str:
        facts = ProofRequest(
            audience=self._audience,
            username=self.username,
            challenge=challenge,
            kiosk=self._kiosk,
            issued_at=int(time.time()),
            chain=self._chain,
        )
        message = signing_input(facts, "RS256")
        return assemble(message, sign(self._key, message))

    async def confirm(self, reset_id: str, key: str) -> str:
        """Confirm; returns what the customer would be told."""
        try:
            return (await self.client.confirm(reset_id, key)).status
        except errors.ServiceUnreachable:
            return "not sent"
        except errors.ServiceRefused as error:
            return f"refused {error.code}"
        except errors.ServiceError:
            return "unknown"


async def _serve(customer: Customer, journal: Path) -> None:
    with journal.open("a", encoding="utf-8") as lines:

        def note(**what: Any) -> None:
            lines.write(json.dumps(what) + "\n")
            lines.flush()

        while True:
            try:
                reset_id = await customer.open_reset()
            except errors.ServiceError:
                continue
            key = secrets.token_urlsafe(24)
            note(asked=reset_id, key=key)
            note(told=await customer.confirm(reset_id, key), of=reset_id)


def _start_kiosks(url: str, audience: str, state: Path) -> None:
    _pki(state)
    # Nobody waits for those that were killed.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        number = int(line)
        process = os.fork()
        if process == 0:
            prctl = ctypes.CDLL(None, use_errno=True).prctl
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            customer = Customer(url, audience, state, number)
            asyncio.run(_serve(customer, state / f"journal-{number}"))
        print(process, flush=True)  # noqa: T201


_PR_SET_PDEATHSIG = 1
"""prctl(2)"""

if __name__ == "__main__":
    _start_kiosks(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
