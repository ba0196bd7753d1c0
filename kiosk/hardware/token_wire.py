"""What the kiosk and the token's helper process say to each other.

A frame is `length of header (4) | length of blob (2) | header | blob`, lengths
big-endian. The header is one of the messages below in MessagePack. The blob is the
PIN, or empty: it stands outside the header so that it is sent straight from the
memory where it was typed, and is never encoded, copied or printed here.

The same on both sides; the helper reads a blocking socket, the kiosk its event loop.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

import msgspec

from kiosk.hardware.token import (
    Mechanism,
    ModuleDescription,
    PinFlags,
    TokenCertificate,
    TokenInfo,
)

if TYPE_CHECKING:
    # The helper has no event loop, and its package is a third of what the helper would hold.
    import asyncio

HEADER_MAX = 256 * 1024
"""Bytes. Room for some dozens of certificates."""
BLOB_MAX = 256
"""Bytes. No PIN is longer."""

_LENGTHS = struct.Struct(">IH")


class WireError(Exception):
    """The other side broke the protocol."""


class WireClosed(WireError):
    """The other side closed the socket, perhaps in the middle of a frame."""


class FrameTooLong(WireError):
    """There is more to say than a frame holds."""


# What the kiosk asks.


class Load(msgspec.Struct, frozen=True, tag=True):
    """Load this PKCS#11 module and initialise it. The first request, once."""

    module: str
    fixed_buffers: bool = False
    """Read without asking for sizes first; see `kiosk.hardware.object_access`."""


class Find(msgspec.Struct, frozen=True, tag=True):
    """Find the token behind this PC/SC reader, in the slot with this certificate."""

    reader: str
    certificate: bytes = b""
    pin_length: bool = True
    """Whether the bounds of the PIN's length are wanted; without them, less is asked of the
    card."""


class ReadCertificates(msgspec.Struct, frozen=True, tag=True):
    """Read the certificates that show now."""


class Login(msgspec.Struct, frozen=True, tag=True):
    """Log in with the PIN in the blob, if token and certificate are still these."""

    serial: str
    certificate: bytes


class Sign(msgspec.Struct, frozen=True, tag=True):
    """Sign with the key of this certificate."""

    certificate: bytes
    mechanism: Mechanism
    message: bytes
    final: bool = True
    """Whether it is the last signature: a PIN that was kept for it is forgotten."""


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Tell what the module is and what it sees."""


Request = Load | Find | ReadCertificates | Login | Sign | Describe


# What the helper answers.


class Done(msgspec.Struct, frozen=True, tag=True):
    """It was done."""


class Found(msgspec.Struct, frozen=True, tag=True):
    """Answer to `Find`."""

    token: TokenInfo


class Certificates(msgspec.Struct, frozen=True, tag=True):
    """Answer to `ReadCertificates`."""

    certificates: tuple[TokenCertificate, ...]


class Signature(msgspec.Struct, frozen=True, tag=True):
    """Answer to `Sign`."""

    signature: bytes


class Described(msgspec.Struct, frozen=True, tag=True):
    """Answer to `Describe`."""

    module: ModuleDescription


class Refused(msgspec.Struct, frozen=True, tag=True):
    """It was not done."""

    error: str
    """Name of a class of `kiosk.hardware.token`."""
    reason: str = ""
    flags: PinFlags = PinFlags()
    """The PIN's flags after a wrong PIN."""


Reply = Done | Found | Certificates | Signature | Described | Refused


def encode(message: Request | Reply, blob_length: int = 0) -> bytes:
    """Return everything of a frame but its blob.

    Raises:
        FrameTooLong
    """
    header = msgspec.msgpack.encode(message)
    if len(header) > HEADER_MAX or blob_length > BLOB_MAX:
        raise FrameTooLong("frame too long")
    return _LENGTHS.pack(len(header), blob_length) + header


def _lengths(octets: bytes | bytearray) -> tuple[int, int]:
    header, blob = _LENGTHS.unpack(octets)
    if not 0 < header <= HEADER_MAX or blob > BLOB_MAX:
        raise WireError("frame with a length out of bounds")
    return header, blob


def _decode(header: bytes | bytearray, kind: Any) -> Any:
    try:
        return msgspec.msgpack.decode(header, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # What came is not quoted: it may be anything.
        raise WireError("message that the protocol does not have") from None


async def receive_reply(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> Reply:
    """Read one answer of the helper from a non-blocking socket.

    Raises:
        WireClosed, WireError
    """

    async def read(length: int) -> bytearray:
        buffer = bytearray(length)
        view = memoryview(buffer)
        while view:
            try:
                count = await loop.sock_recv_into(sock, view)
            except OSError:
                count = 0
            if not count:
                raise WireClosed("closed by the helper")
            view = view[count:]
        return buffer

    header, blob = _lengths(await read(_LENGTHS.size))
    if blob:
        raise WireError("an answer has no blob")
    reply: Reply = _decode(await read(header), Reply)
    return reply


def receive_request(sock: socket.socket) -> tuple[Request, bytearray]:
    """Read one request, and the PIN with it, from a blocking socket.

    Raises:
        WireClosed, WireError
    """

    def read(length: int) -> bytearray:
        buffer = bytearray(length)
        view = memoryview(buffer)
        while view:
            count = sock.recv_into(view)
            if not count:
                raise WireClosed("closed by the kiosk")
            view = view[count:]
        return buffer

    header, blob = _lengths(read(_LENGTHS.size))
    request: Request = _decode(read(header), Request)
    return request, read(blob)
