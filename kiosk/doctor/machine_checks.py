"""The checks of the machine, one after the other as they are printed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from kiosk.assembly import Settings
from kiosk.config import ConfigError
from kiosk.config_check import Checked
from kiosk.doctor import (
    clock,
    disk,
    display,
    families,
    lockdown,
    pcsc,
    printer,
    records,
    service,
    speech,
    tls,
    trust,
    units,
    webhook,
)
from kiosk.doctor.checks import SECONDS, Check, Look, Parts
from kiosk.doctor.findings import Finding, skipped
from kiosk.doctor.machine import Machine
from kiosk.doctor.permissions import Place, check_readable, look_at_permissions
from kiosk.hardware.token_client import Deadlines

STATE_FOLDER = Path("/var/lib/vnpt-bhxh-kiosk")
"""Where the package has the state; the configuration may name another folder."""
RUNTIME_FOLDER = Path("/run/vnpt-bhxh-kiosk")
LOG_FOLDER = Path("/var/log/journal")

MODULE_SECONDS = 12.0
"""Longest time for a module to load and to say what it is; the kiosk may wait longer."""

NOT_AS_ROOT = "there is no user to load vendors' modules as, and root does not"


def machine_checks(
    checked: Checked, machine: Machine, moment: datetime, *, load_modules: bool = True
) -> list[Check]:
    """All checks of the machine, none of them carried out yet.

    Args:
        checked: the configuration.
        machine: where to look.
        moment: the time now, aware.
        load_modules: whether PKCS#11 modules may be loaded (`machine.may_load_modules`).
    """
    settings = checked.settings

    def with_settings(name: str, look: Callable[[Settings], Parts]) -> Callable[[], Parts]:
        def looked() -> Parts:
            return look(settings) if settings is not None else [_no_configuration(name)]

        return looked

    def permissions() -> Parts:
        if settings is not None:
            return look_at_permissions(settings, machine)
        # Perhaps that is what is wrong with it.
        return [check_readable(Place("kiosk.toml", checked.path)), _no_configuration("files")]

    def readers() -> Parts:
        fixed = settings is not None and settings.config.hardware.fixed_reader
        found = pcsc.look_at_readers(machine.pcsc(), fixed_reader=fixed)
        return [*found, *pcsc.look_at_polkit(machine), *pcsc.look_at_virtual_reader(machine)]

    def screen() -> Parts:
        languages = settings.config.kiosk.languages if settings is not None else ()
        return [
            *display.look_at_fonts(machine),
            *display.look_at_language_fonts(machine, languages),
            *display.look_at_locale(machine),
            *display.look_at_console_font(machine),
        ]

    def disks() -> Parts:
        state, least = machine.at(STATE_FOLDER), disk.FAILED_BELOW
        if settings is not None:
            state = settings.state_directory or state
            least = settings.config.audit.least_free
        return [
            *disk.look_at_disks({"state and audit journal": state}, least),
            *disk.look_at_disks({"log": machine.at(LOG_FOLDER)}),
        ]

    def duty(known: Settings) -> Parts:
        found = records.look_at_duty(known.state_directory, known.hours, moment.astimezone())
        return [
            *found,
            *records.look_at_staff_mode(known.config.staff.pin_hash),
            *records.look_at_crashes(machine.at(RUNTIME_FOLDER)),
        ]

    async def modules() -> Parts:
        if settings is None:
            return [_no_configuration("modules")]
        if not load_modules:
            return [skipped("modules", NOT_AS_ROOT)]
        return await _modules(settings, machine.patience)

    async def way() -> Parts:
        if settings is None:
            return [_no_configuration("service")]
        return await _service(settings, moment, machine.patience)

    async def hook() -> Parts:
        if settings is None:
            return [_no_configuration("webhook")]
        return await webhook.look_at_webhook(settings, machine.patience)

    subjects: list[tuple[str, str, Look]] = [
        (
            "permissions",
            "files of the kiosk",
            permissions,
        ),
        ("pcsc", "readers and pcscd", readers),
        ("modules", "PKCS#11 modules", modules),
        ("trust", "trusted CAs", with_settings("trust", lambda s: _trust(s, moment))),
        ("service", "way to the service", way),
        ("webhook", "webhook for staff calls", hook),
        ("clock", "clock", lambda: clock.look_at_clock(machine)),
        ("display", "letters on the screen", screen),
        (
            "printer",
            "receipt printer",
            with_settings("printer", lambda s: printer.look_at_printer(s.config, machine)),
        ),
        ("disk", "disks", disks),
        ("units", "units", lambda: units.look_at_units(machine)),
        ("unit_files", "unit files", lambda: units.look_at_unit_files(machine)),
        ("lockdown", "lock-down", lambda: lockdown.look_at_lock_down(machine)),
        (
            "journal",
            "audit journal",
            with_settings("journal", lambda known: records.look_at_journal(known.audit_directory)),
        ),
        ("duty", "duty", with_settings("duty", duty)),
    ]
    if settings is not None and settings.config.speech.enabled:
        section = settings.config.speech
        subjects.append(("speech", "speech", lambda: speech.look_at_speech(section, machine)))
    return [Check(*subject, SECONDS * machine.patience) for subject in subjects]


def _no_configuration(name: str) -> Finding:
    return skipped(name, "the configuration has to be mended first")


def _trust(settings: Settings, moment: datetime) -> Parts:
    folder = settings.path.parent / settings.config.trust.directory
    return trust.look_at_trust(folder, moment)


async def _modules(settings: Settings, patience: float) -> Parts:
    section = settings.config.hardware
    seconds = MODULE_SECONDS * patience
    driver = settings.driver(
        note_unknown=False,
        deadlines=Deadlines(open=min(seconds, section.open_deadline * max(1.0, patience))),
    )
    found = await families.look_at_modules(settings.catalogue, driver, seconds)
    nothing = families.nothing_at_all(found)
    return [*found, nothing] if nothing else found


async def _service(settings: Settings, moment: datetime, patience: float) -> Parts:
    section = settings.config.service
    own = tls.look_at_own_files(section, settings.path.parent, moment)
    try:
        client = settings.service()
    except ConfigError:
        return [*own, _no_configuration("service")]
    return [*own, *await service.look_at_service(client, section, moment, patience=patience)]
