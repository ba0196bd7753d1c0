"""Whose mail servers take a company's mail: MX records (RFC 5321, section 5.1).

A company's own domain is in no list of webmail providers, but its MX records often name one.
The answer of the DNS is not trusted with more than that choice: what is shown always comes
from the configuration. Nothing waits for it: without an answer in time there is no code.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiosk.view import MailboxLink
    from kiosk.webmail import WebmailDirectory

log = logging.getLogger(__name__)

_DOMAIN = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


class MailboxFinder:
    """Finds where a mailbox is opened."""

    def __init__(
        self,
        directory: WebmailDirectory,
        *,
        timeout: float = 2.0,
        name_servers: tuple[str, ...] = (),
        port: int = 53,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            directory: the providers that are known.
            timeout: longest wait for the DNS in seconds; 0: it is never asked.
            name_servers: addresses to ask instead of the system's.
            port: UDP port of the name servers.
        """
        self._directory = directory
        self._timeout = timeout
        self._name_servers = name_servers
        self._port = port

    def known(self, domain: str, url: str = "") -> MailboxLink | None:
        """Where a mailbox is opened, as far as that is known without asking anybody.

        Args:
            domain: of the registered address.
            url: what the service says of it; believed only where its host is configured.
        """
        return self._directory.link(domain) or self._directory.accept(url)

    async def find(self, domain: str) -> MailboxLink | None:
        """Ask the DNS whose mail servers take this domain's mail."""
        name = domain.strip().rstrip(".").lower()
        if not self._timeout or not _DOMAIN.fullmatch(name):
            return None
        exchanges = await self._exchanges(name)
        return self._directory.link_by_exchanges(exchanges)

    async def _exchanges(self, domain: str) -> tuple[str, ...]:
        """Host names of the most preferred mail servers; none if the DNS does not say."""
        # Needed by few visits, and not before the last screens.
        import dns.asyncresolver  # noqa: PLC0415
        import dns.exception  # noqa: PLC0415

        try:
            resolver = dns.asyncresolver.Resolver(configure=not self._name_servers)
            if self._name_servers:
                resolver.nameservers = list(self._name_servers)
                resolver.port = self._port
            # A final dot keeps the machine's own search list out of it.
            answer = await resolver.resolve(f"{domain}.", "MX", lifetime=self._timeout)
        except (dns.exception.DNSException, OSError) as error:
            log.info("no MX records: %s", type(error).__name__)
            return ()
        records = [(record.preference, record.exchange.to_text().lower()) for record in answer]
        best = min(preference for preference, _ in records)
        return tuple(host.rstrip(".") for preference, host in records if preference == best)
