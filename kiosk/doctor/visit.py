"""Whether a customer is being served: the token in the reader is theirs then."""

from __future__ import annotations

from pathlib import Path

from kiosk.audit import STARTED, STOPPED, VISIT_BEGUN, VISIT_ENDED, AuditError
from kiosk.audit_verify import newest
from kiosk.doctor.findings import Finding, warning
from kiosk.doctor.machine import CONSOLE_UNIT, UNIT, Machine, own_name

_LINES = 1000
"""Of the journal, that are looked at; a visit has about a dozen."""

_ADVICE = (
    "Nothing was asked of the token: what a module does with it may end the customer's own login. "
    "Look again when nobody is served. To look at a token of your own, take the kiosk out of "
    "service in staff mode before you plug it in."
)


def look_for_visit(machine: Machine, directory: Path | None) -> Finding | None:
    """Tell that a visit is under way, or may be; None if surely nobody is served.

    The kiosk writes to its audit journal where a visit begins and where it has ended.

    Args:
        machine: on which the kiosk may be running.
        directory: of the audit journal; None: the kiosk keeps none.
    """
    if not _kiosk_runs(machine):
        return None
    if directory is None:
        text = "the kiosk runs, and without a journal nobody can see whether it serves a customer"
        return warning("visit", text, _ADVICE)
    try:
        records = newest(directory, _LINES)
    except AuditError:
        text = f"the kiosk runs, and {own_name()} may not see whether it serves a customer"
        return warning("visit", text, f"Run this as root. {_ADVICE}")
    for record in reversed(records):
        if record.what in (VISIT_ENDED, STARTED, STOPPED):
            return None
        if record.what == VISIT_BEGUN:
            text = f"a customer is being served since {record.time}"
            return warning("visit", text, _ADVICE, since=record.time)
    return None


def _kiosk_runs(machine: Machine) -> bool:
    if not machine.booted:
        return False
    ran = machine.run(("systemctl", "is-active", UNIT, CONSOLE_UNIT))
    # What systemd does not tell may be so.
    if ran is None or ran.code is None:
        return True
    return not set(ran.output.split()) <= {"inactive", "failed", "unknown"}
