"""The staff PIN: its hash, the command that makes it, and the wait after wrong ones."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from pathlib import Path

import pexpect
import pytest
from argon2 import PasswordHasher

from kiosk.assembly import Settings
from kiosk.config import ConfigError
from kiosk.staff.choose_pin import weakness
from kiosk.staff.pin_hash import HashInvalid, PinHash, make_hash
from kiosk.staff.tries import FIRST_WAIT, FREE, LONGEST_WAIT, Tries

ROOT = Path(__file__).parents[2]
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def test_a_hash_is_argon2s_own_and_matches_its_pin_alone() -> None:
    made = make_hash(bytearray(b"246810"))
    assert PasswordHasher().verify(str(made), "246810")
    again = PinHash.parse(str(made))
    assert again.matches(bytearray(b"246810"))
    assert not again.matches(bytearray(b"246811"))
    assert not again.matches(bytearray())
    assert PinHash.parse(CHEAP.hash("13579")).matches(memoryview(bytearray(b"13579")))


def test_the_pin_is_read_where_it_lies() -> None:
    """Not the bytearray's whole buffer, and the buffer can be wiped and used afterwards."""
    buffer = bytearray(b"246810" + bytes(58))
    view = memoryview(buffer)[:6]
    assert PinHash.parse(CHEAP.hash("246810")).matches(view)
    view.release()
    buffer[:] = bytes(64)
    buffer.append(0)


GOOD = CHEAP.hash("246810")


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (r".*", "246810"),
        ("argon2id", "argon2i"),
        ("v=19", "v=16"),
        ("m=64", "m=9999999"),
        ("m=64", "m=1"),
        ("t=1", "t=0"),
        ("t=1", "t=999"),
        ("p=1", "p=99"),
        (r".$", ""),
        (r"$", " "),
        (r".$", "?"),
    ],
)
def test_what_is_no_hash_is_refused_by_the_configuration(
    pattern: str, instead: str, tmp_path: Path
) -> None:
    text = re.sub(pattern, instead, GOOD, count=1)
    with pytest.raises(HashInvalid):
        PinHash.parse(text)
    with pytest.raises(ConfigError) as caught:
        Settings.load(_config(tmp_path, f'pin_hash = "{text}"'))
    assert caught.value.where == "staff.pin_hash"
    assert GOOD[-20:-1] not in str(caught.value)


def test_staff_mode_needs_a_state_directory_and_a_hash(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load(_config(tmp_path, f'pin_hash = "{GOOD}"', state=""))
    assert caught.value.where == "kiosk.state_directory"
    assert Settings.load(_config(tmp_path, "")).staff_room() is None
    assert Settings.load(_config(tmp_path, f'pin_hash = "{GOOD}"')).staff_room() is not None


def _config(folder: Path, staff: str, state: str = ".") -> Path:
    for name in ("tokens.toml", "webmail.toml"):
        (folder / name).write_bytes((ROOT / "config" / name).read_bytes())
    path = folder / "kiosk.toml"
    path.write_text(
        f'[kiosk]\nid = "k"\nstate_directory = "{state}"\n[service]\nurl = "https://x.example"\n'
        f"[staff]\n{staff}\n"
    )
    return path


# The command


def _ask() -> pexpect.spawn[str]:
    child = pexpect.spawn(
        sys.executable, ["-m", "kiosk", "staff", "pin"], cwd=ROOT, encoding="utf-8", timeout=30
    )
    child.expect_exact("digits): ")
    return child


def test_the_command_asks_twice_without_echo_and_prints_the_line() -> None:
    child = _ask()
    child.send("24681\x7f10\r")
    child.expect_exact("again: ")
    child.send("246810\r")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "246810" not in child.before
    line = child.before.split('pin_hash = "')[1].split('"')[0]
    assert PinHash.parse(line).matches(bytearray(b"246810"))
    assert not PinHash.parse(line).matches(bytearray(b"246811"))


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("12345\r", "", "6 to 12 digits"),
        ("1234567890123\r", "", "6 to 12 digits"),
        ("12ab56\r", "", "6 to 12 digits"),
        ("777777\r", "", "one digit only"),
        ("123456\r", "", "order of counting"),
        ("246810\r", "246811\r", "differ"),
        ("2468\x03", "", ""),
    ],
)
def test_the_command_refuses_in_words(first: str, second: str, words: str) -> None:
    child = _ask()
    child.send(first)
    if second:
        child.expect_exact("again: ")
        child.send(second)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    assert words in child.before
    assert "pin_hash" not in child.before


@pytest.mark.parametrize(
    ("pin", "reason"),
    [
        ("111111", "one digit"),
        ("123456", "counting"),
        ("654321", "counting"),
        ("567890123", "counting"),
        ("210987", "counting"),
        ("112233", "counting"),
        ("111222", "counting"),
        ("121212", "same 2 digits"),
        ("1212121", "same 2 digits"),
        ("135135", "same 3 digits"),
        ("807980798079", "same 4 digits"),
    ],
)
def test_what_anybody_would_try_first_is_refused(pin: str, reason: str) -> None:
    assert reason in weakness(bytearray(pin.encode()))


