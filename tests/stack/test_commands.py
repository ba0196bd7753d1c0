"""The sandbox's commands, as a person starts them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from kiosk.sandbox.card import CardControl
from kiosk.sandbox.hand import HandError
from kiosk.sandbox.processes import wait_for
from tests.stack.parts import Pcscd


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "kiosk", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kiosk", *arguments], capture_output=True, text=True, check=False
    )


def test_serve_answers_and_ends_in_order_and_says_when_a_port_is_taken(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path))
    ports = ("--http-port", "0", "--smtp-port", "0")
    with running("sandbox", "serve", *state, *ports) as service:
        ready = tmp_path / "serving.json"
        assert wait_for(ready.exists, 30)
        url = json.loads(ready.read_text())["url"]
        assert httpx.get(f"{url}/v1/health").json()["status"] == "ok"
        port = url.rsplit(":", 1)[1]
        taken = run("sandbox", "serve", "--state", str(tmp_path / "other"), "--http-port", port)
        assert taken.returncode == 1
        assert f"port {port}" in taken.stderr
        service.send_signal(signal.SIGINT)
        assert service.wait(10) == 0
        assert service.stderr is not None
        assert service.stderr.read() == ""


def test_every_port_of_the_sandbox_is_on_this_machine_alone(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path), "--http-port", "0", "--smtp-port", "0")
    with running("sandbox", "serve", *state) as service:
        assert wait_for((tmp_path / "serving.json").exists, 30)
        mine = {
            link.group(1)
            for fd in Path(f"/proc/{service.pid}/fd").iterdir()
            if (link := re.match(r"socket:\[(\d+)\]", _target(fd)))
        }
        listening = [
            line.split()[1].split(":")[0]
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/{service.pid}/net/{table}").read_text().splitlines()[1:]
            if line.split()[9] in mine and line.split()[3] == "0A"
        ]
        assert listening == ["0100007F"] * 2


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def test_mail_prints_what_was_sent_and_says_when_there_is_none(tmp_path: Path) -> None:
    done = run("sandbox", "mail", "--state", str(tmp_path))
    assert done.returncode == 1
    assert "no sandbox has run here" in done.stderr
    with running(
        "sandbox", "serve", "--state", str(tmp_path), "--http-port", "0", "--smtp-port", "0"
    ):
        assert wait_for((tmp_path / "serving.json").exists, 30)
        assert run("sandbox", "mail", "--state", str(tmp_path)).stdout == "No mail yet.\n"


def test_card_is_seen_by_pcscd(pcscd: Pcscd) -> None:
    with tempfile.TemporaryDirectory() as state:
        options = ("--state", state, "--port", str(pcscd.port), "--insert", "hoa-sen")
        with running("sandbox", "card", *options) as process:
            control = CardControl(Path(state) / "card.sock")

            def connected() -> bool:
                try:
                    return control.status().connected
                except HandError:
                    return False

            assert wait_for(connected, 30)
            assert control.inserted() == "hoa-sen"
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def test_card_names_the_tokens_when_there_is_no_such_one(tmp_path: Path) -> None:
    done = run("sandbox", "card", "--state", str(tmp_path), "--insert", "nonsense")
    assert done.returncode == 2
    assert "found 'nonsense', expected one of hoa-sen, " in done.stderr
