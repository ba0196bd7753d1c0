"""The commands `kiosk demo` and `kiosk sandbox …`, which an installation without this package
does not have. What costs time to load is loaded by the command itself."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.config import ConfigError

DONE, FAILED = 0, 1

NewCommand = Callable[[Any, str, str], argparse.ArgumentParser]
"""Adds a command of this name and with this help to a set of commands."""


def add_commands(commands: Any, command: NewCommand) -> None:
    """Add the commands to `kiosk`."""
    demo = command(
        commands, "demo", "try the whole journey with a virtual token and a sandbox service"
    )
    _state_option(demo)
    demo.add_argument(
        "--token",
        choices=("auto", "card", "embedded"),
        default="auto",
        help="card: a virtual card behind the real pcscd; embedded: a token simulated in the "
        "program; auto: the first if it can be had, else the second (default)",
    )
    demo.add_argument("--log", type=Path, metavar="FILE", help="append a log to this file")
    demo.set_defaults(action=_demo)

    sandbox = command(commands, "sandbox", "parts of the demo, one by one")
    _add_parts(sandbox.add_subparsers(title="commands", metavar="COMMAND", required=True), command)


def _add_parts(parts: Any, command: NewCommand) -> None:
    serve = command(parts, "serve", "serve the sandbox BHXH service and its mailbox on 127.0.0.1")
    _state_option(serve)
    serve.add_argument(
        "--http-port", type=_port, default=8480, metavar="N", help="0: any free port (8480)"
    )
    serve.add_argument(
        "--smtp-port", type=_port, default=8425, metavar="N", help="0: any free port (8425)"
    )
    encrypted = serve.add_mutually_exclusive_group()
    encrypted.add_argument("--tls", action="store_true", help="HTTPS, with a CA of its own")
    encrypted.add_argument(
        "--mtls", action="store_true", help="HTTPS, and kiosks have to show a certificate"
    )
    serve.add_argument(
        "--delivery-delay",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="seconds from an order to its mail in the mailbox (0)",
    )
    serve.set_defaults(action=_serve)

    client = command(
        parts, "client-certificate", "make a kiosk's TLS certificate for `serve --mtls`"
    )
    _state_option(client)
    client.add_argument("id", help="the kiosk's name: `kiosk.id` of its configuration")
    client.set_defaults(action=_client_certificate)

    fault = command(parts, "fault", "have the running sandbox service do something wrong")
    _state_option(fault)
    fault.add_argument("name", help="a fault; `list` tells all there are, `clear` takes them away")
    fault.add_argument(
        "--call", default="", metavar="NAME", help="only for this call of the contract"
    )
    fault.add_argument(
        "--times", type=int, metavar="N", help="only so many times (until it is cleared)"
    )
    fault.add_argument("--seconds", type=float, metavar="S", help="how long, or by how much")
    fault.set_defaults(action=_fault)

    card = command(parts, "card", "put a virtual card into the virtual reader of pcscd")
    _state_option(card)
    card.add_argument("--insert", metavar="NAME", help="insert this token at once")
    card.add_argument(
        "--port", type=_port, default=35963, metavar="N", help="port of the virtual reader (35963)"
    )
    card.set_defaults(action=_card)

    mail = command(parts, "mail", "print the mails that the sandbox service has sent")
    _state_option(mail)
    mail.add_argument("--last", action="store_true", help="only the newest")
    mail.set_defaults(action=_mail)


def _state_option(parser: argparse.ArgumentParser) -> None:
    """Add `--state`: the sandbox's folder."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    parser.add_argument(
        "--state",
        type=lambda text: Path(text).expanduser().absolute(),
        default=Path(base).expanduser() / "vnpt-bhxh-kiosk-sandbox",
        metavar="DIR",
        help="folder of the sandbox: its CA, accounts and mails (%(default)s)",
    )


def _port(text: str) -> int:
    if text.isdigit() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"found {text!r}, expected a port from 0 to 65535")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if 0 <= seconds <= 3600:
        return seconds
    raise argparse.ArgumentTypeError(f"found {text!r}, expected seconds from 0 to 3600")


