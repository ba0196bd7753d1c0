"""Understands the service's answers, and believes nothing in them unseen.

What comes back is of one content type, strictly typed and rid of control characters, or it
is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from kiosk.service.errors import AnswerInvalid, AnswerLost, ServiceRefused
from kiosk.service.messages import (
    TEXT_LENGTH,
    Accounts,
    NoContent,
    ProblemDocument,
    without_controls,
)
from kiosk.service.proof import is_username
from kiosk.text import clean_text

MAX_RETRY_AFTER = 86_400
"""Seconds. A service that wants a longer wait is taken to want this one."""

M = TypeVar("M", bound=msgspec.Struct)


def understand(status: int, headers: Mapping[str, str], content: bytes, kind: type[M]) -> M:
    """Turn an answer into a message.

    Args:
        status: of HTTP.
        headers: names in lower case.
        content: whole.
        kind: the message that the contract has for a call that was carried out.

    Raises:
        ServiceRefused: the answer is a problem document.
        AnswerLost: a server or gateway broke; what it had done by then, nobody knows.
        AnswerInvalid: the contract knows no such answer.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        if kind is NoContent:
            return kind()
        if content_type != "application/json":
            raise AnswerInvalid(f"{status} with an unexpected content type")
        return without_controls(_decode(content, kind))
    problem = None
    if status >= 400 and content_type == "application/problem+json":
        problem = _decode(content, ProblemDocument)
    if status >= 500 and (problem is None or problem.code != "unavailable"):
        raise AnswerLost(str(status))
    if problem is None:
        raise AnswerInvalid(f"{status} without a problem document")
    raise ServiceRefused(problem.code, status, _retry_after(headers, problem))


def usable_accounts(accounts: Accounts) -> Accounts:
    """Drop what cannot be shown exactly as it would be signed, and what comes twice."""
    usernames = dict.fromkeys(
        name
        for name in accounts.usernames
        if is_username(name) and clean_text(name, TEXT_LENGTH) == name
    )
    return replace(accounts, usernames=tuple(usernames))


def _decode(content: bytes, kind: type[M]) -> M:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The decoder's message may quote the answer.
        raise AnswerInvalid(f"not a {kind.__name__}") from None


def _retry_after(headers: Mapping[str, str], problem: ProblemDocument) -> int | None:
    """Seconds to wait, from the header (RFC 9110, section 10.2.3) or else from the document."""
    text = headers.get("retry-after", "")
    seconds = int(text) if re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) else problem.retry_after
    if seconds is None or seconds < 0:
        return None
    return min(seconds, MAX_RETRY_AFTER)
