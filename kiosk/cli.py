"""The command `kiosk`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kiosk import __version__
from kiosk.config import ConfigError
from kiosk.sandbox.commands import add_commands, state_option

if TYPE_CHECKING:
    from kiosk.app import KioskApp
    from kiosk.doctor.findings import Report

DEFAULT_CONFIG = Path("/etc/vnpt-bhxh-kiosk/kiosk.toml")

DONE = 0
FAILED = 1
BAD_INPUT = 2
"""Bad configuration or arguments; the message names file, key, found and expected."""
FAULT = 70
"""A fault of the program itself."""

EXIT_CODES = """\
exit codes:
  0   done
  1   could not be done; the message says why
  2   bad configuration or arguments; the message says which, what was found
      and what was expected
  70  the kiosk stopped because of a fault of its own; start it again
"""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command; always leaves through `sys.exit`."""
    _harden_environment()
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        sys.exit(options.action(options))
    except ConfigError as error:
        _say(str(error))
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(DONE)


def _harden_environment() -> None:
    """Take away what would let an environment change how Textual behaves: `TEXTUAL_DEBUG`
    logs every key, `TEXTUAL_ALLOW_SIGNALS` lets a key stop the program, and `COLUMNS` and
    `LINES` are believed before the terminal is."""
    for name in list(os.environ):
        if name.startswith("TEXTUAL_") or name in ("COLUMNS", "LINES"):
            del os.environ[name]
    os.environ["TEXTUAL_DISABLE_KITTY_KEY"] = "1"


def _keep_memory_private() -> None:
    """No core file and no debugger of another program sees what a customer types."""
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pr_set_dumpable = 4
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_dumpable, 0, 0, 0, 0)


def _parser() -> argparse.ArgumentParser:
    def command(
        parent: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
    ) -> argparse.ArgumentParser:
        return parent.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    parser = argparse.ArgumentParser(
        prog="kiosk",
        description="Password kiosk for VNPT-BHXH. To try it: kiosk demo",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kiosk {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = command(commands, "run", "run the kiosk on this terminal")
    _config_option(run)
    run.add_argument("--log", type=Path, metavar="FILE", help="append a log to this file")
    run.set_defaults(action=_run)

    demo = command(
        commands, "demo", "try the whole journey with a virtual token and a sandbox service"
    )
    state_option(demo)
    demo.add_argument(
        "--token",
        choices=("auto", "card", "embedded"),
        default="auto",
        help="card: a virtual card behind the real pcscd; embedded: a token simulated in the "
        "program; auto: the first if it can be had, else the second (default)",
    )
    demo.add_argument("--log", type=Path, metavar="FILE", help="append a log to this file")
    demo.set_defaults(action=_demo)

    doctor = command(commands, "doctor", "tell a technician what the kiosk finds, and what to do")
    doctor.add_argument(
        "--token",
        action="store_true",
        help="look at every token that is in, without PIN; exit code 0 if the kiosk would go on "
        "to the PIN, else 1",
    )
    doctor.add_argument("--json", action="store_true", help="write JSON")
    _config_option(doctor)
    doctor.set_defaults(action=_doctor)

    config = command(commands, "config", "work on the configuration")
    configs = config.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = command(configs, "check", "read the configuration and every file it names")
    _config_option(check)
    check.set_defaults(action=_config_check)

    staff = command(commands, "staff", "set up staff mode")
    staffs = staff.add_subparsers(title="commands", metavar="COMMAND", required=True)
    pin = command(staffs, "pin", "choose the staff PIN, and print its line for kiosk.toml")
    pin.set_defaults(action=_staff_pin)

    sandbox = command(commands, "sandbox", "parts of the demo, one by one")
    parts = sandbox.add_subparsers(title="commands", metavar="COMMAND", required=True)

    add_commands(parts, command)
    return parser


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"the kiosk's configuration ({DEFAULT_CONFIG})",
    )


def _say(text: str) -> None:
    print(f"kiosk: {text}", file=sys.stderr)


def _log_to(path: Path | None) -> None:
    """Log to a file or not at all: standard error is where Textual draws."""
    if path is None:
        logging.getLogger().addHandler(logging.NullHandler())
        return
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise ConfigError(path, "--log", error.strerror or "an error", "a writable file") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    logging.getLogger("kiosk").setLevel(logging.INFO)


def _need_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError("kiosk", "terminal", "none on standard input and error", "a terminal")


def _run(options: argparse.Namespace) -> int:
    from kiosk.assembly import Settings
    from kiosk.hardware.readers import PcscWatcher

    settings = Settings.load(options.config)
    _need_terminal()
    _keep_memory_private()
    _log_to(options.log)
    from kiosk.app import KioskApp

    app = KioskApp(
        lambda show, crash: settings.controller(PcscWatcher(), show, crash), settings.tools
    )
    app.run()
    return leave(app)


def leave(app: KioskApp) -> int:
    """Say why the app ended, if nobody asked it to, and give the exit code."""
    if app.config_error:
        _say(app.config_error)
    if app.crash_report:
        _say(f"stopped because of a fault: {app.crash_report}")
    return app.return_code or DONE


def _demo(options: argparse.Namespace) -> int:
    from kiosk.sandbox.demo import Demo, DemoFailed

    _need_terminal()
    _keep_memory_private()
    _log_to(options.log)
    try:
        with Demo(options.state, options.token, _say) as demo:
            app = demo.app()
            app.run()
    except DemoFailed as error:
        _say(str(error))
        return FAILED
    return leave(app)


def _doctor(options: argparse.Namespace) -> int:
    import asyncio

    if not options.token:
        raise ConfigError("arguments", "kiosk doctor", "nothing to look at", "--token")
    from kiosk.assembly import Settings
    from kiosk.doctor.text import as_text
    from kiosk.doctor.tokens import check_tokens
    from kiosk.hardware.readers import PcscWatcher

    settings = Settings.load(options.config)
    _log_to(None)

    def progress(text: str) -> None:
        if sys.stderr.isatty():
            _say(f"{text} …")

    async def check() -> Report:
        driver = settings.driver(note_unknown=False)
        return await check_tokens(settings, PcscWatcher(), driver, progress)

    try:
        report = asyncio.run(check())
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        _write(report.as_json() + "\n" if options.json else as_text(report, colour=colour))
    except ConfigError:
        raise
    except KeyboardInterrupt:
        return FAILED
    except Exception as error:
        # A technician has no use for a traceback, and the exit code has to be ours.
        _say(f"doctor stopped because of a fault: {type(error).__name__}: {error}")
        return FAULT
    return DONE if report.in_order else FAILED


def _write(text: str) -> None:
    """Write to standard output, whatever its encoding, and whether anybody still reads it."""
    try:
        sys.stdout.buffer.write(text.encode(sys.stdout.encoding, errors="replace"))
        sys.stdout.flush()
    except BrokenPipeError:
        # Else Python tries again when it ends, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _config_check(options: argparse.Namespace) -> int:
    from kiosk.assembly import Settings

    settings = Settings.load(options.config)
    trust = settings.trust()
    settings.service()
    print(f"{options.config}: in order ({len(trust)} trusted certificates)")
    return DONE


def _staff_pin(_options: argparse.Namespace) -> int:
    from kiosk.staff.choose_pin import choose_pin

    _keep_memory_private()
    line = choose_pin(_say)
    if line is None:
        return FAILED
    print(f"[staff]\n{line}")
    return DONE
