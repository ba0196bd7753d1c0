"""Mails that are tried again: exactly once, through crashes, and not when they must not be."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kiosk.sandbox import scenario
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.orders import OrderState
from kiosk.sandbox.server.store import Reset, Store
from kiosk.service.client import ServiceClient
from kiosk.service.messages import Delivery
from tests.unit.mail_server import MailServer, password_in
from tests.unit.service_lab import KIOSK, Lab, until

OLD = scenario.OLD_PASSWORD
LATER, TAKEN = b"451 come again", b"250 OK"
QUICK = Limits(resend_wait=0, mail_retry=0.1)

_CHILD = """
import sys, time
from pathlib import Path
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.run import SandboxServer
server = SandboxServer(
    Path(sys.argv[1]), limits=Limits(resend_wait=0, mail_retry=0.1), relay_port=int(sys.argv[2])
)
server.start()
print(server.url, flush=True)
time.sleep(600)
"""


@contextmanager
def running(lab: Lab, smtp: MailServer) -> Iterator[ServiceClient]:
    """The service in a process of its own, which is killed at the end."""
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(lab.directory), str(smtp.port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        lab.server.url = child.stdout.readline().strip()
        yield lab.client()
    finally:
        child.kill()
        child.communicate()


def state(lab: Lab, reset_id: str) -> OrderState:
    with closing(Store(lab.directory)) as store:
        return store.orders.of_reset(reset_id)[-1].state


async def another_mail(lab: Lab, client: ServiceClient, smtp: MailServer) -> None:
    """Have the service's outbox send a mail, so that it has surely looked at all others."""
    before = len(smtp.mails)
    smtp.answers[b"RCPT"] = LATER
    reset = await lab.open_reset(client, "hoa-sen", "hoasen.kho")
    assert (await client.confirm(reset.id, "marker")).status == "pending"
    smtp.answers[b"RCPT"] = TAKEN
    await until(lambda: len(smtp.mails) > before)
    await until(lambda: state(lab, reset.id) == "sent")


