"""What the doctor says of speech."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.config import SpeechSection
from kiosk.config_check import check_configuration
from kiosk.doctor.findings import Status
from kiosk.doctor.machine import UNIT, Ran
from kiosk.doctor.machine_checks import machine_checks
from kiosk.doctor.speech import DROP_IN, SOCKET, look_at_speech
from tests.unit.made_machine import Made, assert_advised, statuses, the

ROOT = Path(__file__).parents[2]
ESPEAK = SpeechSection(enabled=True, program="espeak-ng")
DISPATCHER = SpeechSection(enabled=True)

VOICES = """Pty Language       Age/Gender VoiceName          File                 Other Languages
 5  vi              --/M      Vietnamese_(Northern) aav/vi
"""


@pytest.fixture
def made(tmp_path: Path) -> Made:
    made = Made(tmp_path)
    made.install()
    return made


def test_nothing_is_there(made: Made) -> None:
    for section in (ESPEAK, DISPATCHER):
        found = look_at_speech(section, made.machine)
        told = statuses(found)
        assert told["speech"] is told["sound"] is told["sound_unit"] is Status.FAILED
        assert_advised(found)


def test_espeak_with_its_voice_card_and_drop_in(made: Made) -> None:
    made.programs["espeak-ng"] = Ran(0, VOICES)
    made.write("/dev/snd/pcmC0D0p", "")
    made.write(DROP_IN, "[Service]\nSupplementaryGroups=audio\nDeviceAllow=char-alsa rw\n")
    assert set(statuses(look_at_speech(ESPEAK, made.machine)).values()) == {Status.OK}


def test_espeak_without_a_voice_for_vietnamese(made: Made) -> None:
    made.programs["espeak-ng"] = Ran(0, VOICES.replace(" vi ", " fr "))
    assert the("voice", look_at_speech(ESPEAK, made.machine)).status is Status.FAILED


def test_a_drop_in_for_the_other_program_is_not_enough(made: Made) -> None:
    made.write(DROP_IN, "[Service]\nSupplementaryGroups=audio\n")
    unit = the("sound_unit", look_at_speech(ESPEAK, made.machine))
    assert unit.status is Status.FAILED
    assert unit.text == f"{UNIT} does not let the kiosk speak: it lacks DeviceAllow=char-alsa rw"
    assert the("sound_unit", look_at_speech(DISPATCHER, made.machine)).status is Status.OK


def test_speech_dispatcher_that_listens(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made.machine.at(SOCKET)
    path.parent.mkdir(parents=True)
    # A socket's path has room for 107 bytes only.
    monkeypatch.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
        made.write("/usr/lib/x86_64-linux-gnu/speech-dispatcher-modules/sd_espeak-ng", "")
        told = statuses(look_at_speech(DISPATCHER, made.machine))
    assert told["speech"] is told["voice"] is Status.OK


def test_only_a_kiosk_that_speaks_is_asked(made: Made, tmp_path: Path) -> None:
    shipped = (ROOT / "config" / "kiosk.toml").read_text(encoding="utf-8")

    def subjects(text: str) -> list[str]:
        file = tmp_path / "config.toml"
        for name in ("tokens.toml", "webmail.toml"):
            (tmp_path / name).write_bytes((ROOT / "config" / name).read_bytes())
        file.write_text(text, encoding="utf-8")
        checks = machine_checks(check_configuration(file), made.machine, datetime.now(UTC))
        return [check.name for check in checks]

    assert "speech" not in subjects(shipped)
    assert "speech" in subjects(shipped.replace("enabled = false", "enabled = true"))


@pytest.mark.parametrize(("level", "failed"), [("3", False), ("5", True)])
def test_a_log_of_all_that_is_said(made: Made, level: str, failed: bool) -> None:
    made.write("/etc/speech-dispatcher/speechd.conf", f"# LogLevel 5\nLogLevel  {level}\n")
    assert ("speech_log" in statuses(look_at_speech(DISPATCHER, made.machine))) is failed
