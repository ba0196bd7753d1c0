"""The command line of `scripts/bench-service`."""

from __future__ import annotations

import argparse
import sys

from tests.bench import kiosks, uniform


def main(arguments: list[str] | None = None) -> int:
    """Run one measurement; returns the exit code: 0 if its limits hold, 1 if not."""
    parser = argparse.ArgumentParser(
        prog="bench-service", description="Measure the sandbox BHXH service over loopback."
    )
    measurements = parser.add_subparsers(required=True, metavar="MEASUREMENT")
    uniform.add_to(measurements)
    kiosks.add_to(measurements)
    options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
