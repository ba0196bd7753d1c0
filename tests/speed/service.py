"""The service's share of a visit: an order, from the key that confirms it to "sent"."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import time
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from kiosk.sandbox.pki import SandboxPki
from kiosk.service.client import ServiceClient
from kiosk.service.errors import ServiceError
from kiosk.service.proof import ProofRequest, assemble, signing_input
from tests.speed.figures import Figure, Goal, Kind, Samples, compared, counted, reported
from tests.speed.lab import Lab
from tests.speed.reader import TOKEN

KIOSK = "test"
"""The kiosk's name in the tests' configuration."""
USERNAME = "hoasen"

_DER = serialization.Encoding.DER
_MS = 1000

_RAW = "one raw HTTP exchange of the same bytes"


_PROBLEM = b'{"type": "about:blank", "title": "Recorded", "status": 410, "code": "reset_expired"}'
_REFUSAL = (
    b"HTTP/1.1 410 Gone\r\nContent-Type: application/problem+json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_PROBLEM), _PROBLEM)
)


def recorded_order(reset_id: str, idempotency_key: str) -> bytes:
    """The bytes with which the kiosk's own client confirms a reset."""

    async def record() -> bytes:
        came: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            came.append(head + await reader.readexactly(content_length(head)))
            writer.write(_REFUSAL)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            client = ServiceClient(f"http://{host}:{port}", KIOSK)
            try:
                await client.confirm(reset_id, idempotency_key)
            except ServiceError:
                # It was refused; told that the service has failed, it would ask again.
                return came[0]
            finally:
                await client.close()
        raise RuntimeError("the client believed an answer that is none")

    return asyncio.run(record())


def content_length(head: bytes) -> int:
    """Bytes of content that follow the head of an HTTP message; 0 if it does not tell."""
    found = re.search(rb"^content-length:[ \t]*(\d+)[ \t]*\r?$", head, re.MULTILINE | re.IGNORECASE)
    return int(found[1]) if found else 0


class Orders:
    """Confirms resets of its own, which it proves with the token's key itself."""

    def __init__(self, laboratory: Lab, rest: float) -> None:
        """Prepare.

        Args:
            laboratory: where the service is, and the token's key.
            rest: seconds that the kiosk's customer reads before they confirm, and the service
                rests.
        """
        self.served: list[float] = []
        """Of each raw exchange, the seconds that the service had the order for."""
        self._url = laboratory.url
        self._log = laboratory.service_log
        self._rest = rest
        pki = SandboxPki.open(laboratory.directory)
        key, leaf = pki.leaf(TOKEN)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the token has a key of another kind")
        self._key = key
        self._chain = tuple(one.public_bytes(_DER) for one in (leaf, *pki.intermediates))

    def client(self) -> float:
        """Confirm a new reset with the kiosk's own client, without a screen; seconds for it."""

        async def confirm() -> float:
            client = ServiceClient(self._url, KIOSK)
            try:
                reset_id = await self._new_reset(client)
                await asyncio.sleep(self._rest)
                begin = time.monotonic()
                await client.confirm(reset_id, secrets.token_urlsafe(24))
                return time.monotonic() - begin
            finally:
                await client.close()

        return asyncio.run(confirm())

    def raw(self) -> float:
        """Confirm a new reset with a socket, and nothing between the socket and the bytes;
        seconds for the exchange."""

        async def proved() -> str:
            client = ServiceClient(self._url, KIOSK)
            try:
                return await self._new_reset(client)
            finally:
                await client.close()

        request = recorded_order(asyncio.run(proved()), secrets.token_urlsafe(24))
        address = urlsplit(self._url)
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # As the kiosk's, the connection has been used before.
            health = f"GET /v1/health HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n"
            exchange(connection, health.encode())
            time.sleep(self._rest)
            begin = time.monotonic()
            took = exchange(connection, request)
        self.served.append(self._log.order(begin))
        return took

    async def _new_reset(self, client: ServiceClient) -> str:
        challenge = await client.challenge(self._chain)
        facts = ProofRequest(
            audience=client.audience,
            username=USERNAME,
            challenge=challenge.challenge,
            kiosk=KIOSK,
            issued_at=int(time.time()),
            chain=self._chain,
        )
        message = signing_input(facts, "RS256")
        signature = self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return (await client.request_reset(USERNAME, assemble(message, signature))).id


def exchange(connection: socket.socket, request: bytes) -> float:
    """Send these bytes and read all of the answer; seconds for that.

    Raises:
        RuntimeError: the service did not do what was asked.
    """
    begin = time.monotonic()
    connection.sendall(request)
    answer = b""
    while not is_whole(answer):
        part = connection.recv(1 << 16)
        if not part:
            raise RuntimeError("the service hung up")
        answer += part
    took = time.monotonic() - begin
    status = answer.splitlines()[0]
    if b" 200 " not in status:
        raise RuntimeError(f"the service refused: {status!r}")
    return took


def is_whole(answer: bytes) -> bool:
    """Whether this is all of an HTTP answer that tells its length."""
    head, end, content = answer.partition(b"\r\n\r\n")
    return bool(end) and len(content) >= content_length(head)


def service_figures(
    ours: Samples, peer: Samples, client: Samples, served: Samples, peer_served: Samples
) -> list[Figure]:
    """From the key to "sent". Seconds: the kiosk's, `Orders.raw`'s, `Orders.client`'s; and of the
    first two, what the service had the order for."""
    raw = _ms(peer)
    return [
        compared(
            'confirm → "sent" on the screen, loopback',
            "ms",
            _ms(ours),
            raw,
            _RAW,
            Goal(Kind.MORE, 15),
            note=f"{counted(ours, 'orders')}; both over a connection that is open; the service "
            "sends a mail for each",
        ),
        compared(
            "the same, the kiosk's client without a screen",
            "ms",
            _ms(client),
            raw,
            _RAW,
            None,
            note="most of what is left of the difference above is the new screen",
        ),
        compared(
            "the same, the service's own time for the order",
            "ms",
            _ms(served),
            _ms(peer_served),
            _RAW,
            None,
            note="from the order's first byte to the answer's last one, seen by the service",
        ),
        reported(
            "the same, without the service's own time",
            "ms",
            _without(ours, served),
            note="the journal's word before the order, the order's way and the answer's, the new "
            f"screen; the raw exchange has {_without(peer, peer_served).median:.1f} ms of this",
        ),
    ]


def _without(seconds: Samples, part: Samples) -> Samples:
    """What is left of each, in milliseconds."""
    return _ms(Samples([a - b for a, b in zip(seconds.values, part.values, strict=True)]))


def _ms(seconds: Samples) -> Samples:
    return Samples([one * _MS for one in seconds.values])
