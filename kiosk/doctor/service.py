"""The way to the service, step by step: name, TLS, health, clock.

The first step that fails ends it: those after it would fail for the same reason.
"""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import socket
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

from kiosk.config import ServiceSection
from kiosk.doctor.checks import in_a_thread
from kiosk.doctor.findings import Finding, failed, ok, skipped, warning
from kiosk.doctor.tls import look_at_refused, look_at_shown
from kiosk.readiness import CLOCK_TOLERANCE
from kiosk.service.client import ServiceClient
from kiosk.service.errors import (
    AnswerInvalid,
    AnswerLost,
    ServiceError,
    ServiceRefused,
    ServiceUnreachable,
    ServiceUntrusted,
)

NAME_SECONDS = 3.5
"""Longest wait for a name; a resolver without a server gives up only after half a minute."""
SLOW_NAME = 1.0
TLS_SECONDS = 3.5
HEALTH_SECONDS = 5.0
SKEW_NOTED = 30.0
"""Seconds between two clocks that are not kept by NTP, or not both."""

Lookup = Callable[[str], list[str]]

_TIME = (
    "Set the clock: `timedatectl set-ntp true`; if this machine's clock is right, VNPT has to look "
    "at the service's."
)


def look_up(host: str) -> list[str]:
    """Addresses of a name, as the kiosk asks for them.

    Raises:
        OSError: the name is not known.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def look_at_service(
    client: ServiceClient,
    section: ServiceSection,
    moment: datetime,
    lookup: Lookup = look_up,
    patience: float = 1.0,
) -> list[Finding]:
    """Go the way to the service as the kiosk does.

    Args:
        client: as the kiosk makes it.
        section: of the configuration.
        moment: the time now, aware.
        lookup: finds the addresses of a name.
        patience: how many times longer than usual each step may take.
    """
    # To load what speaks HTTP and TLS takes a slow machine seconds, which are not the service's.
    for module in ("kiosk.service.peer", "kiosk.service.transport"):
        await in_a_thread(partial(importlib.import_module, module))
    name, known = await check_name(client.nearest, lookup, NAME_SECONDS * patience)
    if not known:
        return [name, skipped("service", "the name has to be found first")]
    tls, open_ = await _check_tls(client, section, moment, TLS_SECONDS * patience)
    if not open_:
        return [name, *tls, skipped("service", "a connection has to come about first")]
    return [name, *tls, *await _check_health(client, HEALTH_SECONDS * patience)]


async def check_name(host: str, lookup: Lookup, seconds: float) -> tuple[Finding, bool]:
    """Have a host's name resolved; tells whether that led to an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return ok("dns", f"{host} is an address: no name is asked for", host=host), True
    began = time.monotonic()
    advice = "`resolvectl status` and /etc/resolv.conf tell which name servers are asked."
    try:
        async with asyncio.timeout(seconds):
            answer = await in_a_thread(lambda: lookup(host))
    except TimeoutError:
        text = f"{host}: no name server answers within {seconds:g} s"
        return failed("dns", text, advice, host=host), False
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        if error.errno != socket.EAI_AGAIN:
            advice = f"Look for a spelling mistake in service.url or service.proxy. {advice}"
        return failed("dns", f"{host}: {reason}", advice, host=host), False
    took = time.monotonic() - began
    facts = {"host": host, "addresses": answer, "seconds": round(took, 3)}
    text = f"{host} is {', '.join(answer[:4])} (found in {took * 1000:.0f} ms)"
    if took > SLOW_NAME:
        return warning("dns", text, f"That is slow. {advice}", **facts), True
    return ok("dns", text, **facts), True


async def _check_tls(
    client: ServiceClient, section: ServiceSection, moment: datetime, seconds: float
) -> tuple[list[Finding], bool]:
    try:
        async with asyncio.timeout(seconds):
            shown = await client.certificate()
    except ServiceUntrusted as error:
        refused: bytes = b""
        try:
            async with asyncio.timeout(seconds):
                refused = await client.certificate(checked=False)
        except (ServiceError, TimeoutError):
            pass
        return [look_at_refused(error.reason, refused, section)], False
    except (ServiceUnreachable, TimeoutError) as error:
        reason = str(error) or f"no answer within {seconds:g} s"
        return [_unreachable("tls", f"no connection to {client.audience}: {reason}")], False
    if not shown:
        return [ok("tls", "plain http to this machine itself: no TLS")], True
    return look_at_shown(shown, section, moment), True


def _unreachable(name: str, text: str) -> Finding:
    advice = (
        "Look at the network cable, `ip route`, the firewall, service.url and service.proxy; if "
        "all are right, the service is down: ask VNPT."
    )
    return failed(name, text, advice)


async def _check_health(client: ServiceClient, seconds: float) -> list[Finding]:
    began = time.time()
    try:
        async with asyncio.timeout(seconds):
            health = await client.health()
    except (ServiceError, TimeoutError) as error:
        return [_no_health(error, client.audience, seconds)]
    finally:
        await client.close()
    took = time.time() - began
    offered = ", ".join(health.capabilities) or "nothing optional"
    return [
        ok(
            "service",
            f"{client.audience} is up (answered in {took * 1000:.0f} ms); it offers {offered}",
            url=client.audience,
            capabilities=list(health.capabilities),
            seconds=round(took, 3),
        ),
        check_skew(health.time - (began + took / 2)),
    ]


def _no_health(error: ServiceError | TimeoutError, url: str, seconds: float) -> Finding:
    match error:
        case ServiceUntrusted():
            advice = (
                "VNPT has to know this kiosk's client certificate: set service.client_certificate "
                "and service.client_key to the one that it issued for kiosk.id."
            )
            return failed("service", f"{url}: {error.reason}", advice, problem="K07")
        case ServiceRefused(code="kiosk_unknown"):
            advice = (
                "Have VNPT register kiosk.id, or correct it; where VNPT gives kiosks certificates, "
                "set service.client_certificate and service.client_key."
            )
            return failed("service", f"{url} does not know this kiosk", advice, problem="K06")
        case ServiceRefused():
            text = f"{url} is there and refuses: {error}"
            return failed("service", text, "It heals by itself, or VNPT has to look at it.")
        case ServiceUnreachable():
            return _unreachable("service", f"{url}: {error}")
        case AnswerInvalid():
            advice = "Something else than the service answers there: correct service.url."
            return failed("service", f"{url}: {error}: not an answer of the contract", advice)
        case AnswerLost():
            text = f"{url} took the request and gave no answer: {error}"
            return failed("service", text, "The service is in trouble: ask VNPT.")
    text = f"{url}: no answer within {seconds:g} s"
    return failed("service", text, "The service is in trouble: ask VNPT.")


def check_skew(seconds: float) -> Finding:
    """Judge by how much the service's clock is ahead of this machine's (negative: behind)."""
    facts = {"seconds": round(seconds, 1)}
    way = "behind" if seconds > 0 else "ahead of"
    text = f"this machine's clock is {abs(seconds):.0f} s {way} the service's"
    if abs(seconds) > CLOCK_TOLERANCE:
        text += f": more than {CLOCK_TOLERANCE} s, so the kiosk is out of service with K01"
        return failed("skew", text, _TIME, **facts)
    if abs(seconds) > SKEW_NOTED:
        return warning("skew", text, _TIME, **facts)
    return ok("skew", text if abs(seconds) >= 1 else "the clock is that of the service", **facts)
