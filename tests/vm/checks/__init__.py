"""The checks, each module a subject."""

import importlib

_ORDER = (
    *("boot", "kills", "keys", "usb", "journey", "staff", "supervision", "faults", "power"),
    "console",
)


def load() -> None:
    """Register the checks, in the order in which they are done."""
    for name in _ORDER:
        importlib.import_module(f"{__name__}.{name}")
