"""The process that prints one slip: a printer that hangs, hangs this and nothing else.

It reads a `Job` from its input, and its exit code is what came of it (`Outcome`).
"""

from __future__ import annotations

import math
import signal
import sys
from enum import IntEnum

import msgspec

from kiosk.printing.device import Device
from kiosk.printing.fonts import FontMissing, find_font
from kiosk.printing.slip import Job

FRAGMENT = 128
"""Rows of the picture that are sent at once: small printers have little memory."""


class Outcome(IntEnum):
    """Exit codes. Python's own for a crash is 1, for a wrong command line 2."""

    PRINTED = 0
    NO_LIBRARY = 10
    NO_FONT = 11
    NO_DEVICE = 12
    """It cannot be opened, or has stopped taking bytes."""


def main() -> Outcome:
    """Print the slip that comes in."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    # The default action of the signal ends the process, also in the middle of a write.
    signal.alarm(math.ceil(job.seconds))
    try:
        data = encoded(job)
    except ImportError:
        return Outcome.NO_LIBRARY
    except FontMissing:
        return Outcome.NO_FONT
    try:
        Device.parse(job.device).send(data, job.seconds)
    except OSError:
        return Outcome.NO_DEVICE
    return Outcome.PRINTED


def encoded(job: Job) -> bytes:
    """Write a slip in ESC/POS: reset, the picture, feed and cut.

    Raises:
        ImportError: python-escpos or what it needs is not installed.
        FontMissing: there is no font for the slip's language.
    """
    from escpos.printer import Dummy  # noqa: PLC0415

    from kiosk.printing.paper import draw  # noqa: PLC0415

    language = job.slip.language
    picture = draw(
        job.slip,
        find_font(language),
        find_font(language, bold=True),
        columns=job.columns,
        dots=job.dots,
    )
    printer = Dummy()
    printer.hw("INIT")
    printer.image(picture, impl="bitImageRaster", fragment_height=FRAGMENT)
    printer.cut()
    return bytes(printer.output)


if __name__ == "__main__":
    sys.exit(main())
