"""The frames between the kiosk and the token's helper."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator

import pytest

from kiosk.hardware import token_wire as wire
from kiosk.hardware.token import Mechanism, PinFlags, TokenCertificate, TokenInfo

SECRET = b"mat-khau-0123456789"

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


async def reply_from(sock: socket.socket) -> wire.Reply:
    sock.setblocking(False)
    async with asyncio.timeout(5):
        return await wire.receive_reply(asyncio.get_running_loop(), sock)


@pytest.mark.parametrize(
    "request_",
    [
        wire.Load("/usr/lib/module.so"),
        wire.Find("Đầu đọc 00 00"),
        wire.ReadCertificates(),
        wire.Login("0123", b"\x30\x00"),
        wire.Sign(b"\x30\x00", Mechanism.ES256, b"message"),
    ],
)
def test_requests_arrive_as_they_were_sent(ends: Ends, request_: wire.Request) -> None:
    ours, theirs = ends
    ours.sendall(wire.encode(request_, len(SECRET)))
    ours.sendall(SECRET)
    assert wire.receive_request(theirs) == (request_, bytearray(SECRET))


@pytest.mark.parametrize(
    "reply",
    [
        wire.Done(),
        wire.Found(TokenInfo(1, "01", "nhãn", "m", "o", PinFlags(final_try=True), (4, 8))),
        wire.Certificates((TokenCertificate(b"\x01", "nhãn", b"\x30\x00"),)),
        wire.Signature(b"\x00\xff"),
        wire.Refused("PinRefused", flags=PinFlags(count_low=True)),
    ],
)
async def test_answers_arrive_as_they_were_sent(ends: Ends, reply: wire.Reply) -> None:
    ours, theirs = ends
    theirs.sendall(wire.encode(reply))
    assert await reply_from(ours) == reply


async def test_frames_in_pieces_are_put_together(ends: Ends) -> None:
    ours, theirs = ends
    receiving = asyncio.create_task(reply_from(ours))
    for octet in wire.encode(wire.Signature(bytes(64))):
        theirs.send(bytes([octet]))
        await asyncio.sleep(0)
    assert await receiving == wire.Signature(bytes(64))


def test_pin_stands_outside_the_header() -> None:
    frame = wire.encode(wire.Login("0123", b"\x30"), len(SECRET))
    assert SECRET not in frame


def test_too_long_is_not_sent() -> None:
    with pytest.raises(wire.WireError):
        wire.encode(wire.Sign(b"", Mechanism.RS256, bytes(wire.HEADER_MAX)))
    with pytest.raises(wire.WireError):
        wire.encode(wire.Login("", b""), wire.BLOB_MAX + 1)


@pytest.mark.parametrize(
    "octets",
    [
        struct.pack(">IH", 0, 0),
        struct.pack(">IH", wire.HEADER_MAX + 1, 0),
        struct.pack(">IH", 1, wire.BLOB_MAX + 1) + b"\x80",
        struct.pack(">IH", 1, 0) + b"\xc1",
        struct.pack(">IH", 4, 0) + b"none",
    ],
)
async def test_broken_frames_are_refused(ends: Ends, octets: bytes) -> None:
    ours, theirs = ends
    ours.sendall(octets)
    theirs.sendall(octets)
    with pytest.raises(wire.WireError) as of_helper:
        wire.receive_request(theirs)
    with pytest.raises(wire.WireError) as of_kiosk:
        await reply_from(ours)
    assert not isinstance(of_helper.value, wire.WireClosed)
    assert not isinstance(of_kiosk.value, wire.WireClosed)


async def test_an_answer_is_no_request_and_has_no_blob(ends: Ends) -> None:
    ours, theirs = ends
    ours.sendall(wire.encode(wire.Done()))
    with pytest.raises(wire.WireError):
        wire.receive_request(theirs)
    theirs.sendall(wire.encode(wire.Done(), 3) + b"123")
    with pytest.raises(wire.WireError):
        await reply_from(ours)


@pytest.mark.parametrize("length", [0, 3, 6, 8])
async def test_end_in_the_middle_is_told(ends: Ends, length: int) -> None:
    ours, theirs = ends
    octets = wire.encode(wire.Signature(bytes(64)))[:length]
    ours.sendall(octets)
    theirs.sendall(octets)
    ours.shutdown(socket.SHUT_WR)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(wire.WireClosed):
        wire.receive_request(theirs)
    with pytest.raises(wire.WireClosed):
        await reply_from(ours)


def test_errors_do_not_quote_what_came(ends: Ends) -> None:
    ours, theirs = ends
    ours.sendall(struct.pack(">IH", len(SECRET), 0) + SECRET)
    with pytest.raises(wire.WireError) as error:
        wire.receive_request(theirs)
    assert SECRET.decode() not in repr(error.value)
    assert error.value.__cause__ is None


def test_both_ends_name_the_same_errors() -> None:
    """Each error of the port that a helper can raise is one that the kiosk can name."""
    from kiosk.hardware import token, token_process

    own = {"TokenError", "HelperDied", "TokenStalled", "ModuleMissing", "PinRefused", "TokenFailed"}
    every = {
        name
        for name, kind in vars(token).items()
        if isinstance(kind, type) and issubclass(kind, token.TokenError)
    }
    for name in every - own:
        error = token_process.error_of("find", wire.Refused(name))
        assert type(error).__name__ == name
