"""A page that needs nothing but a terminal: for when the kiosk itself cannot be started.

No Textual, no hardware, no configuration. It takes no key; it goes when its reason goes.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import textwrap
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kiosk.config import SupportSection
from kiosk.i18n import LANGUAGES, translator
from kiosk.problems import Problem
from kiosk.supervision import LeaveWish, Supervisor

LOOK_INTERVAL = 3.0
"""Seconds between two looks at whether the reason is still there."""

_TICK = 0.5
_MARGIN = 8

_INK = "\x1b[38;2;11;34;57m\x1b[48;2;233;241;248m"
_ALARM = "\x1b[1m\x1b[38;2;164;22;26m"
_BOLD = "\x1b[1m"
_PLAIN = "\x1b[0m"


class Ended(Exception):
    """The terminal has gone, or a signal has asked the kiosk to end."""


def show_until(
    problem: Problem, over: Callable[[], bool], supervisor: Supervisor, wish: LeaveWish
) -> None:
    """Say in every language that the kiosk is out of service, until `over` says that it is not.

    Raises:
        Ended: the process has to end, also if the reason has gone meanwhile.
    """
    draw_again = True

    def resized(_number: int, _frame: object) -> None:
        nonlocal draw_again
        draw_again = True

    with _handling(signal.SIGWINCH, resized), _raw_terminal():
        supervisor.status(f"out of service: {problem.code}")
        told = False
        look_at = 0.0
        while not wish.asked:
            if draw_again:
                draw_again = False
                _write("".join(_page(problem)))
            if not told:
                supervisor.ready()
                told = True
            supervisor.alive()
            if time.monotonic() >= look_at:
                if over():
                    break
                look_at = time.monotonic() + LOOK_INTERVAL
            _drop_keys()
    if wish.asked:
        raise Ended


def _page(problem: Problem) -> Iterator[str]:
    """Everything that has to be written to have the page on the screen."""
    size = shutil.get_terminal_size()
    lines: list[tuple[str, str]] = []
    hotline = SupportSection().hotline
    for language in LANGUAGES:
        t = translator(language)
        lines += [(_ALARM, t(f"problem.{problem.key}.title")), ("", "")]
        text = t(f"problem.{problem.key}.text")
        lines += [("", line) for line in textwrap.wrap(text, max(20, size.columns - _MARGIN))]
        lines += [("", t("out_of_service.text")), (_BOLD, hotline), ("", "")]
    lines.append((_BOLD, problem.code))
    top = max(0, (size.lines - len(lines)) // 2)
    # Colour, clear, no cursor, no wrapping at the edge.
    yield f"{_PLAIN}{_INK}\x1b[?25l\x1b[?7l\x1b[2J"
    for row, (style, line) in enumerate(lines[: size.lines], start=top + 1):
        column = max(1, (size.columns - len(line)) // 2 + 1)
        yield f"\x1b[{row};{column}H{style}{line}{_PLAIN}{_INK}"


def _write(text: str) -> None:
    data = text.encode()
    try:
        while data:
            data = data[os.write(sys.stderr.fileno(), data) :]
    except OSError:
        raise Ended from None


def _drop_keys() -> None:
    """Wait a moment, and throw away what was typed meanwhile."""
    keyboard = sys.stdin.fileno()
    deadline = time.monotonic() + _TICK
    while (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([keyboard], [], [], left)
        if readable:
            try:
                if not os.read(keyboard, 4096):
                    raise Ended
            except OSError:
                raise Ended from None
            # Somebody may lean on the keyboard.
            time.sleep(0.05)


@contextmanager
def _handling(number: signal.Signals, handler: Callable[[int, object], None]) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """No key is echoed, and none is a signal."""
    keyboard = sys.stdin.fileno()
    try:
        before = termios.tcgetattr(keyboard)
        tty.setraw(keyboard)
    except termios.error:
        raise Ended from None
    try:
        yield
    finally:
        try:
            _write(f"{_PLAIN}\x1b[?7h\x1b[2J\x1b[H")
            termios.tcsetattr(keyboard, termios.TCSAFLUSH, before)
        except (Ended, termios.error):
            # The terminal has gone, and with it what there was to restore.
            pass
