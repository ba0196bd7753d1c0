"""The webhook that is told of calls for staff: name and TLS. Nothing is posted.

What is wrong is in doubt only: the service is told of calls as well.
"""

from __future__ import annotations

import asyncio
from functools import partial

from kiosk.assembly import Settings
from kiosk.config import ConfigError
from kiosk.doctor.checks import in_a_thread
from kiosk.doctor.findings import Finding, ok, skipped, warning
from kiosk.service.errors import ServiceUnreachable
from kiosk.service.webhook import StaffWebhook

SECONDS = 7.0
"""Longest wait for name, connection and TLS together."""


async def look_at_webhook(settings: Settings, patience: float = 1.0) -> list[Finding]:
    """Connect as the kiosk would.

    Args:
        settings: the kiosk's.
        patience: how many times longer than usual it may take.
    """
    try:
        webhook = await in_a_thread(partial(settings.webhook))
    except ConfigError:
        return [skipped("webhook", "the configuration has to be mended first")]
    if webhook is None:
        return [ok("webhook", "none is configured")]
    return [await check_webhook(webhook, SECONDS * patience)]


async def check_webhook(webhook: StaffWebhook, seconds: float) -> Finding:
    """Shake hands with whoever is there, and hang up."""
    try:
        async with asyncio.timeout(seconds):
            await webhook.reach()
    except ServiceUnreachable as error:
        reason = str(error)
    except TimeoutError:
        reason = f"no answer within {seconds:g} s"
    else:
        return ok("webhook", f"{webhook.host} can be reached", host=webhook.host)
    text = f"no connection to the webhook at {webhook.host}: {reason}"
    advice = (
        "Correct support.webhook, or ask whoever runs that server. The kiosk goes there directly: "
        "service.proxy and service.ca_file are for the service alone."
    )
    return warning("webhook", text, advice, host=webhook.host)
