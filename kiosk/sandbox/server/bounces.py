"""Mails that come back: where to, how they are written, and how they are read.

Each mail leaves with a return path of its own (VERP), so what comes back there is known to
be about that mail, whatever is in it. What counts is a delivery status notification
(RFC 3464) with the action `failed`. Notices of a delay and holiday notices come to the same
address and mean nothing.
"""

from __future__ import annotations

import re
from datetime import datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, make_msgid

_LOCAL_PART = "tra-lai"
_DOMAIN = "vnpt-bhxh.example"
_RETURN_PATH = re.compile(rf"{_LOCAL_PART}\+([0-9a-f]{{32}})@{re.escape(_DOMAIN)}", re.IGNORECASE)


def return_path(token: str) -> str:
    """The address that a mail is returned to; `token` has 32 hexadecimal digits."""
    return f"{_LOCAL_PART}+{token}@{_DOMAIN}"


def returned_token(address: str) -> str | None:
    """The token in a return path; None if the address is not one."""
    found = _RETURN_PATH.fullmatch(address)
    return found[1].lower() if found else None


def compose(to: str, recipient: str, returned: bytes, arrived_at: datetime) -> bytes:
    """Write the notification that a mail could not be delivered (RFC 3464), as mail servers do.

    Of the returned mail it has the header alone (RFC 6522, section 4): the text holds a
    password.

    Args:
        to: return path of the mail.
        recipient: whom the mail was for.
        returned: the mail.
        arrived_at: when the mail server took it, with time zone.
    """
    report = MIMEMultipart("report", report_type="delivery-status", policy=policy.SMTP)
    report["From"] = "Mail Delivery System <MAILER-DAEMON@localhost>"
    report["To"] = to
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Date"] = format_datetime(arrived_at)
    report["Message-ID"] = make_msgid(domain="localhost")
    report["Auto-Submitted"] = "auto-replied"
    report.attach(MIMEText("The mail could not be delivered: the mailbox does not exist.\n"))
    transport, about = Message(), Message()
    transport["Reporting-MTA"] = "dns; localhost"
    transport["Arrival-Date"] = format_datetime(arrived_at)
    about["Final-Recipient"] = f"rfc822; {recipient}"
    about["Action"] = "failed"
    about["Status"] = "5.1.1"
    about["Diagnostic-Code"] = "smtp; 550 5.1.1 No such mailbox"
    status = MIMENonMultipart("message", "delivery-status")
    status.set_payload([transport, about])
    report.attach(status)
    header = MIMENonMultipart("text", "rfc822-headers")
    fields = re.split(rb"\r?\n\r?\n", returned, maxsplit=1)[0]
    header.set_payload(fields.decode("ascii", "replace") + "\n")
    report.attach(header)
    return report.as_bytes(policy=policy.SMTP)


def reports_failure(content: bytes) -> bool:
    """Tell whether a mail says that another one will never be delivered."""
    try:
        message = message_from_bytes(content, policy=policy.default)
        return _is_report(message) and any(
            _says_failed(block) for part in message.iter_parts() for block in _recipients(part)
        )
    except (MessageError, ValueError, LookupError, TypeError, AttributeError):
        # The mail comes from anywhere, and the parser does not bear everything.
        return False


def _is_report(message: EmailMessage) -> bool:
    kind = str(message.get_param("report-type", "")).lower()
    return message.get_content_type() == "multipart/report" and kind == "delivery-status"


def _recipients(part: Message) -> list[Message]:
    """What a report says of each recipient; its first block is about the whole mail."""
    if part.get_content_type() != "message/delivery-status":
        return []
    blocks = part.get_payload()
    return [b for b in blocks[1:] if isinstance(b, Message)] if isinstance(blocks, list) else []


def _says_failed(block: Message) -> bool:
    """RFC 3464, sections 2.3.3 and 2.3.4."""
    action = str(block.get("Action", "")).strip().lower()
    status = str(block.get("Status", "")).strip()
    return action == "failed" and status.startswith("5.")
