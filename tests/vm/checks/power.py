"""The plug is pulled in the middle of a visit; the machine boots to the welcome screen again."""

from __future__ import annotations

import json

from tests.vm.bench import STATE, Bench
from tests.vm.registry import check
from tests.vm.visit import Customer
from tests.vm.waiting import CheckFailed, wait_until

JOURNAL = f"{STATE}/audit/audit.jsonl"


def _boot_again(bench: Bench) -> str:
    """Pull the plug, boot, and check both journals; returns what was found."""
    bench.machine.cut_power()
    bench.counter.pull_out()
    took = bench.boot()
    verified = bench.machine.run("/usr/bin/kiosk", "audit", "verify", seconds=120)
    if verified.code != 0:
        raise CheckFailed(f"kiosk audit verify: {verified.code}: {verified.out}{verified.err}")
    log = bench.machine.run("journalctl", "--verify", "--quiet", seconds=300)
    boots = bench.machine.shell("journalctl --list-boots --no-pager | wc -l").strip()
    damaged = "" if log.code == 0 else ", of systemd's journal a part"
    said = " ".join(verified.out.split())
    return f"welcome {took:.0f} s after power-on; {said}; {boots} boots in the log{damaged}"


@check("power-cut-pin", "Power cut while the PIN is typed: boots to welcome, journal in order")
def power_cut_pin(bench: Bench) -> str:
    customer = Customer(bench)
    customer.to_pin()
    bench.machine.type("1234")
    found = _boot_again(bench)
    bench.keep_picture("after-power-cut", "After a power cut in the middle of a visit")
    return found


@check("power-cut-order", "Power cut while the mail is ordered: boots to welcome, journal in order")
def power_cut_order(bench: Bench) -> str:
    before = len(bench.counter.mails())
    Customer(bench).to_confirm()
    Customer(bench).order()
    wait_until(
        lambda: '"effect":"send"' in bench.machine.shell(f"tail -n 2 {JOURNAL}"),
        "the journal does not say that a mail is ordered",
        60,
        pause=0,
    )
    found = _boot_again(bench)
    mails = len(bench.counter.mails()) - before
    if mails > 1:
        raise CheckFailed(f"{mails} mails were sent")
    lines = bench.machine.shell(f"grep -c . {JOURNAL}").strip()
    return f"{found}; {mails} mail sent; {lines} lines in the audit journal"


@check("torn-line", "A torn last line of the audit journal is healed at the start, and reported")
def torn_line(bench: Bench) -> str:
    shell = bench.machine.shell
    bench.machine.shell(f'printf \'%s\' \'{{"seq": 99999, "time": "20\' >>{JOURNAL}; sync')
    torn = bench.machine.run("/usr/bin/kiosk", "audit", "verify", seconds=120)
    found = _boot_again(bench)
    healed = [json.loads(line) for line in shell(f"tail -n 20 {JOURNAL}").splitlines()]
    if not any(line["what"] == "healed" for line in healed):
        raise CheckFailed(f"no line says that the journal was healed: {healed}")
    return f"torn: “{' '.join((torn.out + torn.err).split())}”; then {found}"
