"""The webhook: what is posted, to whom, and what is made of the answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk import unattended
from kiosk.assembly import Settings
from kiosk.config import ConfigError
from kiosk.config_check import check_configuration
from kiosk.doctor.findings import Status
from kiosk.doctor.webhook import check_webhook
from kiosk.sandbox.pki import SandboxPki
from kiosk.service.errors import AnswerInvalid, AnswerLost, ServiceError, ServiceUnreachable
from kiosk.service.transport import MAX_ANSWER
from kiosk.service.webhook import StaffWebhook, WebhookRefused
from kiosk.supervision import LeaveWish, Supervisor
from tests.stack.parts import write_config
from tests.unit.service_lab import until
from tests.unit.talking import Act, Server, answer, be_silent
from tests.unit.tls_lab import Ca

CALL = "c4ll-_id"
TOKEN = "s3cr3t-t0ken.abc=="


@asynccontextmanager
async def a_webhook(
    *answers: Act, token: Path | None = None, seconds: float = 2.0
) -> AsyncIterator[tuple[Server, StaffWebhook]]:
    async with Server(*answers) as server:
        webhook = StaffWebhook(
            server.url + "/hooks/staff", "kiosk-07", str(token) if token else "", timeout=seconds
        )
        try:
            yield server, webhook
        finally:
            await webhook.close()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n", encoding="utf-8")
    file.chmod(0o600)
    return file


async def test_a_call_and_its_cancellation(token: Path) -> None:
    async with a_webhook(answer("204 No Content", b""), token=token) as (server, webhook):
        await webhook.call_staff(CALL)
        await webhook.cancel_staff_call(CALL)
    events = []
    for request in server.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        assert lines[0] == "POST /hooks/staff HTTP/1.1"
        assert headers["content-type"] == "application/json"
        assert headers["authorization"] == f"Bearer {TOKEN}"
        assert "cookie" not in headers
        message = json.loads(body)
        at = datetime.fromisoformat(message.pop("at"))
        assert abs((datetime.now(UTC) - at).total_seconds()) < 60
        events.append(message.pop("event"))
        # And nothing else: nothing of the customer.
        assert message == {"kiosk": "kiosk-07", "call": CALL}
    assert events == ["staff_called", "staff_call_cancelled"]


async def test_without_a_token_none_is_sent() -> None:
    async with a_webhook(answer()) as (server, webhook):
        await webhook.call_staff(CALL)
    assert b"authorization" not in server.requests[0].lower()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer("500 Internal Server Error"), WebhookRefused),
        (answer("401 Unauthorized"), WebhookRefused),
        (answer("200 OK", b"x" * (MAX_ANSWER + 1)), AnswerInvalid),
        (b"220 mail.example ESMTP\r\n\r\n", AnswerLost),
        (None, AnswerLost),
        (be_silent, AnswerLost),
    ],
    ids=["500", "401", "endless", "no HTTP", "breaks off", "silent"],
)
async def test_what_was_not_taken(reply: Act, error: type[ServiceError]) -> None:
    async with a_webhook(reply, seconds=0.3) as (server, webhook):
        with pytest.raises(error):
            await webhook.call_staff(CALL)
    # Behind it may be a chat: what may have arrived is not sent again.
    assert len(server.requests) == 1


async def test_a_redirect_is_not_followed(token: Path) -> None:
    async with Server(answer()) as other:
        elsewhere = answer("307 Temporary Redirect", headers=f"Location: {other.url}/\r\n")
        async with a_webhook(elsewhere, token=token) as (_, webhook):
            with pytest.raises(WebhookRefused, match="307"):
                await webhook.call_staff(CALL)
        assert other.connections == 0


async def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Server(answer()) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with a_webhook(answer()) as (_, webhook):
            await webhook.call_staff(CALL)
        assert proxy.connections == 0


async def test_what_certainly_did_not_arrive_is_sent_again() -> None:
    async with a_webhook(answer()) as (server, webhook):
        port = server.port
        server.stop_listening()
        calling = asyncio.ensure_future(webhook.call_staff(CALL))
        await asyncio.sleep(0.05)
        async with Server(answer(), port=port) as again:
            await calling
            assert len(again.requests) == 1


async def test_nobody_there() -> None:
    webhook = StaffWebhook("http://127.0.0.1:9/", "k")
    with pytest.raises(ServiceUnreachable):
        await webhook.call_staff(CALL)
    await webhook.close()


async def test_a_certificate_of_an_unknown_ca_gets_no_token(tmp_path: Path, token: Path) -> None:
    ca = Ca(tmp_path)
    tls = ca.server(ca.issue("counter"))
    async with Server(answer(), tls=tls) as server:
        webhook = StaffWebhook(server.url, "k", str(token))
        with pytest.raises(ServiceUnreachable, match="unknown CA"):
            await webhook.call_staff(CALL)
        await webhook.close()
        finding = await check_webhook(webhook, 5)
        assert server.requests == []
    assert finding.status is Status.WARNING
    assert "unknown CA" in finding.text


async def test_the_doctor_connects_and_posts_nothing() -> None:
    async with a_webhook(answer()) as (server, webhook):
        finding = await check_webhook(webhook, 5)
        assert (finding.status, finding.text) == (Status.OK, "127.0.0.1 can be reached")
        await until(lambda: server.connections == 1)
        assert server.requests == []
    finding = await check_webhook(webhook, 5)
    assert finding.status is Status.WARNING
    assert "no connection to the webhook at 127.0.0.1" in finding.text
    assert "staff" not in finding.text, "a path may be a secret"


async def test_closing_ends_what_is_under_way() -> None:
    async with a_webhook(be_silent) as (server, webhook):
        calling = asyncio.ensure_future(webhook.call_staff(CALL))
        await until(lambda: len(server.requests) == 1)
        began = time.monotonic()
        await webhook.close()
        with pytest.raises(AnswerLost):
            await calling
        assert time.monotonic() - began < 1


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SandboxPki.open(tmp_path_factory.mktemp("pki")).trust_directory


def _config(tmp_path: Path, trust: Path, support: str) -> Path:
    path = write_config(tmp_path, "https://bhxh.example", trust)
    path.write_text(path.read_text("utf-8") + f"[support]\n{support}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("support", "fault"),
    [
        (f"webhook = 'http://counter.lan/{TOKEN}'", "webhook: found 'http://counter.lan/…', exp"),
        ("webhook = 'https://u:p@counter.lan/'", "support.webhook: found a user name or password"),
        (
            f"webhook = 'https://counter.lan/?key={TOKEN}'",
            "support.webhook: found 'https://counter.lan/…' with a query or a fragment",
        ),
        (f"webhook = 'https://[counter.lan/{TOKEN}'", "support.webhook: found no address"),
        (f"webhook = 'ftp://counter.lan/{TOKEN}'", "support.webhook: found a value that is not"),
        ("webhook_token_file = 'token'", "support.webhook: found nothing, expected an address"),
        (
            "webhook = 'https://counter.lan/'\nwebhook_token_file = 'absent'",
            "support.webhook_token_file: found '{folder}/absent' (No such file or directory)",
        ),
        (
            "webhook = 'https://counter.lan/'\nwebhook_token_file = 'open'",
            "support.webhook_token_file: found '{folder}/open' with mode 0644",
        ),
        (
            "webhook = 'https://counter.lan/'\nwebhook_token_file = 'lines'",
            "support.webhook_token_file: found something else in '{folder}/lines', expected one",
        ),
    ],
)
def test_a_fault_in_the_configuration_is_named(
    tmp_path: Path, trust: Path, support: str, fault: str
) -> None:
    for name, mode, text in (("open", 0o644, TOKEN), ("lines", 0o600, f"{TOKEN}\n{TOKEN}\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(mode)
    path = _config(tmp_path, trust, support)
    (found,) = check_configuration(path).faults
    assert fault.format(folder=tmp_path) in str(found)
    assert str(path) in str(found)
    assert TOKEN not in str(found)
    with pytest.raises(ConfigError):
        Settings.load(path).check()


def test_an_unattended_kiosk_waits_until_the_webhook_is_in_order_as_well(
    tmp_path: Path, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would begin its screens anew for ever if the wait looked at less than they need."""
    path = _config(tmp_path, trust, "webhook = 'http://counter.lan/'")
    text = path.read_text("utf-8")
    path.write_text(text.replace("[kiosk]", "[kiosk]\nstate_directory = 'state'"), "utf-8")
    seen = []

    def waiting(_problem: object, mended: Callable[[], bool], *_: object) -> None:
        seen.append(mended())
        path.write_text(path.read_text("utf-8").replace("http://counter", "https://counter"))
        seen.append(mended())

    monkeypatch.setattr(unattended, "show_until", waiting)
    unattended._wait_for(path, Supervisor.from_environment(), LeaveWish())
    assert seen == [False, True]


