"""Who answers at an address, and the certificate that they show: for a technician."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import httpcore

from kiosk.service.address import Proxy
from kiosk.service.errors import ServiceUnreachable
from kiosk.service.network import Network


async def shown_certificate(
    url: str, tls: ssl.SSLContext, seconds: float, proxy: Proxy | None
) -> bytes:
    """Connect, shake hands, and hang up. No request is sent.

    Args:
        url: of the service.
        tls: what is demanded of the other side, and what it is shown.
        seconds: longest time for all of it.
        proxy: on the way; None: none.

    Returns:
        The certificate, in DER.

    Raises:
        ServiceUntrusted: the certificate is not one that `tls` takes.
        ServiceUnreachable: no connection came about.
    """
    secured = await _connected(url, tls, seconds, proxy)
    try:
        session = secured.get_extra_info("ssl_object")
        return session.getpeercert(binary_form=True) or b""
    finally:
        await secured.aclose()


async def reach(url: str, tls: ssl.SSLContext | None, seconds: float) -> None:
    """Connect, shake hands if there is TLS, and hang up. No request is sent.

    Raises:
        ServiceUntrusted: the certificate is not one that `tls` takes.
        ServiceUnreachable: no connection came about.
    """
    await (await _connected(url, tls, seconds, None)).aclose()


async def _connected(
    url: str, tls: ssl.SSLContext | None, seconds: float, proxy: Proxy | None
) -> httpcore.AsyncNetworkStream:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        plain = await Network(seconds, proxy).connect_tcp(host, parts.port or (443 if tls else 80))
        return plain if tls is None else await plain.start_tls(tls, host)
    except httpcore.ProxyError as error:
        raise ServiceUnreachable(f"proxy: {error}") from None
    except TimeoutError:
        raise ServiceUnreachable(f"no answer within {seconds:g} s") from None
    except OSError as error:
        raise ServiceUnreachable(error.strerror or type(error).__name__) from None
    except (httpcore.NetworkError, httpcore.TimeoutException) as error:
        raise ServiceUnreachable(type(error).__name__) from None


def unchecked() -> ssl.SSLContext:
    """A context that takes any certificate and shows none: to look at what is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
