"""A whole visit with the keyboard and a virtual card, and the mail that comes of it."""

from __future__ import annotations

import json
import re
import time

from tests.vm.bench import STATE, Bench
from tests.vm.registry import check
from tests.vm.screen import qr_code
from tests.vm.visit import Customer
from tests.vm.waiting import CheckFailed, wait_until

ADDRESS_OF_THE_MAILBOX = "https://mail.google.com"


@check("journey", "From welcome to the mail, with keys and a virtual card")
def journey(bench: Bench) -> str:
    machine, counter = bench.machine, bench.counter
    before = len(counter.mails())
    customer = Customer(bench)
    started = time.monotonic()
    customer.to_pin()
    customer.type_pin()
    bench.keep_picture("journey-pin", "The PIN is shown as dots")
    customer.enter_pin()
    bench.keep_picture("journey-confirm", "What is confirmed is what was signed")
    customer.order()
    bench.await_words("Mật khẩu mới đã được gửi", seconds=120)
    took = time.monotonic() - started
    bench.keep_picture("journey-sent", "Sent; the code opens the mailbox")
    mail = counter.await_mail(before)
    reference = re.search(r"BH-[0-9A-Z]{6}", mail.text)
    if reference is None or not bench.shows(reference[0]):
        raise CheckFailed("the screen does not show the reference of the mail")
    code = wait_until(lambda: qr_code(machine.picture()), "no QR code is read from the screen", 30)
    if not code.startswith(ADDRESS_OF_THE_MAILBOX):
        raise CheckFailed(f"the QR code says {code}")
    customer.leave()
    what = [json.loads(line).get("what", "") for line in _audit(bench).splitlines()]
    if "visit ended" not in what:
        raise CheckFailed(f"the audit journal has {what}")
    return (
        f"{took:.0f} s from Start to “sent”; the mail has come, and its reference is on "
        f"the screen; the code in the screen dump says {code}; the audit journal has "
        f"{len(what)} lines"
    )


def _audit(bench: Bench) -> str:
    return bench.machine.shell(f"cat {STATE}/audit/audit.jsonl")
