"""The virtual card in a real pcscd, looked at with OpenSC's own programs."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kiosk.hardware.readers import PcscWatcher
from kiosk.sandbox.card import CardControl, CardProcess, CardUnavailable
from kiosk.sandbox.piv import ATR
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import TOKENS_BY_NAME
from kiosk.sandbox.tokens import VirtualToken
from tests.stack.parts import Pcscd
from tests.watching import Reports

pytestmark = pytest.mark.stack

RIGHT, WRONG = "12345678", "87654321"


@pytest.fixture(scope="module")
def pki(sandbox_directory: Path) -> SandboxPki:
    return SandboxPki.open(sandbox_directory)


def pkcs11(*arguments: str, reader: int = 0) -> subprocess.CompletedProcess[str]:
    command = ["pkcs11-tool", "--slot-index", str(reader), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def until(condition: Callable[[], bool], what: str, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)


def reader_line(number: int = 0) -> str:
    """What opensc-tool says of a reader: its number, whether a card is in, its name."""
    listing = subprocess.run(
        ["opensc-tool", "--list-readers"], capture_output=True, text=True, timeout=30, check=False
    ).stdout
    return next((line for line in listing.splitlines() if line.startswith(f"{number} ")), "")


def test_opensc_reads_the_token(card: CardControl, pki: SandboxPki, tmp_path: Path) -> None:
    card.insert("hoa-sen")
    atr = subprocess.run(
        ["opensc-tool", "--reader", "0", "--atr"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert bytes.fromhex(atr.stdout.strip().replace(":", "")) == ATR
    slots = pkcs11("--list-slots").stdout
    serial = VirtualToken.from_profile(TOKENS_BY_NAME["hoa-sen"], pki).serial
    assert f"serial num         : {serial}" in slots
    assert "pin min/max        : 4/8" in slots
    file = tmp_path / "certificate"
    assert not pkcs11(
        "--read-object", "--type", "cert", "--id", "01", "--output-file", str(file)
    ).returncode
    der = pki.leaf("hoa-sen")[1].public_bytes(serialization.Encoding.DER)
    assert file.read_bytes() == der


@pytest.mark.parametrize(("token", "count"), [("two-certificates", 2), ("empty", 0)])
def test_opensc_lists_certificates(card: CardControl, token: str, count: int) -> None:
    card.insert(token)
    listing = pkcs11("--list-objects", "--type", "cert").stdout
    assert listing.count("Certificate Object") == count


def test_wrong_pins_are_counted_and_lock(card: CardControl) -> None:
    card.insert("hoa-sen")
    for tries_left, flag in ((2, ""), (1, "final user PIN try"), (0, "user PIN locked")):
        refused = pkcs11("--login", "--pin", WRONG, "--list-objects")
        assert "CKR_PIN_INCORRECT" in refused.stderr or "CKR_PIN_LOCKED" in refused.stderr
        assert card.status().tries_left == tries_left
        assert card.status().verify_count == 3 - tries_left
        flags = next(
            line for line in pkcs11("--list-slots").stdout.splitlines() if "token flags" in line
        )
        assert flag in flags
        assert flag or not any(word in flags for word in ("try", "low", "locked"))
    assert "CKR_PIN_LOCKED" in pkcs11("--login", "--pin", RIGHT, "--list-objects").stderr
    card.swap("binh-minh")
    card.swap("hoa-sen")
    assert card.status().tries_left == 0


@pytest.mark.parametrize(
    ("token", "index"),
    [("hoa-sen", 0), ("binh-minh", 0), ("two-certificates", 0), ("two-certificates", 1)],
)
def test_opensc_signs(
    card: CardControl, pki: SandboxPki, tmp_path: Path, token: str, index: int
) -> None:
    message, signature = tmp_path / "message", tmp_path / "signature"
    message.write_bytes(b"a message")
    public = pki.leaf(token, index)[0].public_key()
    mechanism = "SHA256-RSA-PKCS" if isinstance(public, rsa.RSAPublicKey) else "ECDSA-SHA256"
    card.insert(token)
    done = pkcs11(
        *("--login", "--pin", RIGHT, "--sign", "--mechanism", mechanism),
        *("--id", f"0{index + 1}"),
        *("--input-file", str(message), "--output-file", str(signature)),
    )
    assert not done.returncode, done.stderr
    assert card.status().sign_count == 1
    signed = signature.read_bytes()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signed, b"a message", padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = int.from_bytes(signed[:32], "big"), int.from_bytes(signed[32:], "big")
        public.verify(encode_dss_signature(r, s), b"a message", ec.ECDSA(hashes.SHA256()))


def test_a_command_takes_no_longer_than_it_must(card: CardControl) -> None:
    """Without quick acknowledgements each of the commands would take 40 ms."""
    card.insert("hoa-sen")
    begin = time.monotonic()
    assert pkcs11("--list-objects", "--type", "cert").stdout
    seconds, commands = time.monotonic() - begin, card.status().apdu_count
    assert commands > 15
    assert seconds < commands * 0.03


def test_pcscd_sees_the_token_go_and_another_come(card: CardControl) -> None:
    card.insert("hoa-sen")
    assert card.inserted() == "hoa-sen"
    assert card.status().connected
    assert " Yes " in reader_line()
    card.remove()
    assert card.inserted() == ""
    until(lambda: " No " in reader_line(), "the removal")
    card.remove()
    card.swap("binh-minh")
    assert "BÌNH MINH" in pkcs11("--list-slots").stdout


def test_a_mute_token_is_there_and_has_no_atr(card: CardControl) -> None:
    reports = Reports()
    watcher = PcscWatcher()
    watcher.start(reports)
    card.mute(True)
    card.insert("hoa-sen")
    seen = reports.wait_for(lambda state: bool(state.cards)).cards[0]
    watcher.stop()
    assert seen.mute
    assert seen.atr == b""
    assert card.status().apdu_count == 0
    card.mute(False)
    card.swap("hoa-sen")
    assert "THƯƠNG MẠI" in pkcs11("--list-slots").stdout


def test_a_hanging_token_answers_nothing_until_it_is_pulled_out(card: CardControl) -> None:
    card.insert("hoa-sen")
    card.hang(True)
    waiting = subprocess.Popen(
        ["pkcs11-tool", "--list-objects"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.communicate(timeout=1)
    assert card.status().apdu_count == 0
    card.remove()
    output, _ = waiting.communicate(timeout=10)
    assert b"Certificate Object" not in output
    card.hang(False)
    card.swap("hoa-sen")
    assert "THƯƠNG MẠI" in pkcs11("--list-slots").stdout


def test_a_slow_token(card: CardControl) -> None:
    card.insert("hoa-sen")
    card.slow(25)
    begin = time.monotonic()
    assert "Certificate Object" in pkcs11("--list-objects", "--type", "cert").stdout
    assert time.monotonic() - begin > card.status().apdu_count * 0.025


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for the path of a socket."""
    with tempfile.TemporaryDirectory(prefix="kiosk-card-") as name:
        yield Path(name)


