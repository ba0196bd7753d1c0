"""Whether this machine's clock is kept by the network."""

from __future__ import annotations

from kiosk.doctor.findings import Finding, ok, skipped, warning
from kiosk.doctor.machine import Machine

_ADVICE = (
    "`timedatectl set-ntp true` (Debian package systemd-timesyncd, or chrony), and let the "
    "machine reach a time server."
)


def look_at_clock(machine: Machine) -> list[Finding]:
    """Ask timedatectl(1)."""
    if not machine.booted:
        return [skipped("ntp", "systemd does not run here")]
    ran = machine.run(("timedatectl", "show"))
    if ran is None or ran.code != 0:
        return [skipped("ntp", "timedatectl does not answer")]
    facts = dict(line.split("=", 1) for line in ran.output.splitlines() if "=" in line)
    synchronised = facts.get("NTPSynchronized") == "yes"
    zone = facts.get("Timezone", "unknown")
    known = {"ntp": facts.get("NTP") == "yes", "synchronised": synchronised, "zone": zone}
    if synchronised:
        return [ok("ntp", f"the clock is kept by a time server (time zone {zone})", **known)]
    text = "the clock is not kept by a time server"
    if known["ntp"]:
        text += " yet: none has answered since the start"
    return [warning("ntp", f"{text} (time zone {zone})", _ADVICE, **known)]
