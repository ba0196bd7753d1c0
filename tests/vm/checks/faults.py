"""What is out of order is said on the screen, and heals by itself when its cause goes."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.vm.bench import CONFIG, OUT_OF_SERVICE, STATE, UNIT, WELCOME, Bench
from tests.vm.registry import check
from tests.vm.waiting import CheckFailed

HEALS = 180.0
"""Seconds until the page has to come, and to go."""


def _comes_and_goes(
    bench: Bench,
    page: tuple[str, ...],
    spoil: Callable[[], object],
    mend: Callable[[], object],
    picture: tuple[str, str],
) -> str:
    """Spoil something, see the page, mend it, see the welcome screen of the same process."""
    started = time.monotonic()
    try:
        spoil()
        bench.await_words(*page, seconds=HEALS)
        bench.keep_picture(*picture)
        showed = time.monotonic() - started
        before = bench.kiosk()
    finally:
        mend()
    mended = time.monotonic()
    bench.await_words(*WELCOME, seconds=HEALS)
    healed = time.monotonic() - mended
    if bench.kiosk() != before:
        raise CheckFailed("it healed by a restart")
    return f"“{page[-1]}” after {showed:.0f} s; welcome {healed:.0f} s after mending, no restart"


@check("service-down", "The service is down: out of service, and back by itself")
def service_down(bench: Bench) -> str:
    return _comes_and_goes(
        bench,
        (*OUT_OF_SERVICE, "S01"),
        bench.counter.close_service,
        bench.counter.open_service,
        ("service-down", "The service is down"),
    )


@check("pcscd-down", "pcscd cannot be reached: out of service, and back by itself")
def pcscd_down(bench: Bench) -> str:
    shell = bench.machine.shell
    return _comes_and_goes(
        bench,
        (*OUT_OF_SERVICE, "K02"),
        lambda: shell("systemctl mask --now --runtime pcscd.socket pcscd.service"),
        lambda: shell(
            "systemctl unmask --runtime pcscd.socket pcscd.service; systemctl start pcscd.socket"
        ),
        ("pcscd-down", "pcscd is down"),
    )


@check("disk-full", "The disk is full: K08, and back by itself")
def disk_full(bench: Bench) -> str:
    filler = f"{STATE}/filler"
    return _comes_and_goes(
        bench,
        (*OUT_OF_SERVICE, "K08"),
        lambda: bench.machine.shell(
            f"free=$(df --output=avail -B1 {STATE} | tail -1); "
            f"fallocate -l $((free - 20000000)) {filler}",
            seconds=180,
        ),
        lambda: bench.machine.shell(f"rm -f {filler}", seconds=180),
        ("disk-full", "The disk is full"),
    )


@check("config-broken", "The configuration is broken: K09, and back when it is mended")
def config_broken(bench: Bench) -> str:
    def spoil() -> None:
        bench.machine.shell(f"cp -a {CONFIG} {CONFIG}.good; echo 'nonsense =' >>{CONFIG}")
        bench.machine.shell(f"systemctl restart {UNIT}", seconds=180)

    return _comes_and_goes(
        bench,
        ("Máy chưa phục vụ được", "K09"),
        spoil,
        lambda: bench.machine.shell(f"mv {CONFIG}.good {CONFIG}"),
        ("config-broken", "The configuration is broken"),
    )
