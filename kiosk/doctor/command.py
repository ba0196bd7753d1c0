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
from kiosk.doctor.findings import Finding, Report, Status, failed, group, skipped
from kiosk.doctor.machine import AS_ROOT, Machine, may_load_modules, speak_for
from kiosk.doctor.machine_checks import NOT_AS_ROOT, machine_checks
from kiosk.doctor.verdict import stops
from kiosk.doctor.visit import look_for_visit
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
    load_modules = may_load_modules(order.user)
    checked, configuration = await _configuration(
        order.config, CONFIGURATION_SECONDS * order.place.patience
    )
    if order.machine or configuration.status is not Status.OK:
        findings.append(configuration)
    if order.machine:
        progress("looking at the machine")
        checks = machine_checks(checked, order.place, datetime.now(UTC), load_modules=load_modules)
        findings += await asyncio.gather(*map(carry_out, checks))
    options = [name for name, on in (("machine", order.machine), ("token", order.token)) if on]
    subject = f"{' '.join(f'--{one}' for one in options)} (configuration {order.config})"
    if order.token:
        report = await _tokens(checked, order.place, progress, load_modules=load_modules)
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


async def _tokens(
    checked: Checked, machine: Machine, progress: Callable[[str], None], *, load_modules: bool
) -> Report:
    settings = checked.settings
    if settings is not None:
        if not load_modules:
            text = f"no verdict on the token: {NOT_AS_ROOT}"
            return Report("", (), failed("verdict", text, AS_ROOT, goes_on=False, problem=None))
        if visit := look_for_visit(machine, settings.audit_directory):
            return Report("", (visit,), _not_looked("a customer may be using the token"))
        try:
            driver = settings.driver(note_unknown=False)
            return await tokens.check_tokens(settings, PcscWatcher(), driver, progress)
        except ConfigError:
            # The trust folder, which is told above.
            settings = None
    verdict = stops(problems.KIOSK_CONFIG, "be out of service with", "Mend what is told above.")
    return Report("", (skipped("token", "the configuration has to be mended first"),), verdict)


def _not_looked(reason: str) -> Finding:
    """The verdict on a token of which nothing was asked."""
    return skipped("verdict", f"{reason}; so no verdict on it", goes_on=False, problem=None)


def _conclusion(findings: list[Finding]) -> Finding:
    """What all of it comes to. What was not looked at is not said to be in order."""
    bad, doubt = (
        [one.name for one in findings if one.status is status]
        for status in (Status.FAILED, Status.WARNING)
    )
    unseen = [one.name for one in findings if _holds(one, _was_skipped)]
    taken_out = any(_holds(one, _is_taken_out) for one in findings)
    told = []
    if bad:
        told.append(f"To be mended: {', '.join(bad)}")
    if taken_out:
        told.append("Staff have taken the kiosk out of service (K12): it serves nobody")
    if doubt:
        told.append(f"{'in' if told else 'The kiosk can serve; in'} doubt: {', '.join(doubt)}")
    if unseen:
        told = told or ["All that was looked at is in order"]
        told.append(f"{len(unseen)} not looked at, or not at all of it: {', '.join(unseen)}")
    status = Status.FAILED if bad else Status.WARNING if told else Status.OK
    facts = {"failed": bad, "warnings": doubt, "skipped": unseen, "taken_out": taken_out}
    return Finding("conclusion", status, "; ".join(told) or "All in order", facts=facts)


def _holds(finding: Finding, is_so: Callable[[Finding], bool]) -> bool:
    return is_so(finding) or any(_holds(part, is_so) for part in finding.parts)


def _was_skipped(finding: Finding) -> bool:
    return finding.status is Status.SKIPPED


def _is_taken_out(finding: Finding) -> bool:
    return finding.facts.get("problem") == problems.KIOSK_TAKEN_OUT.code
