"""Where the service is, and the proxy on the way to it."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass
from typing import TypeGuard
from urllib.parse import urlsplit

from kiosk.config import ConfigError
from kiosk.service.files import private_text

_CREDENTIALS = "one line user:password"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that is asked with CONNECT (RFC 9110, section 9.3.6)."""

    host: str
    port: int
    authorization: str = ""
    """Value of `Proxy-Authorization`; empty: none is sent."""

    def __repr__(self) -> str:
        return f"<Proxy {self.host}:{self.port}>"


def uses_tls(url: str, key: str = "service.url") -> bool:
    """Tell whether the server at this URL is spoken to with TLS: everywhere but on this machine.

    Args:
        url: scheme, host and path.
        key: where the configuration names it.

    Raises:
        ConfigError: it is not a URL that the kiosk may speak to.
    """
    expected = "scheme, host and path alone"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError("kiosk.toml", key, "no address", expected) from None
    if parts.username is not None or parts.password is not None:
        # They may be secret, and this text is printed.
        raise ConfigError("kiosk.toml", key, "a user name or password", expected)
    # What comes after the host may be secret as well.
    found = repr(f"{parts.scheme}://{parts.netloc}/…")
    if not url.isascii():
        raise ConfigError("kiosk.toml", key, found, "ASCII (punycode for the host)")
    if parts.query or parts.fragment:
        raise ConfigError("kiosk.toml", key, f"{found} with a query or a fragment", expected)
    if not _is_host(host) or port == 0:
        raise ConfigError("kiosk.toml", key, found, expected)
    if parts.scheme == "http" and _is_loopback(host):
        return False
    if parts.scheme != "https":
        expected = "https (http only to this machine)"
        raise ConfigError("kiosk.toml", key, found, expected)
    return True


def read_proxy(url: str, credentials_file: str) -> Proxy | None:
    """Read which proxy to use; None if none is named.

    Args:
        url: `http://host:port`; empty: no proxy.
        credentials_file: file with one line `user:password`; empty: the proxy wants none.

    Raises:
        ConfigError: the URL or the file cannot be used.
    """
    if not url:
        if credentials_file:
            expected = "a proxy, since service.proxy_credentials is set"
            raise ConfigError("kiosk.toml", "service.proxy", "nothing", expected)
        return None
    expected = "http://host:port"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError("kiosk.toml", "service.proxy", repr(url), expected) from None
    if parts.username is not None or parts.password is not None:
        expected += ", and the credentials in a file of their own (service.proxy_credentials)"
        raise ConfigError("kiosk.toml", "service.proxy", "a user name or password", expected)
    rest = parts.path.rstrip("/") or parts.query or parts.fragment
    if parts.scheme != "http" or not _is_host(host) or not port or rest:
        raise ConfigError("kiosk.toml", "service.proxy", repr(url), expected)
    return Proxy(host, port, _authorization(credentials_file) if credentials_file else "")


def _authorization(file: str) -> str:
    """Read the credentials into a header's value (RFC 7617)."""
    text = private_text(file, "service.proxy_credentials", _CREDENTIALS)
    line = text.removesuffix("\n").removesuffix("\r")
    if not re.fullmatch(r"[^:\x00-\x1f\x7f]+:[^\x00-\x1f\x7f]*", line):
        found = f"something else in {file!r}"
        raise ConfigError("kiosk.toml", "service.proxy_credentials", found, _CREDENTIALS)
    return "Basic " + base64.b64encode(line.encode("utf-8")).decode("ascii")


def _is_host(host: str | None) -> TypeGuard[str]:
    """Tell whether this is an IP address or a name that can be looked up (RFC 1035, 2.3.4)."""
    if not host or len(host) > 253:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not re.fullmatch(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", host):
            return False
        try:
            # What begins like punycode has to be it (RFC 5890, section 2.3.2.1).
            host.encode("ascii").decode("idna")
        except UnicodeError:
            return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
