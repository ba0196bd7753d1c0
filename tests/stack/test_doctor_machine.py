"""`kiosk doctor` as a technician starts it: the real command, service over TLS, and pcscd."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.audit import Journal
from kiosk.sandbox.card import CardControl
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.server.run import SandboxServer
from kiosk.sandbox.server.tls import SandboxTls
from tests.stack.parts import Pcscd, write_config

pytestmark = pytest.mark.stack

LONGEST = 15.0
"""Seconds that a technician may be kept waiting, whatever is down."""

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    server = SandboxServer(tmp_path_factory.mktemp("service"), tls="server")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="kiosk-doctor-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def config(pcscd: Pcscd, sandbox_directory: Path, tls_server: SandboxServer, folder: Path) -> Path:
    """A kiosk's configuration with all that an unattended one has."""
    trust = folder / "trust"
    shutil.copytree(SandboxPki.open(sandbox_directory).trust_directory, trust)
    path = write_config(folder, tls_server.url, trust)
    ca = folder / "ca.pem"
    ca.write_bytes(SandboxTls(tls_server._directory / "tls").ca_file.read_bytes())
    change(path, "[service]\n", f'[service]\nca_file = "{ca}"\n')
    change(path, "[kiosk]\n", '[kiosk]\nstate_directory = "state"\n')
    journal = Journal(folder / "state" / "audit")
    (folder / "state").mkdir(mode=0o700)
    journal.open()
    journal.append("started")
    journal.close()
    return path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def doctor(
    config: Path,
    *arguments: str,
    prefix: tuple[str, ...] = (),
    python: str | Path = sys.executable,
) -> dict[str, Any]:
    """Run it, and return its report; what it writes as text is the same."""
    before = listing(config.parent)
    command = [*prefix, str(python), "-m", "kiosk", "doctor", "--config", str(config)]
    if "--user" not in arguments:
        command += ["--user", ME]
    began = time.monotonic()
    done = subprocess.run(
        [*command, "--json", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    took = time.monotonic() - began
    assert done.stderr == ""
    report: dict[str, Any] = json.loads(done.stdout)
    assert took < LONGEST
    assert not report["fault"], done.stdout
    assert done.returncode == (0 if report["in_order"] else 1)
    assert listing(config.parent) == before, "the doctor has written something"
    return report


def listing(folder: Path) -> list[tuple[str, int, int]]:
    return sorted(
        (str(file), file.stat().st_size, file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    )


def of(name: str, report: dict[str, Any]) -> dict[str, Any]:
    """The finding about a subject."""
    (found,) = [one for one in report["findings"] if one["name"] == name]
    return found  # type: ignore[no-any-return]


def text_of(finding: dict[str, Any]) -> str:
    return "\n".join([finding["text"], *(text_of(one) for one in finding["parts"])])


HERE = ("config", "permissions", "pcsc", "modules", "trust", "service", "disk", "journal")
"""Subjects that are the same on every machine that runs the tests."""


def test_a_kiosk_that_has_all_it_needs(config: Path, pcscd: Pcscd) -> None:
    report = doctor(config)
    told = {name: of(name, report)["status"] for name in HERE}
    assert "failed" not in told.values(), report
    assert {told[name] for name in ("config", "trust", "journal")} == {"ok"}
    # The tests' own reader is one that no kiosk should have.
    assert [one["name"] for one in of("pcsc", report)["parts"] if one["status"] != "ok"] == ["vpcd"]
    assert f"readers: {pcscd.reader}" in text_of(of("pcsc", report))
    assert "OpenSC smartcard framework, version 0." in text_of(of("modules", report))
    assert "is up (answered in" in text_of(of("service", report))
    assert "audit journal: lines 1 to 1, none is missing" in text_of(of("journal", report))
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "doctor", "--user", ME, "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert max(map(len, done.stdout.splitlines())) <= 100
    for name in HERE:
        assert of(name, report)["text"] in done.stdout


def test_with_the_token(config: Path, card: CardControl, pcscd: Pcscd) -> None:
    card.insert("hoa-sen")
    report = doctor(config, "--machine", "--token")
    assert f"token in {pcscd.reader}" in [one["text"] for one in report["findings"]]
    assert of("verdict", report)["facts"]["goes_on"] is True
    assert of("service", report)["status"] != "failed"
    card.remove()
    report = doctor(config, "--machine", "--token")
    assert "verdict" in report["conclusion"]["facts"]["failed"]
    assert card.status().verify_count == 0


def test_several_faults_at_once_are_all_told(
    config: Path, pcscd: Pcscd, tls_server: SandboxServer
) -> None:
    for file in (config.parent / "trust").glob("*"):
        file.unlink()
    key = config.parent / "key.pem"
    key.write_text("x")
    key.chmod(0o640)
    change(config, 'id = "test"', 'id = "test"\nlanguage = "vn"')
    report = doctor(config)
    assert of("config", report)["status"] == "failed"
    assert "kiosk.language: found 'vn'" in text_of(of("config", report))
    assert of("service", report)["status"] == "skipped"
    change(config, '\nlanguage = "vn"', "")
    change(config, "[service]\n", f'[service]\nclient_key = "{key}"\n')
    report = doctor(config)
    told = text_of(of("config", report))
    assert "no self-signed root certificate" in told
    assert "service.client_certificate: found nothing" in told
    assert of("permissions", report)["status"] == "failed"
    assert "its group or others may reach it" in text_of(of("permissions", report))
    assert "no root is in the folder" in text_of(of("trust", report))


def test_everything_down_at_once_is_told_in_time(
    config: Path, pcscd: Pcscd, tls_server: SandboxServer
) -> None:
    pcscd.stop()
    with tls_server.faults.during("hang", call="health"):
        report = doctor(config)
    assert "pcscd does not answer" in text_of(of("pcsc", report))
    assert "no answer" in text_of(of("service", report))
    with tls_server.faults.during("refuse"):
        report = doctor(config)
    assert "no connection to https://127.0.0.1" in text_of(of("service", report))
    change(config, tls_server.url, "https://bhxh.kiosk-doctor.example")
    report = doctor(config)
    assert "bhxh.kiosk-doctor.example: " in text_of(of("service", report))
    assert of("service", report)["status"] == "failed"


def test_a_pcscd_that_hangs(config: Path, pcscd: Pcscd) -> None:
    process = pcscd._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        report = doctor(config)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert of("pcsc", report)["text"] == "readers and pcscd: no answer within 13 s"
    assert of("service", report)["status"] != "failed"


def test_a_full_disk(config: Path) -> None:
    """On a small disk of its own, in a mount namespace."""
    unshare = ["unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",))]
    if subprocess.run([*unshare, "true"], check=False).returncode != 0:
        pytest.skip("no mount namespace can be made here")
    script = 'mount -t tmpfs -o size=4m,mode=700 none "$0" && mkdir -m 700 "$0/audit" && exec "$@"'
    prefix = (*unshare, "sh", "-c", script, str(config.parent / "state"))
    report = doctor(config, prefix=prefix)
    assert of("disk", report)["status"] == "failed"
    assert "4 MB free, and at least 64 MB are needed" in text_of(of("disk", report))


@pytest.fixture
def everybodys_python(folder: Path) -> Path:
    """A Python with the kiosk in it that user nobody can run as well."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    if _nobody_runs(Path(sys.executable)):
        return Path(sys.executable)
    environment = folder / "venv"
    system = Path("/usr/bin/python3")
    made = subprocess.run([system, "-m", "venv", "--without-pip", environment], check=False)
    python = environment / "bin" / "python"
    packages = environment / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    if made.returncode != 0 or not packages.is_dir():
        pytest.skip("the system has no Python of this version")
    repository = Path(__file__).parents[2]
    (packages / "kiosk.pth").write_text(f"{sysconfig.get_path('purelib')}\n{repository}\n")
    if not _nobody_runs(python):
        pytest.skip("user nobody cannot read the kiosk's own files here")
    return python


def _nobody_runs(python: Path) -> bool:
    """Whether it still finds everything after root has become nobody, as the doctor will."""
    code = (
        "from kiosk.doctor.machine import speak_for\n"
        "speak_for('nobody')\n"
        "import importlib.resources, kiosk.cli, msgspec\n"
    )
    done = subprocess.run([python, "-c", code], cwd="/", capture_output=True, check=False)
    return done.returncode == 0


def test_root_asks_what_the_kiosks_user_can_do(
    config: Path, pcscd: Pcscd, everybodys_python: Path
) -> None:
    # Other tests' pcscd is hidden by its folder, which is pytest's user's own.
    pcscd.folder.chmod(0o711)

    def look() -> dict[str, Any]:
        return doctor(config, "--user", "nobody", python=everybodys_python)

    report = look()
    assert of("user", report)["text"] == "speaks for user nobody (started by root)"
    assert "state (root:root 0700): cannot be written by nobody" in text_of(
        of("permissions", report)
    )
    assert of("journal", report)["status"] == "failed"
    assert of("pcsc", report)["status"] != "failed"
    assert of("modules", report)["status"] != "failed"
    for file in (config.parent / "state", *(config.parent / "state").rglob("*")):
        shutil.chown(file, "nobody", "nogroup")
    report = look()
    assert "state (nobody:nogroup 0700)" in text_of(of("permissions", report))
    assert of("journal", report)["status"] == "ok"
    config.chmod(0o600)
    report = look()
    assert "Permission denied" in text_of(of("config", report))
    assert "cannot be read by nobody" in text_of(of("permissions", report))


def test_config_check_tells_every_fault_and_no_prefix_twice(config: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "config", "check", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    change(config, 'id = "test"', "id = 1\nlang = 2")
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "config", "check", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert all(line.startswith(f"kiosk: {config}: kiosk.") for line in done.stderr.splitlines())
