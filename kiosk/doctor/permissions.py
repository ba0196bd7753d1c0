"""Owner and mode of the kiosk's files, and what its user can do with them.

What the user can do is asked of the kernel (access(2)), so the doctor has to be that user:
`machine.speak_for`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kiosk.assembly import Settings
from kiosk.doctor.findings import Finding, failed, ok, warning
from kiosk.doctor.machine import UNIT, Machine, own_name, owner_of
from kiosk.doctor.unit_files import unit_settings

_ACL = "system.posix_acl_access"


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder that the kiosk needs."""

    key: str
    """Where the configuration names it: `service.client_key`."""
    path: Path


def look_at_permissions(settings: Settings, machine: Machine) -> list[Finding]:
    """Look at every file that the configuration names and at the folders written to.

    Args:
        settings: the kiosk's.
        machine: where its unit is looked for.
    """
    config, folder = settings.config, settings.path.parent
    found = [check_readable(Place("kiosk.toml", settings.path))]
    if config.staff.pin_hash:
        found += check_hash_is_private(Place("staff.pin_hash", settings.path))
    for key, name in (
        ("hardware.tokens_file", config.hardware.tokens_file),
        ("mailbox.webmail_file", config.mailbox.webmail_file),
        ("trust.directory", config.trust.directory),
        ("service.ca_file", config.service.ca_file),
        ("service.client_certificate", config.service.client_certificate),
    ):
        if name:
            found.append(check_readable(Place(key, folder / name)))
    for key, name in (
        ("service.client_key", config.service.client_key),
        ("service.proxy_credentials", config.service.proxy_credentials),
        ("support.webhook_token_file", config.support.webhook_token_file),
    ):
        if name:
            found.append(check_secret(Place(key, folder / name)))
    written: list[Place] = []
    if settings.state_directory and settings.audit_directory:
        written.append(Place("kiosk.state_directory", settings.state_directory))
        found.append(check_own_folder(written[0]))
        found.append(check_own_folder(Place("audit journal", settings.audit_directory)))
    if name := config.hardware.unknown_tokens_file:
        written.append(Place("hardware.unknown_tokens_file", folder / name))
        found.append(check_writable(written[-1]))
    found += check_unit_lets_write(written, machine)
    return found


def check_unit_lets_write(places: Sequence[Place], machine: Machine) -> list[Finding]:
    """The unit sees most of the disk read-only, whatever owner and mode say."""
    settings = unit_settings(machine, UNIT)
    if settings.get("ProtectSystem", ())[-1:] != ("strict",):
        return []
    open_ = [
        Path(base) / name
        for key, base in (
            ("StateDirectory", "/var/lib"),
            ("RuntimeDirectory", "/run"),
            ("ReadWritePaths", "/"),
        )
        for value in settings.get(key, ())
        # systemd.exec(5): "-" where it may be missing, "+" for the unit's own root; a folder's
        # name may have a second one, and whether it is read-only, behind a colon.
        for name in (one.lstrip("-+").partition(":")[0] for one in value.split())
    ]
    return [
        failed(
            "unit_writes",
            f"{place.key}: {UNIT} may not write in {place.path} (ProtectSystem=strict)",
            f"Name a place in {open_[0] if open_ else '/var/lib'}, or add ReadWritePaths= with "
            f"`systemctl edit {UNIT}`.",
            path=str(place.path),
        )
        for place in places
        if not any(one in (place.path, *place.path.parents) for one in open_)
    ]


def check_readable(place: Place) -> Finding:
    """A file or folder that the kiosk reads, and that nobody but its owner should change."""
    about = _about(place)
    if isinstance(about, Finding):
        return about
    title, facts = _title(place, about), _facts(place, about)
    wanted = os.R_OK | os.X_OK if stat.S_ISDIR(about.st_mode) else os.R_OK
    if not os.access(place.path, wanted):
        advice = f"{own_name()} has to read it: chgrp it to the kiosk's group, and chmod g+r."
        return failed("readable", f"{title}: cannot be read by {own_name()}", advice, **facts)
    if about.st_mode & stat.S_IWOTH:
        advice = f"chmod o-w {place.path}"
        return failed("readable", f"{title}: everybody on this machine may change it", advice)
    if about.st_uid != 0 and about.st_uid == os.geteuid():
        advice = "The kiosk only reads it: give it to root, so that the kiosk cannot change it."
        return warning("readable", f"{title}: belongs to the kiosk's own user", advice, **facts)
    return ok("readable", title, **facts)


