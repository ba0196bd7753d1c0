"""The command `scripts/vm-test`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.vm import checks, image, report
from tests.vm.bench import Bench
from tests.vm.counter import Counter
from tests.vm.machine import Machine
from tests.vm.registry import CHECKS, Check
from tests.vm.waiting import CheckFailed

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = (
    *("mmdebstrap", "mke2fs", "mkswap", "mkfs.vfat", "mcopy"),
    *("qemu-system-x86_64", "qemu-img", "setpriv"),
)

PASSED, FAILED, BAD_INPUT = 0, 1, 2


def main() -> int:
    checks.load()
    options = _parser().parse_args()
    if options.list:
        for check in CHECKS.values():
            sys.stdout.write(f"{check.name:18}{check.what}\n")
        return PASSED
    unknown = set(options.only) - CHECKS.keys()
    if unknown:
        return _refuse(f"no check is named {', '.join(sorted(unknown))}; see --list")
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return _refuse(f"not installed: {' '.join(missing)}")
    if os.geteuid() != 0:
        return _refuse("only root can make a Debian disk")
    options.state.mkdir(parents=True, exist_ok=True)
    try:
        package = options.deb or _built_package(options.state)
        chosen = [
            check for check in CHECKS.values() if not options.only or check.name in options.only
        ]
        return _run(options.state, package, chosen, options)
    except image.ImageFailed as error:
        _say(str(error))
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vm-test",
        description="Boots a whole machine with the kiosk in QEMU and tries to break it.",
        epilog="exit codes: 0 all checks passed; 1 some failed, or no machine could be made; "
        "2 bad arguments, or something is not installed",
    )
    parser.add_argument("--deb", type=Path, metavar="FILE", help="this package (scripts/build-deb)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this check")
    parser.add_argument("--list", action="store_true", help="name the checks")
    parser.add_argument(
        "--keep", action="store_true", help="take the disk of the last run, and keep this one's"
    )
    parser.add_argument(
        "--state", type=Path, default=ROOT / ".state" / "vm", metavar="DIR", help="(%(default)s)"
    )
    parser.add_argument(
        "--report",
        type=Path,
        default=ROOT / "docs" / "vm-report.md",
        metavar="FILE",
        help="(%(default)s); written only if all checks were done",
    )
    return parser


def _built_package(state: Path) -> Path:
    folder = state / "package"
    _say("building the package")
    subprocess.run([ROOT / "scripts" / "build-deb", folder], check=True)
    return max(folder.glob("*.deb"), key=lambda file: file.stat().st_mtime)


def _run(state: Path, package: Path, chosen: list[Check], options: argparse.Namespace) -> int:
    pictures = options.report.parent / "pictures" / "vm"
    if options.only:
        pictures = state / "pictures"
    with Counter(state, port=8480) as counter:
        if options.keep and (state / "disk.raw").exists():
            disk = image.built(state)
        else:
            _say("building the disk")
            disk = image.build(state, package, counter.service())
        (state / "serial.log").unlink(missing_ok=True)
        machine = Machine(disk, state, counter.reader_port)
        bench = Bench(machine, counter, disk, pictures)
        try:
            outcomes = [_done(bench, check) for check in chosen]
        finally:
            machine.cut_power()
    if not options.only:
        report.write(options.report, "pictures/vm", disk, outcomes)
        _say(f"report: {options.report}")
    if not options.keep:
        image.remove(state)
    failed = [one.check.name for one in outcomes if not one.passed]
    _say(f"failed: {', '.join(failed)}" if failed else f"{len(outcomes)} checks passed")
    return FAILED if failed else PASSED


def _done(bench: Bench, check: Check) -> report.Outcome:
    bench.taken = []
    started = time.monotonic()
    try:
        if check.from_welcome:
            bench.at_welcome()
            started = time.monotonic()
        passed, found = True, check.do(bench)
    except CheckFailed as error:
        passed, found = False, str(error)
        _keep_evidence(bench, check)
    took = time.monotonic() - started
    _say(f"{check.name}: {'passed' if passed else 'FAILED'} ({took:.0f} s): {found}")
    return report.Outcome(check, passed, found, took, bench.taken)


def _keep_evidence(bench: Bench, check: Check) -> None:
    """What the machine looked like when the check failed."""
    try:
        bench.lines()
        bench.keep_picture(f"failed-{check.name}", f"When {check.name} failed")
        log = bench.machine.shell("journalctl -b --no-pager | tail -n 400")
        (bench.counter.state.parent / f"failed-{check.name}.log").write_text(log)
    except CheckFailed:
        _say(f"{check.name}: the machine answers no longer")


def _refuse(text: str) -> int:
    _say(text)
    return BAD_INPUT


def _say(text: str) -> None:
    sys.stderr.write(f"vm-test: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
