"""Which address opens a mailbox: `config/webmail.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from kiosk.config import read_toml
from kiosk.view import MailboxLink


class Provider(Struct, frozen=True, forbid_unknown_fields=True):
    """A provider of mailboxes."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    url: Annotated[str, Meta(pattern=r"^https://[a-z0-9./-]+$", max_length=60)]
    """Short, so that the QR code stays small. It must not carry anything personal."""
    domains: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Domains of addresses whose mailbox is opened there, in lower case."""


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    provider: tuple[Provider, ...]


class WebmailDirectory:
    """Finds the provider of a mailbox by its domain."""

    def __init__(self, providers: tuple[Provider, ...]) -> None:
        self._by_domain = {
            domain.lower(): MailboxLink(provider.name, provider.url)
            for provider in providers
            for domain in provider.domains
        }

    @classmethod
    def load(cls, path: Path) -> WebmailDirectory:
        """Read the file.

        Raises:
            ConfigError: it is missing or not as expected.
        """
        return cls(read_toml(path, _File).provider)

    def link(self, domain: str) -> MailboxLink | None:
        """Where to open a mailbox of this domain; None where that is not known for sure."""
        return self._by_domain.get(domain.strip().rstrip(".").lower())
