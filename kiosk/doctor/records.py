"""What the kiosk has written down: its audit journal, crashes, and what staff have set."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from kiosk import problems
from kiosk.audit import AuditError
from kiosk.audit_verify import verify
from kiosk.doctor.findings import Finding, failed, ok, skipped, warning
from kiosk.doctor.machine import own_name
from kiosk.hours import OpeningHours
from kiosk.machine import TAKEN_OUT
from kiosk.supervision import LOOP_CRASHES, LOOP_SECONDS, CrashCounter

_SHOWN = 5


def look_at_journal(directory: Path | None) -> list[Finding]:
    """Read the whole audit journal and check that each line follows from the one before.

    Args:
        directory: of the journal; None: the configuration wants none.
    """
    if directory is None:
        text = "no audit journal: kiosk.state_directory is empty"
        return [warning("journal", text, "An unattended kiosk needs one: name a folder.")]
    try:
        found = verify(directory)
    except AuditError as error:
        advice = f"{own_name()} has to be able to read it: `ls -ld {directory}`."
        return [failed("journal", f"audit journal: {error}", advice)]
    facts = {
        "records": found.records,
        "first": found.first,
        "last": found.last,
        "healed": len(found.healed),
        "torn": found.torn,
        "faults": [[one.file, one.line, one.text] for one in found.faults],
    }
    if found.faults:
        told = [f"{one.file}, line {one.line}: {one.text}" for one in found.faults[:_SHOWN]]
        if len(found.faults) > _SHOWN:
            told.append(f"and {len(found.faults) - _SHOWN} more")
        text = "audit journal: lines were changed or are missing\n" + "\n".join(told)
        advice = (
            f"Copy {directory} away before anything else is done: somebody has written to it, or "
            "the disk is defective (`journalctl -k`)."
        )
        return [failed("journal", text, advice, **facts)]
    text = "audit journal: no line yet"
    if found.records:
        text = f"audit journal: lines {found.first} to {found.last}, none is missing"
    if found.healed:
        text += f"; {len(found.healed)} times a torn last line was cut off"
    if found.torn:
        text += f"; {found.torn} bytes at the end are torn"
        advice = "The kiosk's next start cuts them off: the power was cut while it wrote."
        return [warning("journal", text, advice, **facts)]
    return [ok("journal", text, **facts)]


def look_at_crashes(directory: Path) -> list[Finding]:
    """Look how often the kiosk has crashed lately.

    Args:
        directory: the runtime folder that crashes are counted in.
    """
    # Path.is_dir raises where it may not look.
    if not os.path.isdir(directory):  # noqa: PTH112
        return [skipped("crashes", f"{directory} is not there: the kiosk has not run since boot")]
    crashes = CrashCounter(directory).recent()
    text = f"{crashes} crashes in the last {LOOP_SECONDS:g} s"
    if crashes >= LOOP_CRASHES:
        advice = (
            "The kiosk shows K10 until it stays up: `journalctl -b -t kiosk` tells what stops it. "
            "`systemctl restart vnpt-bhxh-kiosk` tries again."
        )
        return [failed("crashes", f"{text}: a crash loop", advice, crashes=crashes)]
    if crashes:
        advice = "`journalctl -b -t kiosk` tells what stopped it."
        return [warning("crashes", text, advice, crashes=crashes)]
    return [ok("crashes", text, crashes=0)]


def look_at_duty(state: Path | None, hours: OpeningHours, now: datetime) -> list[Finding]:
    """Whether staff or the hour keep the kiosk from serving.

    Args:
        state: the state directory; None: there is none.
        hours: of the counter.
        now: local time.
    """
    found: list[Finding] = []
    if state is not None and os.path.exists(state / TAKEN_OUT):  # noqa: PTH110 - as below.
        text = "staff have taken the kiosk out of service (K12)"
        advice = f"Put it back in staff mode, or take the file {state / TAKEN_OUT} away."
        found.append(warning("duty", text, advice, problem=problems.KIOSK_TAKEN_OUT.code))
    opening = hours.next_opening(now)
    if opening is not None:
        text = f"outside opening hours (K11): it opens on {opening:%d/%m} at {opening:%H:%M}"
        found.append(ok("hours", text, opens=opening.isoformat()))
    elif hours.always:
        found.append(ok("hours", "open at all hours", opens=None))
    else:
        found.append(ok("hours", "within opening hours", opens=None))
    return found


def look_at_staff_mode(pin_hash: str) -> list[Finding]:
    """Whether staff mode can be opened.

    Args:
        pin_hash: of the configuration.
    """
    if pin_hash:
        return [ok("staff", "staff mode opens with the staff PIN")]
    text = "no staff PIN is set: staff mode cannot be opened"
    advice = "`kiosk staff pin` asks for one and prints its line for [staff] of kiosk.toml."
    return [warning("staff", text, advice)]
