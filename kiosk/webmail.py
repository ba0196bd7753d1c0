"""Which address opens a mailbox: `config/webmail.toml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from kiosk.config import read_toml
from kiosk.view import MailboxLink

URL_PATTERN = r"^https://[a-z0-9-]+(\.[a-z0-9-]+)+(/[A-Za-z0-9./_-]*)?$"
"""What the address of a mailbox looks like: https, a host, and a path at most. It carries
nothing personal, and it is short, so that the QR code stays small."""

MAX_URL = 60
"""Characters."""

Host = Annotated[str, Meta(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=253)]


class Provider(Struct, frozen=True, forbid_unknown_fields=True):
    """A provider of mailboxes."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    url: Annotated[str, Meta(pattern=URL_PATTERN, max_length=MAX_URL)]
    domains: tuple[Host, ...] = ()
    """Domains of addresses whose mailbox is opened there, in lower case."""
    mx: tuple[Host, ...] = ()
    """Domains of the mail servers that take the mail of companies with a domain of their own."""
    hosts: tuple[Host, ...] = ()
    """Further hosts of mailbox addresses that the service may name, beside that of `url`."""


class WebmailFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it is written."""

    provider: tuple[Provider, ...]


class WebmailDirectory:
    """Finds the provider of a mailbox."""

    def __init__(self, providers: tuple[Provider, ...]) -> None:
        self.providers = providers
        """All of them, as the file lists them."""
        links = {provider.name: MailboxLink(provider.name, provider.url) for provider in providers}
        self._by_domain = {
            domain: links[provider.name] for provider in providers for domain in provider.domains
        }
        self._by_exchange = {
            domain: links[provider.name] for provider in providers for domain in provider.mx
        }
        self._names_of_hosts = {
            host: provider.name
            for provider in providers
            for host in (urlsplit(provider.url).hostname or "", *provider.hosts)
        }

    @classmethod
    def load(cls, path: Path) -> WebmailDirectory:
        """Read the file.

        Raises:
            ConfigError: it is missing or not as expected.
        """
        return cls(read_toml(path, WebmailFile).provider)

    def link(self, domain: str) -> MailboxLink | None:
        """Where to open a mailbox of this domain; None where that is not known for sure."""
        return self._by_domain.get(domain.strip().rstrip(".").lower())

    def link_by_exchanges(self, hosts: tuple[str, ...]) -> MailboxLink | None:
        """Where to open a mailbox whose mail these servers take; they have to agree."""
        found = {self._provider_of(host) for host in hosts}
        return found.pop() if len(found) == 1 else None

    def accept(self, url: str) -> MailboxLink | None:
        """Take an address that somebody else gives: only https, and only a host on the list."""
        if len(url) > MAX_URL or not re.fullmatch(URL_PATTERN, url, re.ASCII):
            return None
        name = self._names_of_hosts.get(urlsplit(url).hostname or "")
        return MailboxLink(name, url) if name else None

    def _provider_of(self, host: str) -> MailboxLink | None:
        """Match a server by whole labels: evil-google.com is not google.com."""
        labels = host.split(".")
        parents = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._by_exchange[one] for one in parents if one in self._by_exchange), None)
