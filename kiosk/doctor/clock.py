"""Whether this machine's clock is kept by the network, and shows Vietnam's time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kiosk.doctor.findings import Finding, ok, skipped, warning
from kiosk.doctor.machine import Machine

_ADVICE = (
    "`timedatectl set-ntp true` (Debian package systemd-timesyncd, or chrony), and let the "
    "machine reach a time server."
)

VIETNAM = timedelta(hours=7)
"""How far the time there is ahead of UTC, all the year round."""

_ZONE_ADVICE = (
    "`timedatectl set-timezone Asia/Ho_Chi_Minh`, then restart the kiosk: opening hours, the "
    "night restart and the times that staff read go by it."
)


def look_at_clock(machine: Machine, now: datetime | None = None) -> list[Finding]:
    """Ask timedatectl(1).

    Args:
        now: the moment at which the zone's offset is looked at; None: this one.
    """
    if not machine.booted:
        return [skipped("ntp", "systemd does not run here")]
    ran = machine.run(("timedatectl", "show"))
    if ran is None or ran.code != 0:
        return [skipped("ntp", "timedatectl does not answer")]
    facts = dict(line.split("=", 1) for line in ran.output.splitlines() if "=" in line)
    zone = facts.get("Timezone", "")
    return [_kept(facts), _zone(zone, now or datetime.now(UTC))]


def _kept(facts: dict[str, str]) -> Finding:
    synchronised = facts.get("NTPSynchronized") == "yes"
    known = {"ntp": facts.get("NTP") == "yes", "synchronised": synchronised}
    if synchronised:
        return ok("ntp", "the clock is kept by a time server", **known)
    text = "the clock is not kept by a time server"
    if known["ntp"]:
        text += " yet: none has answered since the start"
    return warning("ntp", text, _ADVICE, **known)


def _zone(zone: str, now: datetime) -> Finding:
    """Any name will do, as long as it shows Vietnam's time."""
    try:
        offset = now.astimezone(ZoneInfo(zone)).utcoffset()
    except (ValueError, OSError, ZoneInfoNotFoundError):
        text = f"time zone {zone or 'unknown'}: nobody can tell whether it shows Vietnam's time"
        return warning("zone", text, _ZONE_ADVICE, zone=zone)
    if offset == VIETNAM:
        return ok("zone", f"time zone {zone}", zone=zone)
    return warning(
        "zone", f"time zone {zone} does not show Vietnam's time", _ZONE_ADVICE, zone=zone
    )
