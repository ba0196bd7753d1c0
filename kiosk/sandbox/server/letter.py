"""The mail with the new password."""

from __future__ import annotations

import html
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

SENDER = "khong-tra-loi@vnpt-bhxh.example"
_MESSAGE_DOMAIN = "vnpt-bhxh.example"
_POLICY = SMTP.clone(max_line_length=76)
# Longest line of quoted-printable (RFC 2045, section 6.7); the library's own 78 is too long.
_SUBJECT = "Mật khẩu mới VNPT-BHXH / Your new VNPT-BHXH password"

_VIETNAMESE = (
    "Kính gửi Quý khách,",
    "Theo yêu cầu được xác thực bằng USB Token của Quý khách, mật khẩu VNPT-BHXH mới là:",
    "{password}",
    "Vui lòng đăng nhập bằng mật khẩu này và đổi mật khẩu ngay sau khi đăng nhập. Nếu Quý khách"
    " nhận được nhiều thư, chỉ mật khẩu trong thư mới nhất có hiệu lực.",
    "Nếu Quý khách không yêu cầu, vui lòng gọi tổng đài 1800 1260. Mã yêu cầu: {reference}.",
)
_ENGLISH = (
    "Dear customer,",
    "As requested with your USB token, your new VNPT-BHXH password is:",
    "{password}",
    "Please log in with it and change it right after logging in. If you have received several"
    " mails, only the password in the newest one is valid.",
    "If you did not ask for this, please call 1800 1260. Reference: {reference}.",
)
_FOOT = (
    "Thư này được gửi từ hệ thống mô phỏng, tài khoản không có thật. /"
    " This mail comes from a sandbox; the account is not a real one."
)


def message_id(unique: str) -> str:
    """The Message-ID (RFC 5322, section 3.6.4) of the mail for an order."""
    return f"<{unique}@{_MESSAGE_DOMAIN}>"


def compose(
    recipient: str, identifier: str, password: str, reference: str, at: datetime
) -> EmailMessage:
    """Write the mail, in Vietnamese and then in English, as text and as HTML.

    Args:
        recipient: the address it goes to.
        identifier: its Message-ID, made before, so that it can be recognised when it arrives.
        password: the new password.
        reference: number of the reset, for the telephone.
        at: the time it is written, with time zone.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address("VNPT-BHXH", addr_spec=SENDER)
    message["To"] = recipient
    message["Subject"] = _SUBJECT
    message["Date"] = format_datetime(at)
    message["Message-ID"] = identifier
    # RFC 3834, section 5: keeps holiday notices from answering.
    message["Auto-Submitted"] = "auto-generated"
    values = {"password": password, "reference": reference}
    languages = [[line.format(**values) for line in part] for part in (_VIETNAMESE, _ENGLISH)]
    text = "\n\n----\n\n".join("\n\n".join(lines) for lines in languages)
    message.set_content(f"{text}\n\n----\n\n{_FOOT}\n", cte="quoted-printable")
    parts = "<hr>".join(
        f'<div lang="{language}">{_paragraphs(lines, password)}</div>'
        for language, lines in zip(("vi", "en"), languages, strict=True)
    )
    # Nothing in it is fetched from anywhere: a mail that loads something tells when it is read.
    message.add_alternative(
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        f'<title>{html.escape(_SUBJECT)}</title></head><body style="font-family:sans-serif">'
        f"{parts}<hr><p><small>{html.escape(_FOOT)}</small></p></body></html>\n",
        subtype="html",
        cte="quoted-printable",
    )
    # RFC 3282. Last, because what is added would take the field along into the first part.
    message["Content-Language"] = "vi, en"
    return message


def _paragraphs(lines: list[str], password: str) -> str:
    shown = (
        f'<p style="font:bold 1.5em monospace">{html.escape(line)}</p>'
        if line == password
        else f"<p>{html.escape(line)}</p>"
        for line in lines
    )
    return "".join(shown)


def masked(address: str) -> str:
    """Show an address so that its owner knows it and nobody else learns it: k•••@g•••.com."""
    local, _, domain = address.rpartition("@")
    host, _, top = domain.rpartition(".")
    return f"{local[:1]}•••@{host[:1]}•••.{top}"


def domain_of(address: str) -> str:
    """The domain of a mail address."""
    return address.rpartition("@")[2].lower()