def test_two_tokens_at_once(
    card: CardControl, pcscd: Pcscd, sandbox_directory: Path, folder: Path
) -> None:
    card.insert("hoa-sen")
    with CardProcess(
        sandbox_directory, folder / "second", pcscd.second_port, token="binh-minh"
    ) as second:
        until(lambda: second.control.status().connected, "the second token")
        assert "THƯƠNG MẠI" in pkcs11("--list-slots").stdout
        assert "BÌNH MINH" in pkcs11("--list-slots").stdout
        assert not pkcs11("--login", "--pin", RIGHT, "--list-objects", reader=1).returncode
        assert second.control.status().verify_count == 1
        assert card.status().verify_count == 0


def test_a_reader_takes_one_card_only(
    card: CardControl, pcscd: Pcscd, sandbox_directory: Path, folder: Path
) -> None:
    card.insert("hoa-sen")
    with CardProcess(sandbox_directory, folder / "second", pcscd.port) as second:
        with pytest.raises(CardUnavailable, match="another one"):
            second.control.insert("binh-minh")
        assert second.control.inserted() == ""
    assert card.status().connected


def test_the_token_is_in_again_after_a_restart_of_pcscd(card: CardControl, pcscd: Pcscd) -> None:
    card.insert("hoa-sen")
    pcscd.stop()
    until(lambda: not card.status().connected, "the end of the link")
    assert not card.status().reader_listens
    pcscd.start()
    until(lambda: card.status().connected, "the link")
    assert "THƯƠNG MẠI" in pkcs11("--list-slots").stdout


# The process and its control channel.


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def lonely(sandbox_directory: Path, folder: Path) -> Iterator[CardProcess]:
    """A card's process with no reader on its port."""
    with CardProcess(sandbox_directory, folder / "control", free_port()) as process:
        yield process


def test_no_reader_is_noticed(lonely: CardProcess) -> None:
    assert not lonely.control.status().reader_listens
    with pytest.raises(CardUnavailable, match="no virtual reader listens"):
        lonely.control.insert("hoa-sen")
    assert lonely.control.inserted() == ""


def test_what_cannot_be_done_is_explained(lonely: CardProcess, folder: Path) -> None:
    with pytest.raises(CardUnavailable, match="'nobody'"):
        lonely.control.insert("nobody")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / "control"))
        with client.makefile("rwb") as stream:
            for line in (
                b"nonsense",
                b"[]",
                b'{"do": "dance"}',
                b'{"do": "slow", "name": 1}',
                b'{"do": "hang", "on": true, "ins": 256}',
                b'{"do": "refuse", "word": 65536}',
            ):
                stream.write(line + b"\n")
                stream.flush()
                answer = json.loads(stream.readline())
                assert answer["ok"] is False
                assert answer["error"]
    assert lonely.control.status()


def test_the_socket_is_for_its_owner_and_for_one_card(
    lonely: CardProcess, sandbox_directory: Path, folder: Path
) -> None:
    control = folder / "control"
    assert stat.S_IMODE(control.stat().st_mode) == 0o600
    with pytest.raises(CardUnavailable, match="another virtual card listens"):
        CardProcess(sandbox_directory, control, free_port()).start()
    assert lonely.control.status()
    lonely.stop()
    assert not control.exists()
    with pytest.raises(CardUnavailable, match="No such file"):
        lonely.control.status()


def test_a_socket_left_over_by_a_killed_card_is_no_hindrance(
    lonely: CardProcess, sandbox_directory: Path, folder: Path
) -> None:
    os.kill(lonely.control.status().pid, signal.SIGKILL)
    lonely.stop()
    assert (folder / "control").exists()
    with CardProcess(sandbox_directory, folder / "control", free_port()) as next_one:
        assert next_one.control.status()


def test_the_card_ends_with_its_parent(sandbox_directory: Path, folder: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path;"
        "from kiosk.sandbox.card import CardProcess;"
        "CardProcess(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])).start();"
        "os._exit(0)"
    )
    control = folder / "control"
    arguments = [sys.executable, "-c", program, sandbox_directory, control, str(free_port())]
    subprocess.run(arguments, check=True, timeout=60)
    until(lambda: not control.exists(), "the end of the card")
