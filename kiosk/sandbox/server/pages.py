"""The mailbox in a browser: plain pages without script, readable on a telephone."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from kiosk.sandbox.server.mail import Mail

_STYLE = (
    ":root{color-scheme:light}"
    "body{margin:0;font:1.0625rem/1.55 system-ui,sans-serif;color:#1c2733;background:#eef2f6}"
    "header{background:#0066b3;color:#fff}"
    "header div{max-width:40rem;margin:0 auto;padding:1rem 2rem}"
    "header p{margin:0;font-size:.875rem}h1{margin:0;font-size:1.25rem}"
    "main{max-width:42rem;margin:0 auto;padding:1rem}"
    "ul{list-style:none;margin:0;padding:0}"
    "li a,article{display:block;background:#fff;border-radius:.5rem;padding:1rem;"
    "margin-bottom:.75rem;color:inherit;text-decoration:none}"
    "li a:focus,li a:hover{outline:3px solid #0066b3}"
    "h2{margin:0 0 .5rem;font-size:1.125rem;overflow-wrap:anywhere}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:0 .75rem;margin:0;"
    "color:#51606f;font-size:.9375rem}dd{margin:0;overflow-wrap:anywhere}"
    "pre{margin:0;font:inherit;white-space:pre-wrap;overflow-wrap:anywhere;"
    "border-top:1px solid #d5dde5;margin-top:1rem;padding-top:1rem}"
    # One tap marks the whole word; its letters shall not be mistaken for one another.
    "pre b{font:700 1.375rem ui-monospace,monospace;user-select:all}"
    "p a{display:inline-block;padding:.5rem 1rem;color:#005293}"
)

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode("utf-8")).digest()).decode("ascii")

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Lets these pages use their own style and nothing else whatsoever."""

_VIETNAM = timezone(timedelta(hours=7))


def index(mails: Iterable[Mail]) -> str:
    """The page that lists the mails, in the order given."""
    entries = "".join(
        f'<li><a href="/mail/{mail.number}">'
        f"<h2>{html.escape(mail.subject)}</h2>{_head(mail)}</a></li>"
        for mail in mails
    )
    content = f"<ul>{entries}</ul>" if entries else "<article>Chưa có thư nào.</article>"
    return _page("Hộp thư", content)


def mail(shown: Mail) -> str:
    """The page with one mail: its text part, which needs no trust at all."""
    content = (
        f"<article><h2>{html.escape(shown.subject)}</h2>{_head(shown)}"
        f"<pre>{_text(shown.text)}</pre></article>{_BACK}"
    )
    return _page(shown.subject, content)


def missing() -> str:
    """The page for a mail that is not there."""
    return _page("Không tìm thấy thư", f"<article>Không tìm thấy thư này.</article>{_BACK}")


_BACK = '<p><a href="/mail">← Tất cả thư</a></p>'


def _text(text: str) -> str:
    """The text as HTML. A word that is a paragraph of its own, such as a password, stands out."""
    return re.sub(
        r"(?m)(?<=\n\n)\S{8,}(?=\n\n)", lambda word: f"<b>{word[0]}</b>", html.escape(text)
    )


def _head(mail: Mail) -> str:
    return (
        f"<dl><dt>Từ</dt><dd>{html.escape(mail.sender)}</dd>"
        f"<dt>Đến</dt><dd>{html.escape(mail.recipient)}</dd>"
        f"<dt>Lúc</dt><dd>{_time(mail.received_at)}</dd></dl>"
    )


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(_VIETNAM):%H:%M:%S %d/%m/%Y}"


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>"
        "<header><div><h1>Hộp thư mô phỏng</h1><p>Mọi thư do hệ thống mô phỏng VNPT-BHXH gửi đi."
        f"</p></div></header><main>{content}</main></body></html>"
    )
