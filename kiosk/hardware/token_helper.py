"""The helper process: the only one that loads a PKCS#11 module.

Started with exec as `python -I -m kiosk.hardware.token_helper SOCKET PARENT`, one for
each module and visit. It has one thread, answers one request after the other on its
socket and ends when the kiosk closes it. It ends without C_Finalize, which may hang.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4


def harden(parent: int) -> None:
    """Leave no core file, be attachable for nobody, and die with the kiosk.

    See prctl(2). Called before anything else is imported or read.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for option, value in ((PR_SET_DUMPABLE, 0), (PR_SET_PDEATHSIG, signal.SIGKILL)):
        if prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
            os._exit(os.EX_OSERR)
    if os.getppid() != parent:
        # The kiosk ended before the death signal was asked for.
        os._exit(os.EX_UNAVAILABLE)


def serve(sock: socket.socket) -> None:
    """Answer requests until the kiosk closes the socket or breaks the protocol."""
    # Imported late: the process is hardened before foreign code is in it.
    from kiosk.hardware import token, token_wire  # noqa: PLC0415
    from kiosk.hardware.token_module import TokenModule  # noqa: PLC0415

    module: TokenModule | None = None

    def answer(request: token_wire.Request, pin: bytearray) -> token_wire.Reply:
        nonlocal module
        if isinstance(request, token_wire.Load):
            module = TokenModule(request.module, fixed_buffers=request.fixed_buffers)
            return token_wire.Done()
        if module is None:
            raise token_wire.WireError("no module was loaded")
        match request:
            case token_wire.Find(reader, certificate, pin_length):
                found = module.find(reader, certificate, pin_length=pin_length)
                return token_wire.Found(found)
            case token_wire.ReadCertificates():
                return token_wire.Certificates(module.certificates())
            case token_wire.Login(serial, certificate):
                module.login(serial, certificate, pin)
                return token_wire.Done()
            case token_wire.Sign(certificate, mechanism, message, final):
                signature = module.sign(certificate, mechanism, message, final=final)
                return token_wire.Signature(signature)
            case token_wire.Describe():
                return token_wire.Described(module.describe())

    def refusal(error: str, reason: str, flags: token.PinFlags | None = None) -> bytes:
        return token_wire.encode(token_wire.Refused(error, reason, flags or token.PinFlags()))

    while True:
        try:
            request, pin = token_wire.receive_request(sock)
        except token_wire.WireClosed:
            return
        try:
            frame = token_wire.encode(answer(request, pin))
        except token_wire.FrameTooLong:
            frame = refusal(token.TokenFailed.__name__, "more than a frame holds")
        except token_wire.WireError:
            raise
        except token.PinRefused as error:
            frame = refusal(type(error).__name__, "", error.flags)
        except token.TokenError as error:
            frame = refusal(type(error).__name__, getattr(error, "reason", ""))
        except Exception as error:
            # A module's oddity that python-pkcs11 stumbles over. Its text is not passed
            # on, because nobody knows what is in it.
            frame = refusal(token.TokenFailed.__name__, type(error).__name__)
        sock.sendall(frame)


def main() -> NoReturn:
    """Run the helper. Its exit status is 0 when the kiosk closed the socket."""
    harden(parent=int(sys.argv[2]))
    status = os.EX_PROTOCOL
    try:
        sock = socket.socket(fileno=int(sys.argv[1]))
        # A program that the module starts shall not read the next PIN from it.
        sock.set_inheritable(False)
        serve(sock)
        status = os.EX_OK
    finally:
        # Neither C_Finalize nor a traceback: nobody reads it, and it could show a PIN.
        os._exit(status)


if __name__ == "__main__":
    main()
