"""The people, companies and tokens of the sandbox. All are invented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

PIN = "12345678"
"""PIN of every virtual token. It is public: these tokens protect nothing."""

STAFF_PIN = "246810"
STAFF_PIN_HASH = (
    "$argon2id$v=19$m=65536,t=3,"
    "p=4$ESQhSa/KpvoHK4OrvWY9+Q$heUcnZDPPZXjxFc13Ak5PWoGFBQdmUmHT07I6MzVxBA"
)
"""PIN of staff mode in the demo, and its hash as `kiosk staff pin` makes it."""

OLD_PASSWORD = "Mat-khau-cu-1"
"""Password of every account before it is reset. It is public as well."""


KeyKind: TypeAlias = Literal["RSA1024", "RSA2048", "RSA3072", "RSA4096", "P-256", "P-384", "P-521"]

Flaw: TypeAlias = Literal[
    "", "sha1", "no-signature-usage", "broken-field", "unknown-version", "truncated", "no-key"
]
"""What is wrong with a token besides what its certificate plainly says:

    sha1                the issuing CA signed the certificate with SHA-1
    no-signature-usage  its key may only encipher
    broken-field        an extension of the certificate is no DER; the outer frame is sound
    unknown-version     the certificate says that it is X.509 version 5
    truncated           only the first half of the certificate is there
    no-key              the certificate's private key is not on the token
"""


@dataclass(frozen=True, slots=True)
class TokenProfile:
    """A virtual token and what is special about it."""

    name: str
    organisation: str
    tax_code: str
    """Empty: the certificate carries no MST."""
    other_uids: tuple[str, ...] = ()
    """Further UID values, such as `CCCD:001099000000`."""
    key: KeyKind = "RSA2048"
    authority: Literal["vnpt", "foreign"] = "vnpt"
    validity: Literal["now", "expired", "future"] = "now"
    status: Literal["good", "revoked", "suspended"] = "good"
    tries_left: int = 3
    """PIN tries left when the token is made; 0: locked."""
    second_certificate: str = ""
    """Organisation of a second certificate (with the same tax code), if there is one."""
    certificate: bool = True
    """Whether there is a certificate on it at all."""
    flaw: Flaw = ""


TOKENS: tuple[TokenProfile, ...] = (
    TokenProfile("hoa-sen", "CÔNG TY TNHH THƯƠNG MẠI HOA SEN", "0100000001"),
    TokenProfile(
        "binh-minh",
        "CÔNG TY CỔ PHẦN BÌNH MINH",
        "0100000002-001",
        other_uids=("CCCD:001099000002", "MNS:TZ0002Z"),
        key="P-256",
    ),
    TokenProfile("expired", "HỘ KINH DOANH NGUYỄN VĂN NGHIÊM", "0100000003", validity="expired"),
    TokenProfile("future", "CÔNG TY TNHH TƯƠNG LAI", "0100000004", validity="future"),
    TokenProfile("foreign", "CÔNG TY TNHH NƠI KHÁC", "0100000001", authority="foreign"),
    TokenProfile("revoked", "CÔNG TY TNHH THU HỒI", "0100000005", status="revoked"),
    TokenProfile("suspended", "CÔNG TY TNHH TẠM DỪNG", "0100000006", status="suspended"),
    TokenProfile("last-try", "CÔNG TY TNHH LẦN CUỐI", "0100000007", tries_left=1),
    TokenProfile("locked", "CÔNG TY TNHH BỊ KHÓA", "0100000008", tries_left=0),
    TokenProfile(
        "two-certificates",
        "CÔNG TY TNHH HAI CHỨNG THƯ",
        "0100000009",
        second_certificate="CÔNG TY TNHH HAI CHỨNG THƯ - CHI NHÁNH HUẾ",
    ),
    TokenProfile("weak", "CÔNG TY TNHH KHÓA NGẮN", "0100000010", key="RSA1024"),
    TokenProfile("empty", "CÔNG TY TNHH TRỐNG", "0100000011", certificate=False),
)
"""The first is the one of the good journey."""

ODD_TOKENS: tuple[TokenProfile, ...] = (
    TokenProfile("rsa-3072", "CÔNG TY TNHH KHÓA DÀI", "0100000001", key="RSA3072"),
    TokenProfile("rsa-4096", "CÔNG TY TNHH KHÓA RẤT DÀI", "0100000001", key="RSA4096"),
    TokenProfile("p-521", "CÔNG TY TNHH CONG HƠN", "0100000001", key="P-521"),
    TokenProfile("p-384", "CÔNG TY TNHH ĐƯỜNG CONG", "0100000001", key="P-384"),
    TokenProfile("sha1", "CÔNG TY TNHH BĂM CŨ", "0100000001", flaw="sha1"),
    TokenProfile("wrong-usage", "CÔNG TY TNHH MÃ HÓA", "0100000001", flaw="no-signature-usage"),
    TokenProfile("no-tax-code", "NGUYỄN VĂN KHÔNG", "", other_uids=("CCCD:001099000012",)),
    TokenProfile("no-key", "CÔNG TY TNHH MẤT KHÓA", "0100000001", flaw="no-key"),
    TokenProfile("broken", "CÔNG TY TNHH HỎNG", "0100000001", flaw="broken-field"),
    TokenProfile("version-5", "CÔNG TY TNHH PHIÊN BẢN", "0100000001", flaw="unknown-version"),
    TokenProfile("truncated", "CÔNG TY TNHH CỤT", "0100000001", flaw="truncated"),
    TokenProfile(
        "hostile-name",
        "[red]A\x1b[2J\x1b]0;B\x07 [@click=app.quit]C[/]\u202eD\u200b\x00\r\nE",
        "0100000001",
        other_uids=("MNS:\x1b[31m\u202e[b]F",),
    ),
    TokenProfile("long-name", "CÔNG TY" + 200 * " RẤT DÀI", "0100000001"),
    TokenProfile("huge-name", "CÔNG TY " + 100_000 * "A", "0100000001"),
)
"""For tests and for the curious: made when they are first asked for. Most are Hoa Sen's by
their tax code, so what they can do wrong is theirs alone."""

TOKENS_BY_NAME = {profile.name: profile for profile in (*TOKENS, *ODD_TOKENS)}


AccountStatus: TypeAlias = Literal["active", "locked", "closed"]
"""Of a locked account the owner is told so; a closed one is not even listed."""


MailboxKind: TypeAlias = Literal["open", "refusing", "returning", "greylisting"]
"""What the mail server does with mail for the account's address:

    open         puts it into the mailbox
    refusing     refuses it at once: there is no such mailbox
    returning    takes it, finds out later that there is no such mailbox, and sends it back
    greylisting  wants to be asked twice, some time apart
