"""The checks; importing this package registers them, in this order."""

from tests.vm.checks import (  # noqa: F401
    boot,
    kills,
    keys,
    usb,
    journey,
    supervision,
    faults,
    power,
    console,
)
