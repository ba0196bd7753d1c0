"""`kiosk doctor --token` as a technician starts it: the real pcscd, OpenSC and a PIV card."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.doctor.machine import own_name
from kiosk.hardware.readers import PcscWatcher, ReaderState
from kiosk.sandbox.card import CardControl, CardProcess
from kiosk.sandbox.pki import SandboxPki
from tests.stack.parts import Pcscd, write_config
from tests.terminal.console import Console
from tests.watching import Reports

pytestmark = pytest.mark.stack

ATR = "3B 87 80 01 53 41 4E 44 42 4F 58 4B"


@pytest.fixture
def config(pcscd: Pcscd, sandbox_directory: Path, tmp_path: Path) -> Path:
    """A kiosk's configuration. Its service is not there: nobody asks it."""
    trust = SandboxPki.open(sandbox_directory).trust_directory
    return write_config(tmp_path, "http://127.0.0.1:9", trust)


@pytest.fixture
def wait_for(pcscd: Pcscd) -> Iterator[Callable[[Callable[[ReaderState], bool]], ReaderState]]:
    """Waits until PC/SC says such."""
    reports, watcher = Reports(), PcscWatcher()
    watcher.start(reports)
    yield reports.wait_for
    watcher.stop()


def doctor(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "doctor", "--user", own_name(), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert "Traceback" not in done.stderr + done.stdout
    assert "\x1b" not in done.stdout
    return done


def look(config: Path) -> tuple[int, str]:
    """Exit code, and the text without its line breaks."""
    done = doctor("--token", "--config", config)
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 100
    return done.returncode, " ".join(done.stdout.split())


def named(name: str, finding: dict[str, Any]) -> list[dict[str, Any]]:
    """All findings of this name in a report, or inside a finding."""
    inside = [*finding.get("findings", ()), *finding.get("parts", ())]
    found = [one for part in inside for one in named(name, part)]
    return ([finding] if finding.get("name") == name else []) + found


def test_a_good_token(card: CardControl, pcscd: Pcscd, config: Path) -> None:
    card.insert("hoa-sen")
    code, text = look(config)
    assert code == 0
    assert f"token in {pcscd.reader}" in text
    assert f"ATR {ATR}" in text
    assert "family unknown: default of tokens.toml" in text
    assert "opensc-pkcs11.so: loads, and the kiosk takes it" in text
    assert "OpenSC smartcard framework, version 0." in text
    assert "LOGIN_REQUIRED, USER_PIN_INITIALIZED, TOKEN_INITIALIZED" in text
    assert "signs with RSA_PKCS, SHA256_RSA_PKCS" in text
    assert "certificate “CÔNG TY TNHH THƯƠNG MẠI HOA SEN”: the kiosk accepts it" in text
    assert "tax code 0100000001" in text
    assert "issued by SANDBOX VNPT-CA SHA2" in text
    assert "The kiosk would ask for the username, then for the PIN" in text
    assert "whether the token holds the certificate's key, which shows only after the PIN" in text
    assert "revoked or suspended, which the service checks later" in text
    assert "failed" not in text
    # No PIN was presented, and none of the customer's tries was spent.
    assert card.status().verify_count == 0
    assert card.status().tries_left == 3
    assert card.status().sign_count == 0


def test_json_tells_the_same(card: CardControl, pcscd: Pcscd, config: Path) -> None:
    card.insert("binh-minh")
    done = doctor("--token", "--json", "--config", config)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report["in_order"] is True
    assert report["conclusion"]["facts"] == {"goes_on": True, "problem": None}
    (token,) = named("token", report)
    assert token["facts"]["reader"].startswith(pcscd.reader)
    assert token["facts"]["atr"] == ATR
    assert token["facts"]["family"] is None
    (certificate,) = named("certificate", report)
    assert certificate["facts"]["accepted"] is True
    assert certificate["facts"]["tax_code"] == "0100000002-001"
    assert certificate["facts"]["curve"] == "secp256r1"
    slot = named("slot", report)[0]["facts"]
    assert {"ECDSA", "SHA256"} <= set(slot["mechanisms"])
    assert "USER_PIN_INITIALIZED" in slot["token"]["flags"]
    assert named("pin", report)[0]["facts"]["locked"] is False
    assert {one["status"] for one in named("module", report)} == {"ok"}
    # Every text of the one is in the other.
    _, text = look(config)
    for name in ("slot", "flags", "pin", "certificate", "module", "family", "readers"):
        for finding in named(name, report):
            assert " ".join(finding["text"].split()) in text


@pytest.mark.parametrize(
    ("name", "problem", "words"),
    [
        (
            "expired",
            "C02",
            "HỘ KINH DOANH NGUYỄN VĂN NGHIÊM”: refused, C02 “Chứng thư số đã hết hạn",
        ),
        ("foreign", "C04", "This certificate was not issued by VNPT-CA"),
        ("weak", "C05", "key RSA 1024"),
        (
            "locked",
            "P03",
            "PIN of 4 to 8 bytes: P03 “USB Token đã bị khóa” / “Your token is locked”",
        ),
        ("empty", "C01", "set certificates_after_login = true for such tokens, in a family of"),
    ],
)
def test_a_token_that_the_kiosk_stops_at(
    card: CardControl, config: Path, name: str, problem: str, words: str
) -> None:
    card.insert(name)
    code, text = look(config)
    assert code == 1
    assert words in text
    assert f"The kiosk would stop with {problem} “" in text
    assert card.status().verify_count == 0


def test_two_certificates(card: CardControl, config: Path) -> None:
    card.insert("two-certificates")
    code, text = look(config)
    assert code == 0
    assert text.count(": the kiosk accepts it") == 2
    assert (
        "The kiosk would ask which of 2 certificates, then for the username, then for the PIN"
        in text
    )


def test_the_last_try_is_a_warning(card: CardControl, config: Path) -> None:
    card.insert("last-try")
    code, text = look(config)
    assert code == 0
    assert "one more wrong PIN locks it" in text
    assert "then for the PIN, with the warning P02" in text


def test_a_mute_token(
    card: CardControl,
    config: Path,
    wait_for: Callable[[Callable[[ReaderState], bool]], ReaderState],
) -> None:
    card.mute(True)
    card.insert("hoa-sen")
    wait_for(lambda state: any(one.mute for one in state.cards))
    code, text = look(config)
    assert code == 1
    assert "gives no answer to reset (mute)" in text
    assert "The kiosk would stop with T02" in text


def test_a_token_that_hangs(card: CardControl, config: Path) -> None:
    with config.open("a") as file:
        file.write("[hardware]\nopen_deadline = 2.0\nread_deadline = 2.0\n")
    card.insert("hoa-sen")
    card.hang(True)
    code, text = look(config)
    assert code == 1
    assert "module does not answer (helper killed after 2 s)" in text
    assert "The kiosk would wait for the token to be pulled out, with T03" in text


def test_no_token(card: CardControl, config: Path) -> None:
    code, text = look(config)
    assert code == 1
    assert "no token in" in text
    assert "The kiosk would wait for a token: there is none → Put the token in" in text


def test_two_tokens(
    card: CardControl,
    pcscd: Pcscd,
    sandbox_directory: Path,
    config: Path,
    wait_for: Callable[[Callable[[ReaderState], bool]], ReaderState],
) -> None:
    card.insert("hoa-sen")
    with tempfile.TemporaryDirectory(prefix="kiosk-card-") as folder:
        path = Path(folder) / "control"
        with CardProcess(sandbox_directory, path, port=pcscd.second_port) as second:
            second.control.insert("expired")
            wait_for(lambda state: len(state.cards) == 2)
            code, text = look(config)
    wait_for(lambda state: len(state.cards) == 1)
    assert code == 1
    assert "The kiosk would ask to leave one token, with T04" in text
    # Each is told by itself as well.
    assert f"token in {pcscd.reader}" in text
    assert f"token in {pcscd.second_reader}" in text
    assert "Alone: the kiosk would ask for the username, then for the PIN" in text
    assert "Alone: the kiosk would stop with C02" in text
    assert "(another reader)" in text


def test_without_pcscd(pcscd: Pcscd, config: Path) -> None:
    pcscd.stop()
    code, text = look(config)
    assert code == 1
    assert "PC/SC does not answer (pcscd) → Start it: `systemctl enable --now pcscd.socket`" in text
    assert "The kiosk would be out of service with K02" in text


def test_the_tokens_that_came_by_and_are_in_no_family(card: CardControl, config: Path) -> None:
    unknown = config.parent / "unknown.txt"
    with config.open("a") as file:
        file.write('[hardware]\nunknown_tokens_file = "unknown.txt"\n')
    card.insert("hoa-sen")
    _, text = look(config)
    assert "tokens that came by and are in no family: none" in text
    # Whoever runs the doctor may be another user than the kiosk's, which has to write there.
    assert not unknown.exists()
    unknown.write_text(f"{ATR}\nnonsense\n3B 9F 95 81 31 FE 9F 00 66 46 53 05 01 02 03 71 DF 00\n")
    _, text = look(config)
    assert f"{ATR}: no name known" in text
    assert "nonsense: no ATR" in text
    assert "by now in family epass2003" in text


def test_a_configuration_that_cannot_be_used_is_a_finding_and_nothing_is_tried(
    card: CardControl, config: Path
) -> None:
    card.insert("hoa-sen")
    for broken, words in (
        (config.parent / "absent.toml", "absent.toml: file: found No such file or directory"),
        (config, "no self-signed root certificate"),
    ):
        config.write_text(
            config.read_text().replace("[trust]\ndirectory", '[trust]\ndirectory="."#')
        )
        code, text = look(broken)
        assert code == 1
        assert words in text
        assert "The kiosk would be out of service with K09" in text
        done = doctor("--token", "--json", "--config", broken)
        assert done.returncode == 1
        assert json.loads(done.stdout)["conclusion"]["facts"]["problem"] == "K09"


def test_bad_arguments_end_with_2() -> None:
    done = doctor("--nonsense")
    assert done.returncode == 2
    assert "unrecognized arguments: --nonsense" in done.stderr


def test_on_a_terminal_it_is_coloured_unless_that_is_not_wanted(
    card: CardControl, pcscd: Pcscd, config: Path
) -> None:
    card.insert("hoa-sen")
    command = [sys.executable, "-m", "kiosk", "doctor", "--user", own_name(), "--token"]
    command += ["--config", str(config)]
    for no_colour, coloured in (("", True), ("1", False)):
        environment = {"PCSCLITE_CSOCK_NAME": str(pcscd.socket), "NO_COLOR": no_colour}
        with Console(command, env=environment) as console:
            console.wait("The kiosk would ask for the username")
            assert console.ended() == 0
            assert (b"\x1b[32mok" in console.raw) is coloured
            # Whoever waits is told for what.
            for told in (b"kiosk: reading the token in Virtual PCD 00 00", b"kiosk: asking /"):
                assert told in console.raw


def test_a_doctor_that_is_interrupted_or_not_read_any_more_says_nothing(
    card: CardControl, config: Path
) -> None:
    card.insert("hoa-sen")
    command = [sys.executable, "-m", "kiosk", "doctor", "--user", own_name(), "--token"]
    command += ["--config", str(config)]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    card.hang(True)
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stderr is not None
        helper = f"/proc/{process.pid}/task/{process.pid}/children"
        while not Path(helper).read_text():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 1
        assert process.stderr.read() == b""
