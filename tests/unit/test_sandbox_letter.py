"""The mail with the new password, byte by byte: what mail servers and mail programs demand."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kiosk.sandbox.server.mailbox import read_mails
from tests.unit.service_lab import Lab

EMAIL = "ketoan.hoasen@gmail.com"


class Letter:
    """One mail as it came over SMTP."""

    def __init__(self, raw: bytes, received_at: float, password: str, reference: str) -> None:
        self.raw = raw
        self.received_at = received_at
        self.password = password
        self.reference = reference
        self.message: EmailMessage = message_from_bytes(raw, policy=policy.default)
        self.header = raw.partition(b"\r\n\r\n")[0].decode("ascii")

    def part(self, kind: str) -> EmailMessage:
        part = self.message.get_body((kind,))
        assert isinstance(part, EmailMessage)
        return part


@pytest.fixture
async def letter(tmp_path: Path) -> Letter:
    with Lab(tmp_path) as lab:
        client = lab.client()
        reset = await lab.open_reset(client)
        delivery = await client.confirm(reset.id, "k")
        await client.close()
        (stored,) = read_mails(tmp_path)
        (password,) = lab.mailed_passwords(EMAIL)
    return Letter(stored.content, stored.received_at, password, delivery.reference)


async def test_its_fields(letter: Letter) -> None:
    names = [line.partition(":")[0] for line in re.split(r"\r\n(?![ \t])", letter.header)]
    # RFC 5322, section 3.6: each at most once.
    assert len(names) == len({name.lower() for name in names})
    mail = letter.message
    assert mail["To"] == EMAIL
    assert mail["From"].addresses[0].display_name == "VNPT-BHXH"
    assert mail["MIME-Version"] == "1.0"
    assert mail["Auto-Submitted"] == "auto-generated"  # RFC 3834, section 5
    assert mail["Content-Language"] == "vi, en"  # RFC 3282
    assert re.fullmatch(r"<[0-9a-f]{32}@vnpt-bhxh\.example>", mail["Message-ID"])
    date = mail["Date"].datetime
    assert date.tzinfo is not None
    assert abs(date.timestamp() - letter.received_at) < 60


async def test_its_header_tells_no_secret(letter: Letter) -> None:
    assert re.fullmatch(r"[a-km-zA-HJ-NP-Z2-9]{12}", letter.password)
    mail = letter.message
    assert mail["Subject"].startswith("Mật khẩu mới")
    for text in (mail["Subject"], letter.header):
        assert letter.password not in text
        assert "hoasen" not in text.replace(EMAIL, "")


async def test_its_lines(letter: Letter) -> None:
    assert letter.raw.replace(b"\r\n", b"").isascii()
    assert b"\r" not in letter.raw.replace(b"\r\n", b"")
    assert b"\n" not in letter.raw.replace(b"\r\n", b"")
    # RFC 5322, section 2.1.1, asks for 78; RFC 2045, section 6.7, and RFC 2047, section 2,
    # demand 76.
    for line in letter.raw.split(b"\r\n"):
        assert len(line) <= 76, line
    for word in re.findall(r"=\?\S+\?=", letter.header):
        assert len(word) <= 75


async def test_its_parts(letter: Letter) -> None:
    mail = letter.message
    assert mail.get_content_type() == "multipart/alternative"
    # The last one is the one to be preferred (RFC 2046, section 5.1.4).
    assert [p.get_content_type() for p in mail.iter_parts()] == ["text/plain", "text/html"]
    for part in mail.iter_parts():
        assert not part.defects
        assert part.get_content_charset() == "utf-8"
        assert part["Content-Transfer-Encoding"] == "quoted-printable"
        text = part.get_content()
        assert text.count(letter.password) == 2
        assert letter.reference in text
        assert text.index("Kính gửi Quý khách") < text.index("Dear customer")
    assert not mail.defects


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


async def test_its_html_needs_nothing_from_elsewhere(letter: Letter) -> None:
    text = letter.part("html").get_content()
    tags = Tags()
    tags.feed(text)
    assert {"html", "head", "meta", "title", "body", "div", "p", "hr", "small"} >= {
        tag for tag, _ in tags.seen
    }
    attributes = {name for _, given in tags.seen for name in given}
    assert attributes <= {"lang", "charset", "style"}
    assert "url(" not in text
    assert "http" not in text
    assert [given["lang"] for tag, given in tags.seen if tag == "div"] == ["vi", "en"]