def check_hash_is_private(place: Place) -> list[Finding]:
    """A file with the staff PIN's hash: six digits are found out from it within hours, so that
    not every user of the machine may read it."""
    about = _about(place)
    if isinstance(about, Finding) or not about.st_mode & stat.S_IROTH:
        return []
    folders = place.path.resolve().parents
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in folders):
        return []
    advice = (
        f"Give it to the kiosk's group and chmod 640 {place.path}, as the Debian package does "
        "when it is installed."
    )
    text = f"{_title(place, about)}: everybody on this machine may read the staff PIN's hash"
    return [warning("hash", text, advice, **_facts(place, about))]


def check_secret(place: Place) -> Finding:
    """A file with a secret: the kiosk takes it only if nobody but its owner may read it."""
    about = _about(place)
    if isinstance(about, Finding):
        return about
    title, facts = _title(place, about), _facts(place, about)
    if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        advice = f"chmod 600 {place.path}; the kiosk refuses it until then."
        if _has_acl(place.path):
            advice += (
                " Its access list (getfacl) sets the group's bits, as systemd does for a file of "
                "LoadCredential=: name a plain file here."
            )
        return failed("secret", f"{title}: its group or others may reach it", advice, **facts)
    if not os.access(place.path, os.R_OK):
        advice = f"chown {own_name()} {place.path}"
        return failed("secret", f"{title}: cannot be read by {own_name()}", advice, **facts)
    return ok("secret", title, **facts)


def check_writable(place: Place) -> Finding:
    """A file that the kiosk writes, if need be making it."""
    if not _exists(place.path):
        parent = place.path.parent
        if os.access(parent, os.W_OK | os.X_OK):
            return ok("writable", f"{place.key}: {place.path} can be made", path=str(place.path))
        advice = f"{own_name()} has to write in {parent}: the Debian package makes it so."
        text = f"{place.key}: {place.path} is not there, and {own_name()} cannot make it"
        return failed("writable", text, advice, path=str(place.path))
    about = _about(place)
    if isinstance(about, Finding):
        return about
    title, facts = _title(place, about), _facts(place, about)
    if not os.access(place.path, os.R_OK | os.W_OK):
        advice = f"chown {own_name()} {place.path}"
        return failed("writable", f"{title}: cannot be written by {own_name()}", advice, **facts)
    return ok("writable", title, **facts)


def check_own_folder(place: Place) -> Finding:
    """A folder that the kiosk keeps its own things in: it alone may look into it."""
    about = _about(place)
    if isinstance(about, Finding):
        return about
    title, facts = _title(place, about), _facts(place, about)
    if not stat.S_ISDIR(about.st_mode):
        return failed("folder", f"{title}: is no folder", "Take it away.", **facts)
    if not os.access(place.path, os.R_OK | os.W_OK | os.X_OK):
        advice = f"chown {own_name()} {place.path} && chmod 700 {place.path}"
        return failed("folder", f"{title}: cannot be written by {own_name()}", advice, **facts)
    if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        advice = f"chmod 700 {place.path}"
        return warning("folder", f"{title}: others may look into it", advice, **facts)
    return ok("folder", title, **facts)


def _about(place: Place) -> os.stat_result | Finding:
    try:
        return place.path.stat()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        text = f"{place.key}: {place.path}: {reason}"
        if isinstance(error, FileNotFoundError):
            advice = "Put it there, or correct the configuration; the Debian package makes folders."
        else:
            advice = f"{own_name()} has to be let into the folders above it (chmod o+x)."
        return failed("missing", text, advice, path=str(place.path))


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        # What cannot be looked at is told by whoever looks at it.
        return True
    return True


def _title(place: Place, about: os.stat_result) -> str:
    mode = f"{stat.S_IMODE(about.st_mode):04o}"
    return f"{place.key}: {place.path} ({owner_of(about)} {mode})"


def _facts(place: Place, about: os.stat_result) -> dict[str, object]:
    return {
        "key": place.key,
        "path": str(place.path),
        "owner": owner_of(about),
        "mode": f"{stat.S_IMODE(about.st_mode):04o}",
    }


def _has_acl(path: Path) -> bool:
    try:
        return bool(os.getxattr(path, _ACL))
    except OSError:
        return False
