"""The command `kiosk`."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kiosk import __version__
from kiosk.config import ConfigError

if TYPE_CHECKING:
    from kiosk.app import KioskApp

DEFAULT_CONFIG = Path("/etc/vnpt-bhxh-kiosk/kiosk.toml")

SANDBOX = "kiosk.sandbox"
SANDBOX_COMMANDS = "kiosk.sandbox.commands"
"""Where `kiosk demo` and `kiosk sandbox` are. A kiosk at a counter is installed without them,
so they are looked for and never imported by name."""

THREADS_TURN = 0.0005
"""Seconds after which a thread that works lets others go on. What is drawn is written to the
terminal by a thread of its own, which would else wait up to 5 ms for work on the next screen."""

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
    given = sys.argv[1:] if arguments is None else arguments
    # To make the parsers of all commands takes a fiftieth of the time to the first frame.
    parser = _parser(run_alone=given[:1] == ["run"])
    options = parser.parse_args(given)
    try:
        sys.exit(options.action(options))
    except ConfigError as error:
        _say(str(error))
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(DONE)
    except Exception as error:
        # No traceback reaches a person, and no value that was in one.
        from kiosk.supervision import where

        logging.getLogger(__name__).critical("fault: %s", where(error))
        _say(f"stopped because of a fault: {where(error)}")
        sys.exit(FAULT)


def _harden_environment() -> None:
    """Take away what would let an environment change how Textual behaves: `TEXTUAL_DEBUG`
    logs every key, `TEXTUAL_ALLOW_SIGNALS` lets a key stop the program, and `COLUMNS` and
    `LINES` are believed before the terminal is."""
    for name in list(os.environ):
        if name.startswith("TEXTUAL_") or name in ("COLUMNS", "LINES"):
            del os.environ[name]
    os.environ["TEXTUAL_DISABLE_KITTY_KEY"] = "1"


def keep_memory_private() -> None:
    """No core file and no debugger of another program sees what a customer types."""
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pr_set_dumpable = 4
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_dumpable, 0, 0, 0, 0)


def _parser(*, run_alone: bool = False) -> argparse.ArgumentParser:
    """Make the parser of all commands, or of `kiosk run` alone."""

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
        description="Password kiosk for VNPT-BHXH."
        + (" To try it: kiosk demo" if not run_alone and _with_sandbox() else ""),
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kiosk {__version__}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog=parser.prog
    )

    run = command(commands, "run", "run the kiosk on this terminal")
    _config_option(run)
    run.add_argument("--log", type=Path, metavar="FILE", help="append a log to this file")
    run.add_argument(
        "--unattended",
        action="store_true",
        help="as systemd runs it: log to the system's journal, say that it is alive, and show a "
        "page instead of ending where the configuration is broken",
    )
    run.set_defaults(action=_run)
    if run_alone:
        return parser

    doctor = command(commands, "doctor", "tell a technician what the kiosk finds, and what to do")
    doctor.add_argument(
        "--token",
        action="store_true",
        help="look at every token that is in, without PIN; exit code 0 if the kiosk would go on "
        "to the PIN, else 1",
    )
    doctor.add_argument(
        "--machine",
        action="store_true",
        help="look at the machine; without --token that is what is done anyway",
    )
    doctor.add_argument(
        "--user",
        default="kiosk",
        metavar="NAME",
        help="the user that the kiosk runs as; started by root, the doctor becomes that user "
        "(kiosk)",
    )
    doctor.add_argument(
        "--wait",
        type=_waiting,
        default=None,
        metavar="SECONDS",
        help="longest time for one subject, all of which are looked at at the same time (13); a "
        "slow or busy machine needs more",
    )
    doctor.add_argument("--json", action="store_true", help="write JSON")
    _config_option(doctor)
    doctor.set_defaults(action=_doctor)

    display = command(
        commands,
        "display",
        "print display.ini with the largest letters that this screen has room for",
    )
    display.add_argument(
        "--large",
        action="store_true",
        help="large text: the same screens in 25 rows, for people who see badly",
    )
    display.add_argument(
        "--screen",
        type=_screen_size,
        default=None,
        metavar="WIDTHxHEIGHT",
        help="the screen's size in dots, where it is not the one that is plugged in here",
    )
    display.set_defaults(action=_display)

    config = command(commands, "config", "work on the configuration")
    configs = config.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = command(configs, "check", "read the configuration and every file it names")
    _config_option(check)
    check.set_defaults(action=_config_check)

    audit = command(commands, "audit", "work on the audit journal")
    audits = audit.add_subparsers(title="commands", metavar="COMMAND", required=True)
    verify = command(audits, "verify", "check that no line is missing, torn or changed")
    verify.add_argument("--json", action="store_true", help="write JSON")
    _config_option(verify)
    verify.set_defaults(action=_audit_verify)

    staff = command(commands, "staff", "set up staff mode")
    staffs = staff.add_subparsers(title="commands", metavar="COMMAND", required=True)
    pin = command(staffs, "pin", "choose the staff PIN, and print its line for kiosk.toml")
    pin.set_defaults(action=_staff_pin)

    if _with_sandbox():
        importlib.import_module(SANDBOX_COMMANDS).add_commands(commands, command)
    return parser


def _with_sandbox() -> bool:
    """Whether this installation has the sandbox."""
    return importlib.util.find_spec(SANDBOX) is not None


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"the kiosk's configuration ({DEFAULT_CONFIG})",
    )


def _waiting(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 1 <= seconds <= 600:
        return seconds
    raise argparse.ArgumentTypeError(f"found {text!r}, expected seconds from 1 to 600")


def _screen_size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if cross and width.isdecimal() and height.isdecimal() and int(width) and int(height):
        return int(width), int(height)
    raise argparse.ArgumentTypeError(f"found {text!r}, expected a size such as 1920x1080")


def _say(text: str) -> None:
    print(f"kiosk: {text}", file=sys.stderr)


def log_to(path: Path | None) -> None:
    """Log to a file or not at all: standard error is where Textual draws.

    Raises:
        ConfigError: the file cannot be written.
    """
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


def need_terminal() -> None:
    """Refuse to draw where nobody would see it.

    Raises:
        ConfigError: standard input or error is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            "standard input and error", "terminal", "none on one of them", "a terminal on both"
        )