def _say(text: str) -> None:
    print(f"kiosk: {text}", file=sys.stderr)


def _demo(options: argparse.Namespace) -> int:
    from kiosk.cli import keep_memory_private, leave, log_to, need_terminal
    from kiosk.sandbox.demo import Demo, DemoFailed

    need_terminal()
    keep_memory_private()
    log_to(options.log)
    try:
        with Demo(options.state, options.token, _say) as demo:
            app = demo.app()
            app.run()
            if demo.restart_asked:
                _say("page 8 has ended the program; at a counter systemd starts it again")
    except DemoFailed as error:
        _say(str(error))
        return FAILED
    return leave(app)


def _serve(options: argparse.Namespace) -> int:
    from kiosk.sandbox.server.run import ServeError, serve

    print(f"folder {options.state}", flush=True)
    tls: Any = "mutual" if options.mtls else "server" if options.tls else "none"
    try:
        if tls != "none":
            from kiosk.sandbox.server.tls import SandboxTls

            print(f"CA {SandboxTls(options.state / 'tls').ca_file}", flush=True)
        serve(options.state, options.http_port, options.smtp_port, tls, options.delivery_delay)
    except ServeError as error:
        _say(str(error))
        return FAILED
    except OSError as error:
        _say(f"{options.state}: {error.strerror}")
        return FAILED
    return DONE


def _client_certificate(options: argparse.Namespace) -> int:
    from kiosk.sandbox.server.tls import SandboxTls

    try:
        tls = SandboxTls(options.state / "tls")
        certificate, key = tls.client_files(options.id)
    except ValueError:
        raise ConfigError(
            "arguments", "id", repr(options.id), "letters, digits, dot, underscore, hyphen"
        ) from None
    except OSError as error:
        _say(f"{options.state}: {error.strerror}")
        return FAILED
    print(
        f'[kiosk]\nid = "{options.id}"\n\n[service]\nca_file = "{tls.ca_file}"\n'
        f'client_certificate = "{certificate}"\nclient_key = "{key}"'
    )
    return DONE


def _fault(options: argparse.Namespace) -> int:
    from kiosk.sandbox.server import control
    from kiosk.sandbox.server.faults import KINDS, ActiveFault, FaultError

    try:
        if options.name == "clear":
            control.clear_faults(options.state)
            active = []
        elif options.name == "list":
            for kind in KINDS.values():
                print(f"{kind.name:16}{kind.meaning}")
            active = control.active_faults(options.state)
        else:
            fault = ActiveFault(options.name, options.call, options.times, options.seconds)
            active = control.put_fault(options.state, fault)
    except FaultError as error:
        raise ConfigError("arguments", error.what, repr(error.found), error.expected) from None
    except control.NotRunning:
        _say(f"{options.state}: no sandbox service runs here; name its folder with --state")
        return FAILED
    for one in active:
        times = "until cleared" if one.times is None else f"{one.times} times"
        print(f"now: {one.name} at {one.call or 'every call'}, {times}")
    if not active:
        print("now: no fault")
    return DONE


def _card(options: argparse.Namespace) -> int:
    from kiosk.sandbox.card import CardUnavailable, serve
    from kiosk.sandbox.scenario import TOKENS_BY_NAME

    if options.insert and options.insert not in TOKENS_BY_NAME:
        raise ConfigError(
            "arguments", "--insert", repr(options.insert), "one of " + ", ".join(TOKENS_BY_NAME)
        )
    try:
        serve(options.state, options.state / "card.sock", options.port, options.insert)
    except CardUnavailable as error:
        _say(str(error))
        return FAILED
    return DONE


def _mail(options: argparse.Namespace) -> int:
    from kiosk.sandbox.server.database import FILE as STORE
    from kiosk.sandbox.server.mail import latest_mails

    if not (options.state / STORE).exists():
        _say(f"{options.state}: no sandbox has run here; name its folder with --state")
        return FAILED
    mails = latest_mails(options.state)
    if not mails:
        print("No mail yet.")
    for mail in mails[:1] if options.last else reversed(mails):
        print(mail.as_text())
        print("-" * 72)
    return DONE