@pytest.mark.parametrize(("seconds", "right"), [("0", True), ("0.5", False), ("10", True)])
def test_a_layout_does_not_change_while_it_is_read(
    tmp_path: Path, trust: Path, seconds: str, right: bool
) -> None:
    path = _config(tmp_path, trust, f"[screen]\nalternate = {seconds}")
    faults = check_configuration(path).faults
    assert (not faults) is right
    if not right:
        fault = f"{path}: screen.alternate: found 0.5, expected 0, or at least 10 seconds"
        assert str(faults[0]) == fault


def test_a_good_configuration_makes_one(tmp_path: Path, trust: Path, token: Path) -> None:
    path = _config(
        tmp_path, trust, "webhook = 'https://counter.lan/x'\nwebhook_token_file = 'token'"
    )
    assert check_configuration(path).faults == ()
    assert Settings.load(path).webhook() is not None
    assert "token" not in repr(Settings.load(path).webhook())


def test_a_printer_that_is_none_keeps_the_kiosk_from_starting(tmp_path: Path, trust: Path) -> None:
    path = _config(tmp_path, trust, "[printer]\ndevice = 'lp0'")
    (found,) = check_configuration(path).faults
    assert f"{path}: printer.device: found 'lp0', expected a device file" in str(found)
    with pytest.raises(ConfigError, match=r"printer\.device"):
        Settings.load(path)