def _run(options: argparse.Namespace) -> int:
    import gc

    # Nothing that is loaded is garbage; `kiosk.memory` sees to what comes after.
    gc.disable()
    sys.setswitchinterval(THREADS_TURN)
    from kiosk.assembly import Settings
    from kiosk.hardware.readers import PcscWatcher

    if options.unattended:
        from kiosk.unattended import run_unattended

        need_terminal()
        keep_memory_private()
        return run_unattended(options.config)
    settings = Settings.load(options.config)
    need_terminal()
    keep_memory_private()
    log_to(options.log)
    from kiosk.app import KioskApp

    app = KioskApp(
        lambda show, crash: settings.controller(PcscWatcher(), show, crash),
        settings.tools,
        narration=settings.narration(),
        alone=True,
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


def _doctor(options: argparse.Namespace) -> int:
    import asyncio
    import shutil

    from kiosk.doctor.checks import SECONDS
    from kiosk.doctor.command import Order, diagnose
    from kiosk.doctor.machine import patient_machine
    from kiosk.doctor.text import WIDTH, as_text

    log_to(None)

    def progress(text: str) -> None:
        if sys.stderr.isatty():
            _say(f"{text} …")

    order = Order(
        options.config.absolute(),
        machine=options.machine or not options.token,
        token=options.token,
        user=options.user,
        place=patient_machine((options.wait or SECONDS) / SECONDS),
    )
    try:
        report = asyncio.run(diagnose(order, progress))
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        width = shutil.get_terminal_size((WIDTH, 0)).columns if sys.stdout.isatty() else WIDTH
        text = as_text(report, colour=colour, width=width)
        _write(report.as_json() + "\n" if options.json else text)
    except KeyboardInterrupt:
        return FAILED
    except Exception as error:
        # A technician has no use for a traceback, and the exit code has to be ours.
        _say(f"doctor stopped because of a fault: {type(error).__name__}: {error}")
        return FAULT
    if report.fault:
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


def _display(options: argparse.Namespace) -> int:
    from kiosk import letters

    screen: tuple[int, int] | None = options.screen or letters.connected_screen()
    if screen is None:
        _say("no screen is plugged in whose size is known; name it with --screen 1920x1080")
        return FAILED
    width, height = screen
    pixels = None if options.large else letters.largest(width, height, letters.ROOMY)
    pixels = pixels or letters.largest(width, height, letters.LARGE)
    if pixels is None:
        _say(f"a screen of {width}x{height} has no room for 80 columns and 25 rows")
        return FAILED
    print(letters.settings(width, height, pixels), end="")
    return DONE


def _config_check(options: argparse.Namespace) -> int:
    from kiosk.config_check import check_configuration

    checked = check_configuration(options.config)
    for fault in checked.faults:
        _say(str(fault))
    if checked.faults or checked.settings is None:
        return BAD_INPUT
    print(f"{options.config}: in order ({len(checked.settings.trust())} trusted certificates)")
    return DONE


def _staff_pin(_options: argparse.Namespace) -> int:
    from kiosk.staff.choose_pin import choose_pin

    keep_memory_private()
    line = choose_pin(_say)
    if line is None:
        return FAILED
    _say("the line for [staff] of kiosk.toml, in the place of the one that is there:")
    print(line)
    return DONE


def _audit_verify(options: argparse.Namespace) -> int:
    import msgspec

    from kiosk.assembly import Settings
    from kiosk.audit import AuditError
    from kiosk.audit_verify import verify

    directory = Settings.load(options.config).audit_directory
    if directory is None:
        raise ConfigError(options.config, "kiosk.state_directory", "nothing", "a folder")
    try:
        found = verify(directory)
    except AuditError as error:
        _say(str(error))
        return FAILED
    if options.json:
        report = {"directory": str(directory), "in_order": found.in_order, "found": found}
        _write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
        return DONE if found.in_order else FAILED
    lines = [f"{directory}: {found.records} lines, number {found.first} to {found.last}"]
    lines += [
        f"line {record.seq}, {record.time}: {record.count} bytes of a torn line were cut off"
        for record in found.healed
    ]
    if found.torn:
        lines.append(
            f"{found.torn} bytes at the end are no line yet: the kiosk is writing it, or cuts it "
            "off at its next start"
        )
    lines += [f"{fault.file}, line {fault.line}: {fault.text}" for fault in found.faults]
    lines.append("in order" if found.in_order else "NOT in order: lines are missing or changed")
    _write("\n".join(lines) + "\n")
    return DONE if found.in_order else FAILED
