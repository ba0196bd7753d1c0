"""Speech: the program, a Vietnamese voice, and a way to the sound card. Only where it is on."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from kiosk.config import SpeechSection
from kiosk.doctor.findings import Finding, failed, ok, skipped, warning
from kiosk.doctor.machine import UNIT, Machine
from kiosk.doctor.unit_files import unit_file, unit_settings

SOCKET = "/run/speech-dispatcher/speechd.sock"
SERVICE = "speech-dispatcherd.service"
SETTINGS = "/etc/speech-dispatcher/speechd.conf"
TELLTALE = "5"
"""The highest LogLevel, at which texts are written to the log (seen with 0.11.4)."""
SOUND = "/dev/snd"
DROP_IN = f"/etc/systemd/system/{UNIT}.d/sound.conf"

_INSTALL = "See “Speech” in docs/install.md."


def look_at_speech(section: SpeechSection, machine: Machine) -> list[Finding]:
    """What the kiosk needs to read its screens aloud.

    Args:
        section: `[speech]`, which is enabled.
        machine: where to look.
    """
    if section.program == "espeak-ng":
        return [_espeak(machine), _card(machine), *_unit(machine, device=True)]
    own = [_dispatcher(machine), _voice(machine), *_log(machine)]
    return [*own, _card(machine), *_unit(machine, device=False)]


def _espeak(machine: Machine) -> Finding:
    ran = machine.run(("espeak-ng", "--voices=vi"))
    if ran is None:
        return failed("speech", "espeak-ng is not installed", "apt install espeak-ng")
    if ran.code != 0:
        told = "does not answer in time" if ran.code is None else f"ended with {ran.code}"
        return failed("speech", f"espeak-ng {told}", "`espeak-ng --voices=vi` tells why.")
    # The first line names the columns, the second of which is the language.
    if not any(line.split()[1:2] == ["vi"] for line in ran.output.splitlines()[1:]):
        return failed(
            "voice", "espeak-ng has no voice for Vietnamese", "apt install espeak-ng-data"
        )
    return ok("speech", "espeak-ng is installed and has a voice for Vietnamese")


def _dispatcher(machine: Machine) -> Finding:
    path = machine.at(SOCKET)
    try:
        there = stat.S_ISSOCK(path.stat().st_mode)
    except PermissionError:
        # Only group audio may look. The kiosk's unit adds it (see `_unit`), the doctor has it not.
        ran = machine.run(("systemctl", "is-active", SERVICE))
        there = ran is not None and ran.output.strip() == "active"
    except OSError:
        there = False
    if not there:
        advice = (
            "apt install speech-dispatcher speech-dispatcher-espeak-ng, then "
            f"`systemctl enable --now {SERVICE}`; or set speech.program to espeak-ng."
        )
        return failed("speech", f"speech-dispatcher does not listen at {SOCKET}", advice)
    return ok("speech", f"speech-dispatcher listens at {SOCKET}")


def _voice(machine: Machine) -> Finding:
    modules = _found(machine, "/usr/lib", "*/speech-dispatcher-modules/sd_espeak-ng")
    modules += _found(machine, "/usr/lib", "speech-dispatcher-modules/sd_espeak-ng")
    if modules:
        return ok("voice", "speech-dispatcher has espeak-ng, which speaks Vietnamese")
    return warning(
        "voice",
        "speech-dispatcher has no espeak-ng, and perhaps no voice for Vietnamese",
        "apt install speech-dispatcher-espeak-ng",
    )


def _log(machine: Machine) -> list[Finding]:
    """Whether speech-dispatcher writes down what it says, as whose certificate it is."""
    for line in (machine.text(SETTINGS) or "").splitlines():
        if line.split()[:2] == ["LogLevel", TELLTALE]:
            text = (
                f"speech-dispatcher writes all that it says into its log (LogLevel in {SETTINGS})"
            )
            return [failed("speech_log", text, "Set LogLevel to 3, and delete its logs.")]
    return []


def _card(machine: Machine) -> Finding:
    outputs = _found(machine, SOUND, "pcmC*D*p")
    if outputs:
        return ok("sound", f"outputs for sound: {', '.join(outputs)}", outputs=outputs)
    return failed(
        "sound",
        f"no output for sound in {SOUND}",
        "The machine has no sound card, or its driver is missing: `aplay -l`, `dmesg`.",
    )


def _found(machine: Machine, folder: str, pattern: str) -> list[str]:
    try:
        return sorted(path.name for path in machine.at(Path(folder)).glob(pattern))
    except OSError:
        return []


def _unit(machine: Machine, *, device: bool) -> list[Finding]:
    """Whether the locked-down unit lets the kiosk at what it needs."""
    if unit_file(machine, UNIT) is None:
        return [skipped("sound_unit", f"{UNIT} is not installed")]
    settings = unit_settings(machine, UNIT)
    missing = []
    if "audio" not in _words(settings.get("SupplementaryGroups", ())):
        missing.append("SupplementaryGroups=audio")
    if device and "char-alsa" not in _words(settings.get("DeviceAllow", ())):
        missing.append("DeviceAllow=char-alsa rw")
    if not missing:
        return [ok("sound_unit", f"{UNIT} lets the kiosk speak")]
    text = f"{UNIT} does not let the kiosk speak: it lacks {' and '.join(missing)}"
    return [failed("sound_unit", text, f"Put it into {DROP_IN}. {_INSTALL}")]


def _words(values: Sequence[str]) -> set[str]:
    return {word for value in values for word in value.split()}
