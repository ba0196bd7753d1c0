"""A bad configuration names file, key or line, what was found and what was expected."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.config import Config, ConfigError, read_toml
from kiosk.sandbox.pki import SandboxPki
from kiosk.webmail import WebmailDirectory

CONFIG = Path(__file__).parents[2] / "config"

GOOD = '[kiosk]\nid = "k1"\n[service]\nurl = "https://bhxh.example"\n'


def test_the_shipped_configuration_is_in_order() -> None:
    config = read_toml(CONFIG / "kiosk.toml", Config)
    assert config.support.hotline == "1800 1260"
    assert config.time.idle == 60
    assert config.time.idle_result == 120
    assert config.time.question == 30


@pytest.mark.parametrize(
    ("text", "where", "found", "expected"),
    [
        ('[kiosk]\nid = "k1"\n', "service", "nothing", "a value"),
        (GOOD.replace('id = "k1"', ""), "kiosk.id", "nothing", "a value"),
        (GOOD + "[time]\nidle = true\n", "time.idle", "True", "a number"),
        (GOOD + "[time]\nidle = -3\n", "time.idle", "-3", "a number > 0"),
        (GOOD + "[time]\nidel = 3\n", "time.idel", "an unknown key", "one of"),
        (GOOD.replace('id = "k1"', 'id = "k1"\nlanguage = "fr"'), "kiosk.language", "'fr'", "'en'"),
        (GOOD + "[timing]\n", "timing", "an unknown key", "one of"),
        (GOOD.replace("https://bhxh.example", "ftp://x"), "service.url", "'ftp://x'", "matching"),
        (GOOD + "pins = 'sha256/x'\n", "service.pins", "'sha256/x'", "a list"),
        (GOOD + "pins = [3]\n", "service.pins[0]", "3", "text"),
        (GOOD + "connect_timeout = 0\n", "service.connect_timeout", "0", "a number > 0"),
        (GOOD + "client_key = true\n", "service.client_key", "True", "text"),
        (GOOD + "[time\n", "line 5", "Expected ']'", "valid TOML"),
        (GOOD + "[support]\nhotline = 18001260\n", "support.hotline", "18001260", "text"),
        (GOOD + '[kiosk]\nid = "k2"\n', "line 5", "declare ('kiosk',) twice", "valid TOML"),
    ],
)
def test_a_bad_value_is_named(
    tmp_path: Path, text: str, where: str, found: str, expected: str
) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_toml(path, Config)
    error = caught.value
    assert str(path) in str(error)
    assert where in error.where
    assert found in error.found
    assert expected.replace("`", "") in error.expected.replace("`", "")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_bytes(b"id = \xff")
    with pytest.raises(ConfigError, match="byte 5: found no UTF-8"):
        read_toml(path, Config)


def _check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kiosk", "config", "check", "--config", path],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("broken", ["kiosk.toml", "tokens.toml", "webmail.toml", "trust"])
def test_the_command_says_which_file_is_broken_without_a_traceback(
    tmp_path: Path, broken: str
) -> None:
    for name in ("tokens.toml", "webmail.toml"):
        (tmp_path / name).write_bytes((CONFIG / name).read_bytes())
    (tmp_path / "kiosk.toml").write_text(GOOD, encoding="utf-8")
    if broken != "trust":
        (tmp_path / broken).write_text("= 3\n", encoding="utf-8")
    done = _check(tmp_path / "kiosk.toml")
    assert done.returncode == 2
    assert str(tmp_path / broken) in done.stderr
    assert "expected" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pins = ['sha256/AAAA']", "service.pins[0]: found 'sha256/AAAA', expected sha256/ and"),
        ("ca_file = 'none.pem'", "service.ca_file: found '{folder}/none.pem' (No such file"),
        ("ca_file = 'kiosk.toml'", "service.ca_file: found '{folder}/kiosk.toml' (not PEM)"),
        ("client_key = 'k.pem'", "service.client_certificate: found nothing, expected a PEM file"),
        (
            "client_certificate = 'c.pem'\nclient_key = 'k.pem'",
            "service.client_certificate: found '{folder}/c.pem' (No such file",
        ),
        ("proxy = 'proxy:3128'", "service.proxy: found 'proxy:3128', expected http://host:port"),
        ("proxy = 'http://u:secret@p:1'", "service.proxy: found a user name or password"),
        (
            "proxy = 'http://p:1'\nproxy_credentials = 'none'",
            "service.proxy_credentials: found '{folder}/none' (No such file",
        ),
    ],
)
def test_what_cannot_be_used_towards_the_service_is_named(
    tmp_path: Path, line: str, words: str
) -> None:
    for name in ("tokens.toml", "webmail.toml"):
        (tmp_path / name).write_bytes((CONFIG / name).read_bytes())
    SandboxPki.open(tmp_path / "pki")
    (tmp_path / "trust").symlink_to(tmp_path / "pki" / "trust")
    (tmp_path / "kiosk.toml").write_text(GOOD + line + "\n", encoding="utf-8")
    done = _check(tmp_path / "kiosk.toml")
    assert done.returncode == 2
    assert f"{tmp_path / 'kiosk.toml'}: " + words.format(folder=tmp_path) in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_ends_with_2() -> None:
    done = _check(Path("/nonexistent/kiosk.toml"))
    assert done.returncode == 2
    assert "/nonexistent/kiosk.toml: file: found No such file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["run", "--frob"], ["sandbox", "serve", "--http-port", "99999"]]
)
def test_bad_arguments_end_with_2(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_run_needs_a_terminal(tmp_path: Path) -> None:
    for name in ("tokens.toml", "webmail.toml"):
        (tmp_path / name).write_bytes((CONFIG / name).read_bytes())
    (tmp_path / "kiosk.toml").write_text(GOOD, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "run", "--config", tmp_path / "kiosk.toml"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "expected a terminal" in done.stderr


def test_help_tells_the_commands_and_the_exit_codes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "--help"], capture_output=True, text=True, check=True
    )
    for word in ("run", "demo", "config", "sandbox", "exit codes", "70"):
        assert word in done.stdout


def test_webmail_knows_the_provider_of_a_domain_and_guesses_nothing() -> None:
    webmail = WebmailDirectory.load(CONFIG / "webmail.toml")
    link = webmail.link("GMail.com.")
    assert link is not None
    assert link.url == "https://mail.google.com"
    assert webmail.link("company.example") is None
    assert webmail.link("") is None


def test_webmail_takes_https_only(tmp_path: Path) -> None:
    path = tmp_path / "webmail.toml"
    path.write_text('[[provider]]\nname = "X"\nurl = "http://x.example"\ndomains = ["x"]\n')
    with pytest.raises(ConfigError, match=r"provider\[0\]\.url"):
        WebmailDirectory.load(path)


@pytest.mark.parametrize("value", ["246810", '["246810"]', '"' + "246810" * 60 + '"'])
def test_a_staff_pin_in_the_place_of_its_hash_is_not_repeated(tmp_path: Path, value: str) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(f"{GOOD}[staff]\npin_hash = {value}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_toml(path, Config)
    assert caught.value.where == "staff.pin_hash"
    assert "246810" not in str(caught.value)