async def test_killed_while_a_mail_waits(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    with MailServer(rcpt=LATER) as smtp:
        with running(lab, smtp) as client:
            reset = await lab.open_reset(client)
            assert (await client.confirm(reset.id, "k")).status == "pending"
            await client.close()
        smtp.answers[b"RCPT"] = TAKEN
        with running(lab, smtp) as client:
            await until(lambda: state(lab, reset.id) == "sent")
            assert (await client.confirm(reset.id, "k")).status == "sent"
            assert len(smtp.mails) == 1
            assert lab.log_in("hoasen", password_in(smtp.mails[0])) == (200, "change_required")
            await another_mail(lab, client, smtp)
            await client.close()
        assert len(smtp.mails) == 2


async def test_killed_while_a_mail_is_handed_over_again(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    with MailServer(rcpt=LATER) as smtp:
        with running(lab, smtp) as client:
            reset = await lab.open_reset(client)
            assert (await client.confirm(reset.id, "k")).status == "pending"
            smtp.go_on.clear()
            smtp.answers[b"RCPT"] = TAKEN
            await until(smtp.arrived.is_set)
            await client.close()
        smtp.go_on.set()
        with running(lab, smtp) as client:
            assert (await client.confirm(reset.id, "k")).status == "pending"
            await another_mail(lab, client, smtp)
            assert state(lab, reset.id) == "sending"
            assert [mail["To"] for mail in smtp.mails].count("ketoan.hoasen@gmail.com") == 1
            # Nobody knows whether it arrived: both passwords are good until one is used.
            assert lab.log_in("hoasen", OLD) == (200, "ok")
            assert lab.log_in("hoasen", password_in(smtp.mails[0])) == (200, "change_required")
            assert lab.log_in("hoasen", OLD) == (401, "login_refused")
            await client.close()


async def test_crashed_before_a_mail_was_handed_over(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    with lab:
        pass
    # As the crash leaves it: written down, and nothing done.
    with closing(Store(tmp_path)) as store:
        store.add_reset(Reset("reset", "hoasen", KIOSK, "BH-TEST", time.time()))
        store.orders.add("k", "reset", "confirmation", time.time(), time.time(), "0" * 32)
    with lab:
        client = lab.client()
        await until(lambda: len(lab.mailed_passwords("ketoan.hoasen@gmail.com")) == 1)
        assert (await client.confirm("reset", "k")).status == "delivered"
        await client.close()
    assert len(lab.mailed_passwords("ketoan.hoasen@gmail.com")) == 1


def test_an_order_is_taken_up_once(tmp_path: Path) -> None:
    with Lab(tmp_path):
        pass
    with closing(Store(tmp_path)) as one, closing(Store(tmp_path)) as two:
        one.add_reset(Reset("reset", "hoasen", KIOSK, "BH-TEST", 0.0))
        one.orders.add("k", "reset", "confirmation", 1.0, 1.0, "0" * 32)
        assert one.orders.begin("k", "<1@x>", "hash")
        assert not two.orders.begin("k", "<2@x>", "hash")
        one.orders.settle("k")
        assert not two.orders.begin("k", "<3@x>", "hash")
        # Word that comes late changes nothing any more.
        two.orders.defer("k", 0.0)
        two.orders.bounce("k")
        assert two.orders.of_reset("reset")[0].state == "sent"


class Waiting:
    """A mail that the mail server did not take for now."""

    def __init__(self, lab: Lab, client: ServiceClient, smtp: MailServer, order: Delivery) -> None:
        self.lab, self.client, self.smtp, self.order = lab, client, smtp, order

    async def becomes(self, wanted: OrderState) -> None:
        await until(lambda: state(self.lab, self.order.id) == wanted)

    async def status(self) -> str:
        return (await self.client.status(self.order.id)).status


@pytest.fixture
async def waiting(tmp_path: Path) -> AsyncIterator[Waiting]:
    with MailServer(rcpt=LATER) as smtp, Lab(tmp_path, relay_port=smtp.port, limits=QUICK) as lab:
        client = lab.client()
        reset = await lab.open_reset(client)
        order = await client.confirm(reset.id, "k")
        assert order.status == "pending"
        yield Waiting(lab, client, smtp, order)
        await client.close()


async def test_an_account_that_is_locked_while_its_mail_waits(waiting: Waiting) -> None:
    waiting.lab.set_status("hoasen", "locked")
    await waiting.becomes("cancelled")
    waiting.smtp.answers[b"RCPT"] = TAKEN
    waiting.lab.set_status("hoasen", "active")
    await another_mail(waiting.lab, waiting.client, waiting.smtp)
    assert [mail["To"] for mail in waiting.smtp.mails] == ["kho.hoasen@outlook.com"]
    assert await waiting.status() == "expired"
    assert waiting.lab.log_in("hoasen", OLD) == (200, "ok")


async def test_a_password_that_the_owner_chose_while_the_mail_waits(waiting: Waiting) -> None:
    chosen = "mật khẩu của tôi"
    assert waiting.lab.log_in("hoasen", OLD, chosen) == (200, "ok")
    await waiting.becomes("cancelled")
    assert waiting.lab.log_in("hoasen", chosen) == (200, "ok")
    assert waiting.smtp.mails == []


async def test_a_mail_that_nobody_takes_is_given_up(waiting: Waiting) -> None:
    waiting.lab.ahead = QUICK.mail_patience + 1
    await waiting.becomes("bounced")
    assert await waiting.status() == "bounced"
    assert waiting.lab.log_in("hoasen", OLD) == (200, "ok")
    assert waiting.smtp.mails == []


async def test_a_mailbox_that_refuses_at_the_second_try(waiting: Waiting) -> None:
    waiting.smtp.answers[b"RCPT"] = b"550 no such mailbox"
    await waiting.becomes("bounced")
    assert waiting.lab.log_in("hoasen", OLD) == (200, "ok")


async def test_each_try_has_another_password_and_the_same_return_path(waiting: Waiting) -> None:
    waiting.smtp.answers |= {b"RCPT": TAKEN, b".": LATER}
    await until(lambda: len(waiting.smtp.mails) >= 2)
    waiting.smtp.answers[b"."] = TAKEN
    await waiting.becomes("sent")
    mailed = [password_in(mail) for mail in waiting.smtp.mails]
    assert len(set(mailed)) == len(mailed)
    logins = [waiting.lab.log_in("hoasen", password)[0] for password in mailed]
    assert logins == [401] * (len(mailed) - 1) + [200]
    paths = {line for line in waiting.smtp.commands if line.upper().startswith("MAIL")}
    assert len(paths) == 1


async def test_a_mail_server_that_is_away_at_the_second_try(tmp_path: Path) -> None:
    with MailServer(rcpt=LATER) as smtp, Lab(tmp_path, relay_port=smtp.port, limits=QUICK) as lab:
        client = lab.client()
        reset = await lab.open_reset(client)
        assert (await client.confirm(reset.id, "k")).status == "pending"
        smtp.close()
        with closing(Store(tmp_path)) as store:
            tries = store.orders.of_reset(reset.id)[0].tries
            # The pauses double with each try, so on a slow machine this may take a while.
            await until(lambda: store.orders.of_reset(reset.id)[0].tries > tries, 30)
        with MailServer(smtp.port) as back:
            await until(lambda: state(lab, reset.id) == "sent", 60)
            assert len(back.mails) == 1
        await client.close()
