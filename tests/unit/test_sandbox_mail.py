"""The mail with the new password, what may go wrong on its way, and the mailbox."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from kiosk.sandbox import scenario
from kiosk.sandbox.server.run import READY_FILE, latest_mails
from kiosk.service.errors import ServiceRefused
from tests.unit.mail_server import MailServer, password_in
from tests.unit.service_lab import Lab, until


async def test_the_old_password_holds_until_the_mail_is_on_its_way(tmp_path: Path) -> None:
    with MailServer() as smtp, Lab(tmp_path, relay_port=smtp.port) as lab:
        client = lab.client()
        reset = await lab.open_reset(client)
        smtp.go_on.clear()
        confirming = asyncio.create_task(client.confirm(reset.id, "k"))
        await until(smtp.arrived.is_set)
        assert (await client.status(reset.id)).status == "pending"
        assert await asyncio.to_thread(lab.log_in, "hoasen", scenario.OLD_PASSWORD) == (200, "ok")
        smtp.go_on.set()
        assert (await confirming).status == "sent"
        assert (await client.status(reset.id)).status == "sent"
        assert lab.log_in("hoasen", scenario.OLD_PASSWORD) == (401, "login_refused")
        assert lab.log_in("hoasen", password_in(smtp.mails[0])) == (200, "change_required")
        await client.close()


async def test_when_the_mail_servers_word_is_lost_either_password_is_good(tmp_path: Path) -> None:
    with MailServer(data=b"") as smtp, Lab(tmp_path, relay_port=smtp.port) as lab:
        client = lab.client()
        reset = await lab.open_reset(client)
        assert (await client.confirm(reset.id, "k")).status == "pending"
        # As after a crash in between: another run of the service, on the same file.
        lab.server.stop()
        lab.server.start()
        again = lab.client()
        assert (await again.confirm(reset.id, "k")).status == "pending"
        assert len(smtp.mails) == 1
        assert lab.log_in("hoasen", scenario.OLD_PASSWORD) == (200, "ok")
        mailed = password_in(smtp.mails[0])
        assert lab.log_in("hoasen", mailed) == (200, "change_required")
        assert lab.log_in("hoasen", scenario.OLD_PASSWORD) == (401, "login_refused")
        assert (await again.status(reset.id)).status == "sent"
        await client.close()
        await again.close()


async def test_without_a_mail_server_nothing_is_done(tmp_path: Path) -> None:
    with MailServer() as smtp:
        port = smtp.port
    with Lab(tmp_path, relay_port=port) as lab:
        client = lab.client()
        reset = await lab.open_reset(client)
        with pytest.raises(ServiceRefused, match=r"^503 unavailable$"):
            await client.confirm(reset.id, "k")
        assert lab.log_in("hoasen", scenario.OLD_PASSWORD) == (200, "ok")
        with MailServer(port) as smtp:
            assert (await client.confirm(reset.id, "k")).status == "sent"
            assert len(smtp.mails) == 1
        await client.close()


async def test_an_address_that_does_not_exist_bounces(tmp_path: Path) -> None:
    with (
        MailServer(rcpt=b"550 no such mailbox") as smtp,
        Lab(tmp_path, relay_port=smtp.port) as lab,
    ):
        client = lab.client()
        reset = await lab.open_reset(client)
        assert (await client.confirm(reset.id, "k")).status == "bounced"
        assert lab.log_in("hoasen", scenario.OLD_PASSWORD) == (200, "ok")
        await client.close()


def send(lab: Lab, content: str, recipients: tuple[str, ...] = ("a@b.example",)) -> None:
    with smtplib.SMTP("127.0.0.1", lab.server.smtp_port) as smtp:
        smtp.sendmail("x@y.example", recipients, content.encode())


def test_the_mailbox_shows_a_mail_and_runs_nothing_of_it(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    with Lab(tmp_path) as lab:
        assert "Chưa có thư nào" in httpx.get(lab.server.mail_url).text
        send(lab, f"Subject: {evil}\r\nContent-Type: text/plain\r\n\r\n{evil}\x1b[2J\r\n")
        (mail,) = latest_mails(tmp_path)
        for path in ("/mail", f"/mail/{mail.number}"):
            answer = httpx.get(lab.url + path)
            assert evil not in answer.text
            assert "&lt;script&gt;" in answer.text
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert 'name="viewport"' in answer.text
        assert httpx.get(f"{lab.url}/mail/99").status_code == 404
        (listed,) = httpx.get(f"{lab.url}/mail.json").json()
        assert (listed["recipient"], listed["subject"]) == ("a@b.example", evil)
        assert "\x1b" not in mail.as_text()
        assert evil in mail.as_text()


def test_another_host_name_does_not_open_the_mailbox(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        answer = httpx.get(lab.server.mail_url, headers={"Host": "evil.example"})
        assert answer.status_code == 400


def test_mails_stay_and_are_their_owners_alone(tmp_path: Path) -> None:
    assert latest_mails(tmp_path) == []
    with Lab(tmp_path) as lab:
        send(lab, "Subject: one\r\n\r\n1")
        send(lab, "Subject: two\r\n\r\n2")
    assert [mail.subject for mail in latest_mails(tmp_path)] == ["two", "one"]
    assert (tmp_path / "service.sqlite3").stat().st_mode & 0o077 == 0


@contextmanager
def serving(directory: Path) -> Iterator[subprocess.Popen[str]]:
    code = "import sys, pathlib; from kiosk.sandbox.server.run import serve; "
    code += "serve(pathlib.Path(sys.argv[1]), 0, 0)"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(directory)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_serve_until_told_to_end(tmp_path: Path, ending: signal.Signals) -> None:
    ready = tmp_path / READY_FILE
    with serving(tmp_path) as child:
        await until(ready.exists, 30)
        addresses = json.loads(ready.read_text(encoding="utf-8"))
        async with httpx.AsyncClient() as http:
            health = await http.get(addresses["url"] + "/v1/health")
            assert health.json()["status"] == "ok"
            assert (await http.get(addresses["mail_url"])).status_code == 200
        os.kill(child.pid, ending)
        assert await asyncio.to_thread(child.wait, 15) == 0
    assert not ready.exists()


def test_naming_the_sandbox_imports_nothing_heavy() -> None:
    code = (
        "import sys, kiosk.sandbox, kiosk.sandbox.server.run; "
        "heavy = ('starlette', 'uvicorn', 'aiosmtpd', 'cryptography', 'textual', 'httpx'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