@pytest.mark.parametrize("pin", ["246810", "807924", "123465", "121213", "998871"])
def test_other_pins_are_taken(pin: str) -> None:
    assert weakness(bytearray(pin.encode())) == ""


# The wait


class Clocks:
    boot = "one"
    uptime = 1000.0
    calendar = 1_700_000_000.0

    def tries(self, folder: Path) -> Tries:
        return Tries(
            folder / "tries.json",
            boot=lambda: self.boot,
            uptime=lambda: self.uptime,
            calendar=lambda: self.calendar,
        )

    def pass_by(self, seconds: float) -> None:
        self.uptime += seconds
        self.calendar += seconds


def wrong(tries: Tries, times: int) -> None:
    for _ in range(times):
        tries.begin()


def test_the_wait_doubles_to_a_quarter_of_an_hour_and_a_right_pin_ends_it(tmp_path: Path) -> None:
    clocks = Clocks()
    tries = clocks.tries(tmp_path)
    waits = []
    for _ in range(10):
        tries.begin()
        waits.append(tries.wait)
        clocks.pass_by(tries.wait)
        assert tries.wait == 0
    assert waits == [0, 0, 30, 60, 120, 240, 480, 900, 900, 900]
    tries.begin()
    tries.succeeded()
    assert (tries.wrong, tries.wait) == (0, 0)
    wrong(tries, FREE - 1)
    assert tries.wait == 0


def test_a_restart_does_not_end_the_wait(tmp_path: Path) -> None:
    clocks = Clocks()
    wrong(clocks.tries(tmp_path), FREE + 1)
    clocks.pass_by(10)
    tries = clocks.tries(tmp_path)
    assert (tries.wrong, tries.wait) == (FREE + 1, 2 * FIRST_WAIT - 10)
    # Within a boot, a calendar that is set changes nothing.
    clocks.calendar += 1e9
    assert clocks.tries(tmp_path).wait == 2 * FIRST_WAIT - 10
    clocks.calendar -= 2e9
    assert clocks.tries(tmp_path).wait == 2 * FIRST_WAIT - 10


def test_a_boot_does_not_end_the_wait_either(tmp_path: Path) -> None:
    clocks = Clocks()
    wrong(clocks.tries(tmp_path), FREE)
    clocks.boot, clocks.uptime = "two", 5.0
    clocks.calendar += 12
    assert clocks.tries(tmp_path).wait == FIRST_WAIT - 12
    clocks.calendar += 60
    assert clocks.tries(tmp_path).wait == 0
    # A battery that is empty: the calendar begins in 1970, and the whole wait begins.
    clocks.calendar = 0
    tries = clocks.tries(tmp_path)
    assert (tries.wait, tries.wrong) == (FIRST_WAIT, FREE)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"wrong": 1}',
        json.dumps({"wrong": -1, "boot": "one", "ends": 0, "ends_calendar": 0}),
        json.dumps({"wrong": True, "boot": "one", "ends": 0, "ends_calendar": 0}),
        "\0" * 40,
    ],
)
def test_a_broken_file_is_a_wait_and_no_crash(content: str, tmp_path: Path) -> None:
    clocks = Clocks()
    (tmp_path / "tries.json").write_text(content)
    tries = clocks.tries(tmp_path)
    assert tries.wait == FIRST_WAIT
    clocks.pass_by(FIRST_WAIT)
    tries.begin()
    tries.succeeded()
    assert clocks.tries(tmp_path).wait == 0


@pytest.mark.parametrize("ends", ["NaN", "Infinity", "-Infinity", "1e300"])
def test_no_number_in_the_file_makes_a_wait_without_end(ends: str, tmp_path: Path) -> None:
    (tmp_path / "tries.json").write_text(
        f'{{"wrong": 9, "boot": "one", "ends": {ends}, "ends_calendar": {ends}}}'
    )
    for boot in ("one", "two"):
        clocks = Clocks()
        clocks.boot = boot
        assert 0 <= clocks.tries(tmp_path).wait <= LONGEST_WAIT


def test_the_count_is_on_the_disk_before_the_pin_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's content, and then the folder with its name: a power cut leaves no older count."""
    synced: list[tuple[bool, str]] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        named = tmp_path / "tries.json"
        synced.append((folder, named.read_text() if named.exists() else ""))

    monkeypatch.setattr(os, "fsync", note)
    Clocks().tries(tmp_path).begin()
    assert [folder for folder, _ in synced] == [False, True]
    assert json.loads(synced[-1][1])["wrong"] == 1


def test_a_disk_that_cannot_be_written_keeps_nobody_out_and_still_counts(tmp_path: Path) -> None:
    tries = Clocks().tries(tmp_path / "missing")
    assert tries.wait == 0
    wrong(tries, FREE)
    assert tries.wait == FIRST_WAIT
