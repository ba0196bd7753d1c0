"""The sandbox service on free ports, with tokens whose keys are at hand."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import AccountStatus
from kiosk.sandbox.server.run import SandboxServer, latest_mails
from kiosk.sandbox.server.store import Store
from kiosk.service.client import ServiceClient
from kiosk.service.messages import Reset
from kiosk.service.proof import ProofRequest, algorithm_for, assemble, signing_input

KIOSK = "test-kiosk"


@functools.cache
def _made_once() -> tempfile.TemporaryDirectory[str]:
    directory = tempfile.TemporaryDirectory(prefix="kiosk-pki-")
    SandboxPki.open(Path(directory.name))
    return directory


def base64url(value: bytes | dict[str, Any] | str) -> str:
    """Encode as JWS does; a dict is written as JSON first, text is taken as JSON."""
    if isinstance(value, dict):
        value = json.dumps(value)
    raw = value.encode() if isinstance(value, str) else value
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(key: Any, message: bytes, *, pss: bool = False) -> bytes:
    """Sign as a token does, in the form that JWS wants."""
    if isinstance(key, rsa.RSAPrivateKey):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else padding.PKCS1v15()
        return key.sign(message, scheme, hashes.SHA256())
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until it holds; fail if it does not within the time."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


class Lab:
    """A running sandbox service."""

    def __init__(self, directory: Path, **options: Any) -> None:
        for folder in ("keys", "certificates", "trust"):
            shutil.copytree(Path(_made_once().name) / folder, directory / folder)
        self.directory = directory
        self.ahead = 0.0
        """Seconds that the service's clock is ahead."""
        self.server = SandboxServer(directory, clock=self.now, **options)
        self.pki = SandboxPki.open(directory)

    def now(self) -> float:
        return time.time() + self.ahead

    def __enter__(self) -> Lab:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    @property
    def url(self) -> str:
        return self.server.url

    def client(self, url: str = "", **options: Any) -> ServiceClient:
        return ServiceClient(url or self.url, KIOSK, **options)

    def certificate(self, token: str) -> x509.Certificate:
        return self.pki.leaf(token)[1]

    def chain(self, token: str) -> tuple[bytes, ...]:
        foreign = token == "foreign"
        issuer = self.pki.foreign_issuing if foreign else self.pki.issuing
        return tuple(c.public_bytes(Encoding.DER) for c in (self.certificate(token), issuer))

    def request(
        self, token: str, username: str | None, challenge: str, /, **changes: Any
    ) -> ProofRequest:
        facts: dict[str, Any] = {
            "audience": self.url,
            "username": username,
            "challenge": challenge,
            "kiosk": KIOSK,
            "issued_at": int(self.now()),
            "chain": self.chain(token),
        }
        return ProofRequest(**facts | changes)

    def proof(self, token: str, username: str | None, challenge: str, /, **changes: Any) -> str:
        """The proof that a token makes, without username for a lookup; `changes` replaces facts."""
        key, certificate = self.pki.leaf(token)
        public = certificate.public_key()
        curve = public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else ""
        algorithm = algorithm_for("EC" if curve else "RSA", curve)
        message = signing_input(self.request(token, username, challenge, **changes), algorithm)
        return assemble(message, sign(key, message))

    async def open_reset(
        self, client: ServiceClient, token: str = "hoa-sen", username: str = "hoasen"
    ) -> Reset:
        challenge = (await client.challenge(self.chain(token))).challenge
        return await client.request_reset(username, self.proof(token, username, challenge))

    async def look_up(self, client: ServiceClient, token: str = "hoa-sen") -> tuple[str, ...]:
        challenge = (await client.challenge(self.chain(token))).challenge
        return (await client.look_up_accounts(self.proof(token, None, challenge))).usernames

    def set_status(self, username: str, status: AccountStatus) -> None:
        """Lock, close or reopen an account, while the service runs or not."""
        with closing(Store(self.directory)) as store:
            store.set_status(username, status)

    def log_in(self, username: str, password: str, new_password: str = "") -> tuple[int, str]:
        """Log in to the service; returns the HTTP status and what it says."""
        body = {"username": username, "password": password, "new_password": new_password}
        answer = httpx.post(f"{self.url}/v1/logins", json=body, trust_env=False).json()
        return (answer["status"], answer["code"]) if "code" in answer else (200, answer["status"])

    def mailed_passwords(self, recipient: str) -> list[str]:
        """The passwords mailed to an address, newest first, read as a customer would."""
        mails = [mail for mail in latest_mails(self.directory) if mail.recipient == recipient]
        return [mail.text.split("\n\n")[2].strip() for mail in mails]
