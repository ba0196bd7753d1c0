"""Mailboxes that refuse, return or greylist: what becomes of an order and of its password."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from kiosk.sandbox import scenario
from kiosk.sandbox.server import bounces
from kiosk.sandbox.server.limits import Limits
from kiosk.service.client import ServiceClient
from kiosk.service.errors import ServiceRefused
from kiosk.service.messages import Delivery
from tests.unit.mail_server import MailServer, password_in
from tests.unit.service_lab import Lab, until

OLD = scenario.OLD_PASSWORD
EMAIL = {account.username: account.email for account in scenario.ACCOUNTS}
QUICK = Limits(resend_wait=0, mail_retry=0.2)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path, limits=QUICK)


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[ServiceClient]:
    with lab:
        client = lab.client()
        yield client
        await client.close()


async def ordered(lab: Lab, client: ServiceClient, username: str) -> Delivery:
    token = "binh-minh" if username.startswith("binhminh") else "hoa-sen"
    reset = await lab.open_reset(client, token, username)
    return await client.confirm(reset.id, f"key-{username}".replace(".", "-"))


async def becomes(client: ServiceClient, order: Delivery, status: str) -> list[str]:
    """Wait until the order has this status; returns the statuses on the way."""
    seen: list[str] = []
    async with asyncio.timeout(20):
        while status not in seen:
            now = (await client.status(order.id)).status
            if now not in seen:
                seen.append(now)
            await asyncio.sleep(0.02)
    return seen


async def test_a_mailbox_that_refuses(lab: Lab, client: ServiceClient) -> None:
    order = await ordered(lab, client, "binhminh.sai")
    assert order.status == "bounced"
    assert lab.mailed_passwords(EMAIL["binhminh.sai"]) == []
    assert lab.log_in("binhminh.sai", OLD) == (200, "ok")


async def test_a_mail_that_comes_back_gives_the_old_password_back(
    lab: Lab, client: ServiceClient
) -> None:
    order = await ordered(lab, client, "binhminh.tra")
    assert order.status == "sent"
    assert lab.log_in("binhminh.tra", OLD) == (401, "login_refused")
    assert await becomes(client, order, "bounced") == ["sent", "bounced"]
    assert lab.mailed_passwords(EMAIL["binhminh.tra"]) == []
    assert lab.log_in("binhminh.tra", OLD) == (200, "ok")


async def test_a_greylisting_mailbox_gets_the_mail_once(lab: Lab, client: ServiceClient) -> None:
    order = await ordered(lab, client, "binhminh.cham")
    assert order.status == "pending"
    assert order.resend_after >= 1
    # A second mail now would be one too many as soon as the first gets through.
    with pytest.raises(ServiceRefused, match=r"^429 rate_limited$"):
        await client.resend(order.id, "another")
    assert lab.log_in("binhminh.cham", OLD) == (200, "ok")
    seen = await becomes(client, order, "delivered")
    assert set(seen) <= {"pending", "sent", "delivered"}
    (password,) = lab.mailed_passwords(EMAIL["binhminh.cham"])
    assert lab.log_in("binhminh.cham", OLD) == (401, "login_refused")
    assert lab.log_in("binhminh.cham", password) == (200, "change_required")


async def test_a_mail_that_is_delayed_is_seen_on_its_way(tmp_path: Path) -> None:
    with Lab(tmp_path, delivery_delay=1.0) as lab:
        client = lab.client()
        order = await ordered(lab, client, "hoasen")
        assert order.status == "pending"
        assert lab.log_in("hoasen", OLD) == (200, "ok")
        assert await becomes(client, order, "delivered") == ["pending", "sent", "delivered"]
        (password,) = lab.mailed_passwords(EMAIL["hoasen"])
        assert lab.log_in("hoasen", password) == (200, "change_required")
        await client.close()


async def test_a_mail_on_its_way_arrives_after_a_restart(tmp_path: Path) -> None:
    with Lab(tmp_path, delivery_delay=1.0) as lab:
        client = lab.client()
        await ordered(lab, client, "hoasen")
        lab.server.stop()
        assert lab.mailed_passwords(EMAIL["hoasen"]) == []
        lab.server.start()
        await until(lambda: len(lab.mailed_passwords(EMAIL["hoasen"])) == 1)
        await client.close()


class Returns:
    """The service with a mail server that takes all mails and says nothing more."""

    def __init__(self, lab: Lab, client: ServiceClient, smtp: MailServer) -> None:
        self.lab = lab
        self.client = client
        self.smtp = smtp
        self.order: Delivery | None = None

    @property
    def return_path(self) -> str:
        """Of the newest mail."""
        paths = [c for c in self.smtp.commands if c.upper().startswith("MAIL FROM:")]
        return paths[-1].partition("<")[2].partition(">")[0]

    @property
    def password(self) -> str:
        return password_in(self.smtp.mails[-1])

    def come_back(self, content: bytes = b"", sender: str = "", to: str = "") -> None:
        """Return the newest mail, with a notification if nothing else is given."""
        to = to or self.return_path
        notice = bounces.compose(to, EMAIL["hoasen"], self.smtp.mails[-1].as_bytes(), _NOW)
        with smtplib.SMTP("127.0.0.1", self.lab.server.smtp_port) as smtp:
            smtp.sendmail(sender, [to], content or notice)

    async def status(self) -> str:
        assert self.order is not None
        return (await self.client.status(self.order.id)).status

    def works(self, password: str) -> bool:
        return self.lab.log_in("hoasen", password)[0] == 200


_NOW = datetime.now(UTC)


@pytest.fixture
async def returns(tmp_path: Path) -> AsyncIterator[Returns]:
    with (
        MailServer() as smtp,
        Lab(tmp_path, relay_port=smtp.port, limits=QUICK) as lab,
    ):
        client = lab.client()
        returns = Returns(lab, client, smtp)
        returns.order = await ordered(lab, client, "hoasen")
        assert await returns.status() == "sent"
        yield returns
        await client.close()


async def test_each_mail_has_a_return_path_of_its_own(returns: Returns) -> None:
    first = returns.return_path
    assert returns.order is not None
    await returns.client.resend(returns.order.id, "second")
    assert bounces.returned_token(first)
    assert bounces.returned_token(returns.return_path)
    assert first != returns.return_path
    assert returns.smtp.mails[-1]["From"].addresses[0].addr_spec not in (first, "")


async def test_a_notification_over_smtp_undoes_the_mail(returns: Returns) -> None:
    returns.come_back()
    assert await returns.status() == "bounced"
    assert returns.works(OLD)
    assert not returns.works(returns.password)


async def test_who_has_logged_in_keeps_the_mailed_password(returns: Returns) -> None:
    assert returns.works(returns.password)
    returns.come_back()
    assert await returns.status() == "sent"
    assert returns.works(returns.password)
    assert not returns.works(OLD)


async def test_who_has_chosen_a_password_keeps_it(returns: Returns) -> None:
    chosen = "mật khẩu của tôi"
    assert returns.lab.log_in("hoasen", returns.password, chosen) == (200, "ok")
    returns.come_back()
    assert returns.works(chosen)
    assert not returns.works(OLD)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first one first", "second one first"])
async def test_two_mails_that_both_come_back(returns: Returns, order: tuple[int, int]) -> None:
    assert returns.order is not None
    paths, mailed = [returns.return_path], [returns.password]
    await returns.client.resend(returns.order.id, "second")
    paths.append(returns.return_path)
    mailed.append(returns.password)
    returns.come_back(to=paths[order[0]])
    # The one that is left counts. To log in with it would settle that for good.
    assert not returns.works(OLD)
    assert not returns.works(mailed[order[0]])
    returns.come_back(to=paths[order[1]])
    assert await returns.status() == "bounced"
    assert returns.works(OLD)
    assert not any(returns.works(password) for password in mailed)


DELAYED = b"Action: delayed"
MEANINGLESS: dict[str, tuple[bytes, bytes, str]] = {
    "a notice of a delay": (b"Action: failed", DELAYED, ""),
    "a notice of arrival": (b"Action: failed", b"Action: delivered", ""),
    "a passing trouble": (b"Status: 5.1.1", b"Status: 4.2.2", ""),
    "a report of another kind": (b"delivery-status", b"disposition-notification", ""),
    "from somebody": (b"", b"", "someone@elsewhere.example"),
    "an automatic answer": (b"multipart/report", b"text/plain", ""),
    "no mail at all": (b"*", b"\xff\x00\x1b", ""),
    "a broken type": (b"multipart/report", b'multipart/report; x="\xff', ""),
}


@pytest.mark.parametrize("name", MEANINGLESS)
async def test_what_else_comes_to_a_return_path_means_nothing(returns: Returns, name: str) -> None:
    found, put, sender = MEANINGLESS[name]
    notice = bounces.compose(returns.return_path, EMAIL["hoasen"], b"Subject: x\r\n\r\ny", _NOW)
    assert found in (b"", b"*") or found in notice
    content = put if found == b"*" else notice.replace(found, put)
    returns.come_back(content, sender)
    assert await returns.status() == "sent"
    assert returns.works(returns.password)


async def test_a_return_path_that_was_never_given_out(returns: Returns) -> None:
    returns.come_back(to=bounces.return_path("0" * 32))
    assert await returns.status() == "sent"
    assert returns.works(returns.password)


def test_a_notification_is_as_the_standard_wants_it_and_holds_no_password() -> None:
    path = bounces.return_path("ab" * 16)
    returned = b"Subject: new\r\nMessage-ID: <1@x.example>\r\n\r\nThe password is Secret123\r\n"
    raw = bounces.compose(path, "a@b.example", returned, _NOW)
    assert b"Secret123" not in raw
    notice = message_from_bytes(raw, policy=policy.default)
    assert notice.get_content_type() == "multipart/report"
    kinds = [part.get_content_type() for part in notice.iter_parts()]
    # RFC 6522, section 3: an explanation, the report, the header of the returned mail.
    assert kinds == ["text/plain", "message/delivery-status", "text/rfc822-headers"]
    assert notice["Auto-Submitted"] == "auto-replied"
    assert notice["To"] == path
    assert bounces.reports_failure(raw)
    assert bounces.returned_token(path.upper()) == "ab" * 16


async def test_mail_servers_are_asked_to_return_no_text(tmp_path: Path) -> None:
    with (
        MailServer(ehlo=b"250-test\r\n250 DSN") as smtp,
        Lab(tmp_path, relay_port=smtp.port) as lab,
    ):
        client = lab.client()
        assert (await ordered(lab, client, "hoasen")).status == "sent"
        await client.close()
    mail, rcpt = smtp.commands[1:3]
    assert mail.endswith("RET=HDRS")
    assert rcpt.endswith("NOTIFY=FAILURE")
