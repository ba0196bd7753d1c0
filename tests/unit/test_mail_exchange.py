"""Company mailboxes found by their MX records, asked of a real name server (dnsmasq)."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kiosk.config import ConfigError
from kiosk.mail_exchange import MailboxFinder
from kiosk.webmail import WebmailDirectory
from tests.mailboxes import WEBMAIL

RECORDS = (
    ("google.example", "aspmx.l.google.com", 1),
    ("google.example", "alt1.aspmx.l.google.com", 5),
    ("microsoft.example", "microsoft-example.mail.protection.outlook.com", 0),
    ("backup.example", "mx.zoho.com", 10),
    ("backup.example", "mail.backup.example", 20),
    ("shared.example", "aspmx.l.google.com", 10),
    ("shared.example", "mx.zoho.com", 10),
    ("evil.example", "mx.evil-google.com", 10),
    ("trick.example", "google.com.trick.example", 10),
    ("own.example", "mail.own.example", 10),
    ("xn--cng-ty-3ya.example", "mx.zoho.com", 10),
)


@dataclass(frozen=True)
class NameServer:
    port: int
    log: Path

    def finder(self, **options: float) -> MailboxFinder:
        directory = WebmailDirectory.load(WEBMAIL)
        return MailboxFinder(directory, name_servers=("127.0.0.1",), port=self.port, **options)  # type: ignore[arg-type]

    @property
    def queries(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if "query[" in line]


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin")
    assert program, "not installed: dnsmasq-base"
    log = tmp_path_factory.mktemp("dns") / "log"
    log.touch()
    port = _free_port()
    command = [program, "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file="]
    command += ["--no-resolv", "--no-hosts", "--log-queries", f"--log-facility={log}"]
    command += ["--bind-interfaces", "--listen-address=127.0.0.1", f"--port={port}", "--user="]
    command += ["--local=/example/"]
    command += [f"--mx-host={name},{host},{preference}" for name, host, preference in RECORDS]
    with subprocess.Popen(command) as process:
        while "started" not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        yield NameServer(port, log)
        process.terminate()


@pytest.mark.parametrize(
    ("domain", "provider"),
    [
        ("google.example", "Gmail"),
        ("GOOGLE.Example.", "Gmail"),
        ("microsoft.example", "Microsoft 365"),
        ("backup.example", "Zoho Mail"),
        ("xn--cng-ty-3ya.example", "Zoho Mail"),
        ("shared.example", None),
        ("evil.example", None),
        ("trick.example", None),
        ("own.example", None),
        ("unknown.example", None),
    ],
)
async def test_the_preferred_mail_server_names_the_provider(
    server: NameServer, domain: str, provider: str | None
) -> None:
    link = await server.finder().find(domain)
    assert (link.provider if link else None) == provider
    assert link is None or link.url.startswith("https://")


@pytest.mark.parametrize(
    "name",
    ["", "localhost", "a b.example", "công.example", "x" * 64 + ".example", "-a.example", "a..b",
     "a.example/../x", "x." * 127 + "example", "\x1b[2J.example", "a_b.example"],
)  # fmt: skip
async def test_what_is_no_domain_is_never_asked_for(server: NameServer, name: str) -> None:
    before = len(server.queries)
    assert await server.finder().find(name) is None
    assert len(server.queries) == before


async def test_the_dns_is_not_asked_where_that_is_not_wanted(server: NameServer) -> None:
    before = len(server.queries)
    assert await server.finder(timeout=0).find("google.example") is None
    assert len(server.queries) == before


async def test_a_silent_name_server_ends_with_the_time_and_blocks_nobody() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        finder = MailboxFinder(
            WebmailDirectory.load(WEBMAIL),
            timeout=0.5,
            name_servers=("127.0.0.1",),
            port=silent.getsockname()[1],
        )
        finding = asyncio.create_task(finder.find("google.example"))
        turns = 0
        while not finding.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert await finding is None
    assert turns > 10, "the loop went on meanwhile"


async def test_nobody_at_the_name_servers_address() -> None:
    finder = MailboxFinder(
        WebmailDirectory.load(WEBMAIL),
        timeout=0.3,
        name_servers=("127.0.0.1",),
        port=_free_port(),
    )
    assert await finder.find("google.example") is None


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://mail.google.com", "Gmail"),
        ("https://mail.google.com/mail/", "Gmail"),
        ("http://mail.google.com", None),
        ("https://mail.google.com.evil.example", None),
        ("https://evil.example/mail.google.com", None),
        ("https://mail.google.com@evil.example", None),
        ("https://mail.google.com:8443", None),
        ("https://mail.google.com/?user=a", None),
        ("https://mail.google.com/#a", None),
        ("https://mail.google.com/" + "a" * 60, None),
        ("https://mail.google.com\n", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_an_address_that_the_service_gives_is_believed_only_if_listed(
    url: str, provider: str | None
) -> None:
    link = MailboxFinder(WebmailDirectory.load(WEBMAIL), timeout=0).known("own.example", url)
    assert (link.provider if link else None) == provider
    assert link is None or link.url == url


def test_a_listed_domain_is_known_at_once_whatever_the_service_says() -> None:
    link = MailboxFinder(WebmailDirectory.load(WEBMAIL)).known("Gmail.com", "https://outlook.com")
    assert link is not None
    assert link.provider == "Gmail"


@pytest.mark.parametrize(
    "wrong",
    ['url = "http://mail.example"', 'url = "https://mail.example/?a=b"', 'mx = ["a b.example"]',
     'domains = ["Example.com"]', 'hosts = ["https://mail.example"]'],
)  # fmt: skip
def test_a_wrong_list_names_file_and_key(tmp_path: Path, wrong: str) -> None:
    lines = {"name": '"X"', "url": '"https://mail.example"'}
    key, _, value = wrong.partition(" = ")
    lines[key] = value
    file = tmp_path / "webmail.toml"
    file.write_text("[[provider]]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items()))
    with pytest.raises(ConfigError, match=rf"webmail\.toml: provider\[0\]\.{key}"):
        WebmailDirectory.load(file)
