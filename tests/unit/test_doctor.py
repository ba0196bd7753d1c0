"""`kiosk doctor`: how findings are written, and what ends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kiosk.cli import main
from kiosk.doctor import tokens
from kiosk.doctor.findings import Finding, Report, Status
from kiosk.doctor.machine import own_name
from kiosk.doctor.text import as_text
from kiosk.doctor.verdict import without_token
from kiosk.doctor.wording import error_text, flag_names
from kiosk.hardware.readers import Card, ReaderState
from kiosk.hardware.token import HelperDied, TokenError, TokenFailed, TokenStalled
from kiosk.sandbox.pki import SandboxPki
from tests.stack.parts import write_config

REPORT = Report(
    "--all",
    (
        Finding(
            "module",
            Status.WARNING,
            "/usr/lib/" + "long-" * 40 + "name.so: odd\nsecond line",
            "Do this. " * 20,
            {"path": "x"},
            (Finding("slot", Status.OK, "slot 0"),),
        ),
    ),
    Finding("verdict", Status.FAILED, "The kiosk would stop"),
)


def test_text_has_a_status_a_line_and_what_to_do_and_fits_a_terminal() -> None:
    lines = as_text(REPORT).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "kiosk doctor --all"
    assert lines[2].startswith("warning  /usr/lib/long-")
    assert "           second line" in lines
    assert any(line.startswith("           → Do this. Do this.") for line in lines)
    assert "ok         slot 0" in lines
    assert lines[-1] == "failed   The kiosk would stop"
    assert "\x1b[31mfailed" in as_text(REPORT, colour=True)
    assert "\x1b" not in as_text(REPORT)


@pytest.mark.parametrize(("columns", "widest"), [(20, 40), (72, 72), (300, 100)])
def test_text_fits_a_narrow_terminal_and_does_not_fill_a_wide_one(
    columns: int, widest: int
) -> None:
    lines = as_text(REPORT, width=columns).splitlines()
    # The path is one word, which is broken where it has to be.
    assert widest - 15 < max(map(len, lines)) <= widest


def test_json_has_the_findings_one_inside_the_other() -> None:
    report = json.loads(REPORT.as_json())
    assert report["in_order"] is False
    (module,) = report["findings"]
    assert module["status"] == "warning"
    assert module["facts"] == {"path": "x"}
    assert module["parts"][0]["text"] == "slot 0"


def test_flags_have_names_and_unknown_bits_a_number() -> None:
    assert flag_names(0x4000D) == (
        "RNG",
        "LOGIN_REQUIRED",
        "USER_PIN_INITIALIZED",
        "USER_PIN_LOCKED",
    )
    assert flag_names(0x80000004) == ("LOGIN_REQUIRED", "0x80000000")
    assert flag_names(0) == ()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TokenStalled("load", 15.0), "does not answer (helper killed after 15 s)"),
        (HelperDied(-11), "crashed: its helper process was ended by SIGSEGV"),
        (HelperDied(-99), "crashed: its helper process was ended by signal 99"),
        (HelperDied(3), "crashed: its helper process ended with status 3"),
        (HelperDied(None), "crashed: its helper process broke off"),
        (TokenFailed("find", "CKR_DEVICE_ERROR"), "answers CKR_DEVICE_ERROR"),
    ],
)
def test_what_a_module_did_in_words(error: TokenError, words: str) -> None:
    assert error_text(error) == words


@pytest.mark.parametrize(
    ("state", "fixed_reader", "problem"),
    [
        (ReaderState(False), False, "K02"),
        (ReaderState(True), True, "K03"),
        (ReaderState(True), False, None),
        (ReaderState(True, ("a", "b"), (Card("a", b"1", 1), Card("b", b"2", 1))), False, "T04"),
    ],
)
def test_what_the_kiosk_does_without_one_token(
    state: ReaderState, fixed_reader: bool, problem: str | None
) -> None:
    finding = without_token(state, fixed_reader=fixed_reader)
    assert finding is not None
    assert finding.status is Status.FAILED
    assert finding.advice
    assert finding.facts == {"goes_on": False, "problem": problem}


def test_one_token_is_left_to_the_reading() -> None:
    state = ReaderState(True, ("a",), (Card("a", b"1", 1),))
    assert without_token(state, fixed_reader=True) is None


def test_a_fault_of_its_own_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = write_config(
        tmp_path, "http://127.0.0.1:9", SandboxPki.open(tmp_path / "pki").trust_directory
    )

    async def broken(*_: object) -> Report:
        raise RuntimeError("something")

    monkeypatch.setattr(tokens, "check_tokens", broken)
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--token", "--user", own_name(), "--config", str(config)])
    assert ended.value.code == 70
    assert capsys.readouterr().err == (
        "kiosk: doctor stopped because of a fault: RuntimeError: something\n"
    )