"""


@dataclass(frozen=True, slots=True)
class Account:
    """A VNPT-BHXH account."""

    username: str
    tax_code: str
    email: str
    status: AccountStatus = "active"
    mailbox: MailboxKind = "open"


ACCOUNTS: tuple[Account, ...] = (
    Account("hoasen", "0100000001", "ketoan.hoasen@gmail.com"),
    Account("hoasen.kho", "0100000001", "kho.hoasen@outlook.com"),
    Account("hoasen.khoa", "0100000001", "ketoan.khoa@gmail.com", status="locked"),
    Account("hoasen.cu", "0100000001", "ketoan.cu@gmail.com", status="closed"),
    Account("binhminh", "0100000002-001", "ketoan@binhminh.example"),
    Account("binhminh.sai", "0100000002-001", "sai@binhminh.example", mailbox="refusing"),
    Account("binhminh.tra", "0100000002-001", "tra@binhminh.example", mailbox="returning"),
    Account("binhminh.cham", "0100000002-001", "cham@binhminh.example", mailbox="greylisting"),
    Account("nghiem", "0100000003", "nghiem@yahoo.com"),
    Account("tuonglai", "0100000004", "ketoan.tuonglai@gmail.com"),
    Account("thuhoi", "0100000005", "ketoan.thuhoi@gmail.com"),
    Account("tamdung", "0100000006", "ketoan.tamdung@gmail.com"),
    Account("lancuoi", "0100000007", "ketoan.lancuoi@vnpt.vn"),
    Account("bikhoa", "0100000008", "ketoan.bikhoa@gmail.com"),
    Account("haichungthu", "0100000009", "ketoan.hai@icloud.com"),
)
