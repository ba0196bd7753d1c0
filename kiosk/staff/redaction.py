"""Takes out of an export what is nobody's business: secrets, addresses, whoever is named.

The parts of an export hold no customer's data to begin with; this is the second lock on the
door, and it takes out addresses of the network as well.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kiosk.config import Config

REMOVED = "(removed)"

_PATTERNS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"-----BEGIN [^-]*-----.*?-----END [^-]*-----",
        r"\$argon2[^\s\"']*",
        r"sha256/[A-Za-z0-9+/=]+",
        r"(?<=://)[^/\s\"'<>]+",
        r"[^\s@<>\"'(]+@[^\s@<>\"')]+",
        r"(?<![\w-])\d{10}(?:-\d{3})?(?![\w-])",
        r"\b(?:MST|CCCD|CMND|MNS):\s*[^\s\"',;]+",
    )
)
"""Keys, hashes, pins, hosts in addresses, e-mail addresses, tax codes, and
what the subjects of certificates call a number of a person or an organisation."""

_MAYBE_ADDRESS = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)"
    r"|(?<![\w:.])[0-9a-fA-F:]+:[0-9a-fA-F:.]+(?![\w:])"
)
"""IPv4, IPv6."""

_SERIAL_OF_READER = re.compile(r"\([0-9A-Za-z._-]{4,}\)")
"""pcsc-lite puts a USB device's serial number into the reader's name, in parentheses."""

_PERSONAL = frozenset(
    {
        "organisation",
        "tax_code",
        "username",
        "email",
        "subject",
        "serial",
        "serial_number",
        "label",
        "holder",
        "fingerprint",
        "issuer",
        "certificates",
    }
)
"""Keys of a doctor's facts whose values may speak of a customer's token."""

_OPEN = frozenset(
    {
        "kiosk.id",
        "kiosk.language",
        "kiosk.languages",
        "kiosk.state_directory",
        "hardware.tokens_file",
        "hardware.unknown_tokens_file",
        "trust.directory",
        "mailbox.webmail_file",
        "audit.directory",
        "support.hotline",
    }
)
"""Texts of the configuration that are shown as they are; opening hours are as well."""


class Redactor:
    """Takes out what may not leave, by its form and by what is known of this kiosk."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """Make one.

        Args:
            known: texts to be taken out wherever they are, such as the service's host.
        """
        self._known = sorted({text for text in known if len(text) > 3}, key=len, reverse=True)

    @classmethod
    def of(cls, config: Config) -> Redactor:
        """Make one that knows this kiosk's addresses."""
        section, webhook = config.service, urlsplit(config.support.webhook)
        addresses = (section.url, section.proxy, config.support.webhook, config.printer.device)
        hosts = [urlsplit(address).hostname or "" for address in addresses]
        # With some the path is the secret.
        hook = [webhook.path, webhook.query]
        return cls(
            [*hosts, *hook, config.support.email, config.support.fanpage, config.staff.pin_hash]
        )

    def text(self, text: str) -> str:
        """The text without them."""
        for known in self._known:
            text = re.sub(re.escape(known), REMOVED, text, flags=re.IGNORECASE)
        for pattern in _PATTERNS:
            text = pattern.sub(REMOVED, text)
        text = _MAYBE_ADDRESS.sub(_without_address, text)
        return _SERIAL_OF_READER.sub(f"({REMOVED})", text) if "(" in text else text

    def value(self, value: Any) -> Any:
        """The same for a value of JSON, however deep. Values of personal keys go altogether."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                key: REMOVED if key in _PERSONAL and inner else self.value(inner)
                for key, inner in value.items()
            }
        if isinstance(value, Sequence):
            return [self.value(one) for one in value]
        return value


def _without_address(match: re.Match[str]) -> str:
    try:
        ipaddress.ip_address(match[0])
    except ValueError:
        # A time of day has colons as well.
        return match[0]
    return REMOVED


def redacted_config(config: Config) -> dict[str, Any]:
    """The configuration: numbers and switches as they are, of texts those that are harmless."""

    def redact(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {
                name: redact(inner, f"{key}.{name}".lstrip(".")) for name, inner in value.items()
            }
        if isinstance(value, str):
            return value if not value or key in _OPEN or key.startswith("hours.") else REMOVED
        if isinstance(value, list | tuple):
            return [redact(one, key) for one in value]
        return value

    redacted: dict[str, Any] = redact(msgspec.to_builtins(config), "")
    return redacted
