"""The unattended kiosk in a real terminal: whenever it is asked to end, it does, and that is no
crash."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kiosk.sandbox.pki import SandboxPki
from kiosk.supervision import CrashCounter
from tests.terminal.console import Console
from tests.unit.leaving_kiosk import MOMENTS

SHIPPED = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kiosk")
    for name in ("tokens.toml", "webmail.toml"):
        (folder / name).write_bytes((SHIPPED / name).read_bytes())
    trust = SandboxPki.open(folder / "pki").trust_directory
    path = folder / "kiosk.toml"
    path.write_text(
        f'[kiosk]\nid = "k1"\nstate_directory = "{folder}/state"\n'
        f'[service]\nurl = "https://127.0.0.1:9"\n[trust]\ndirectory = "{trust}"\n'
    )
    return path


def leaving(config: Path, runtime: Path, moment: str, way: str) -> Console:
    environment = {
        "RUNTIME_DIRECTORY": str(runtime),
        "PCSCLITE_CSOCK_NAME": str(runtime / "no-pcscd"),
    }
    command = [sys.executable, "-m", "tests.unit.leaving_kiosk", str(config), moment, way]
    return Console(command, env=environment)


@pytest.mark.parametrize("way", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_being_asked_to_end_is_no_crash(
    config: Path, tmp_path: Path, moment: str, way: str
) -> None:
    with leaving(config, tmp_path, moment, way) as console:
        assert console.ended(20) == 0
    assert CrashCounter(tmp_path).started() == 0


@pytest.mark.parametrize("way", ["hang-up", "unheard hang-up"])
@pytest.mark.parametrize("moment", ["counted", "made", "shown", "page", "mended"])
def test_a_terminal_that_goes_ends_the_kiosk_within_seconds(
    config: Path, tmp_path: Path, moment: str, way: str
) -> None:
    with leaving(config, tmp_path, moment, way) as console:
        console.wait_until((tmp_path / "ready").exists, "the moment", 20)
        busy_before = os.times().children_user
        console.hang_up()
        assert console.ended(5) == 0
    # All that it has worked since its start, most of which is importing.
    assert os.times().children_user - busy_before < 5
    assert CrashCounter(tmp_path).started() == 0


@pytest.mark.parametrize("drawn", [1, 10, 2000, 4000, 6000])
def test_a_terminal_that_goes_while_it_is_drawn_on_ends_the_kiosk(
    config: Path, tmp_path: Path, drawn: int
) -> None:
    with leaving(config, tmp_path, "never", "hang-up") as console:
        console.wait_until(lambda: len(console.raw) >= drawn, "the drawing", 20)
        console.hang_up()
        assert console.ended(5) == 0
    assert CrashCounter(tmp_path).started() == 0
