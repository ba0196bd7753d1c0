"""The configuration, as findings."""

from __future__ import annotations

from kiosk.config_check import Checked
from kiosk.doctor.findings import Finding, failed, ok


def look_at_configuration(checked: Checked) -> list[Finding]:
    """Tell every fault of `kiosk.toml` and of the files that it names."""
    if not checked.faults:
        return [ok("config", f"{checked.path} and the files that it names can be used")]
    return [
        failed(
            "config",
            f"{fault.file}: {fault.where}: found {fault.found}",
            f"Expected: {fault.expected}.",
            file=fault.file,
            where=fault.where,
            found=fault.found,
            expected=fault.expected,
        )
        for fault in checked.faults
    ]
