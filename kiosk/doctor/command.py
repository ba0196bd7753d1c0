"""What `kiosk doctor` looks at, and what it comes to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from kiosk import problems
from kiosk.config import ConfigError
from kiosk.config_check import Checked, check_configuration
from kiosk.doctor import tokens
from kiosk.doctor.checks import carry_out, fault, in_a_thread
from kiosk.doctor.configuration import look_at_configuration
from kiosk.doctor.findings import Finding, Report, Status, group, skipped
from kiosk.doctor.machine import Machine, speak_for
from kiosk.doctor.machine_checks import machine_checks
from kiosk.doctor.verdict import stops
from kiosk.hardware.readers import PcscWatcher

CONFIGURATION_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of the doctor."""

    config: Path
    machine: bool = True
    token: bool = False
    user: str = "kiosk"
    """Whom to speak for, if root asks."""
    place: Machine = field(default_factory=Machine)


async def diagnose(order: Order, progress: Callable[[str], None]) -> Report:
    """Look at what is wanted. Nothing is written, and nobody logs in.

    Args:
        order: what is wanted.
        progress: told what takes its time.
    """
    findings = [speak_for(order.user)]
    checked, configuration = await _configuration(
        order.config, CONFIGURATION_SECONDS * order.place.patience
    )
    if order.machine or configuration.status is not Status.OK:
        findings.append(configuration)
    if order.machine:
        progress("looking at the machine")
        checks = machine_checks(checked, order.place, datetime.now(UTC))
        findings += await asyncio.gather(*map(carry_out, checks))
    options = [name for name, on in (("machine", order.machine), ("token", order.token)) if on]
    subject = f"{' '.join(f'--{one}' for one in options)} (configuration {order.config})"
    if order.token:
        report = await _tokens(checked, progress)
        findings += report.findings
        if not order.machine:
            return replace(report, subject=subject, findings=tuple(findings))
        findings.append(report.conclusion)
    faulty = any(one.facts.get("fault") for one in findings)
    return Report(subject, tuple(findings), _conclusion(findings), faulty)


async def _configuration(path: Path, seconds: float) -> tuple[Checked, Finding]:
    title = f"configuration {path}"
    try:
        async with asyncio.timeout(seconds):
            checked = await in_a_thread(lambda: check_configuration(path))
    except TimeoutError:
        text = f"{title}: not read within {seconds:g} s"
        advice = "A file that it names is a device, or its file system hangs."
        return Checked(path, None, ()), Finding("config", Status.FAILED, text, advice)
    except Exception as error:
        return Checked(path, None, ()), fault("config", title, error)
    return checked, group("config", title, look_at_configuration(checked))


async def _tokens(checked: Checked, progress: Callable[[str], None]) -> Report:
    settings = checked.settings
    if settings is not None:
        try:
            driver = settings.driver(note_unknown=False)
            return await tokens.check_tokens(settings, PcscWatcher(), driver, progress)
        except ConfigError:
            # The trust folder, which is told above.
            settings = None
    verdict = stops(problems.KIOSK_CONFIG, "be out of service with", "Mend what is told above.")
    return Report("", (skipped("token", "the configuration has to be mended first"),), verdict)


def _conclusion(findings: list[Finding]) -> Finding:
    subjects = {
        status: [one.name for one in findings if one.status is status]
        for status in (Status.FAILED, Status.WARNING)
    }
    facts = {"failed": subjects[Status.FAILED], "warnings": subjects[Status.WARNING]}
    if bad := facts["failed"]:
        text = f"To be mended: {', '.join(bad)}"
        return Finding("conclusion", Status.FAILED, text, facts=facts)
    if doubt := facts["warnings"]:
        text = f"The kiosk can serve; in doubt: {', '.join(doubt)}"
        return Finding("conclusion", Status.WARNING, text, facts=facts)
    return Finding("conclusion", Status.OK, "All in order", facts=facts)
