"""The export holds what a technician needs, and nobody's personal data."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from kiosk.audit import Journal
from kiosk.audit_verify import verify
from kiosk.config import (
    Config,
    HoursSection,
    KioskSection,
    PrinterSection,
    ServiceSection,
    StaffSection,
    SupportSection,
)
from kiosk.staff.diagnostics import KEPT, Diagnostics
from kiosk.staff.page import Row, Say
from kiosk.staff.recent_log import LINES, RecentLog
from kiosk.staff.redaction import REMOVED, Redactor, redacted_config
from kiosk.staff.stick import UNIT, Stick

HASH = "$argon2id$v=19$m=65536,t=3,p=4$SYS7rV7D01SY7gtX9RVJTg$kDv/aI+n2kZliXLTCxvX98kEL5a2ukB0DOQ"

CONFIG = Config(
    kiosk=KioskSection(id="quay-01", state_directory="/var/lib/vnpt-bhxh-kiosk"),
    service=ServiceSection(
        url="https://bhxh.noi-bo.example/api",
        proxy="http://proxy.noi-bo.example:3128",
        client_key="/etc/keys/kiosk.key",
        pins=("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",),
    ),
    support=SupportSection(email="hotro@vnpt.example"),
    staff=StaffSection(pin_hash=HASH),
    hours=HoursSection(monday=("07:30-11:30",)),
)

SECRETS = [
    "noi-bo",
    "kDv/aI",
    "SYS7rV7D",
    "AAAAAAAAAAAA",
    "hotro@vnpt",
    "kiosk.key",
    "0100000001",
    "HOA SEN",
    "hoasen@gmail.com",
    "10.20.30.40",
    "2001:db8::7",
    "SN-998877",
]

DOCTOR = {
    "kiosk": "1.0",
    "findings": [
        {
            "name": "service",
            "text": "https://bhxh.noi-bo.example/api answers from 10.20.30.40 and 2001:db8::7",
            "facts": {"organisation": "CÔNG TY HOA SEN", "tax_code": "0100000001", "days": 12},
        },
        {"name": "readers", "text": "Feitian ePass2003 (SN-998877) 00 00 at 10:11:18"},
        {"name": "mail", "text": "hoasen@gmail.com of 0100000001-001"},
    ],
}


def diagnostics(folder: Path, stick: Stick | None = None) -> Diagnostics:
    said = folder / "doctor.json"
    said.write_text(json.dumps(DOCTOR, ensure_ascii=False))
    return Diagnostics(
        CONFIG,
        folder / "kiosk.toml",
        folder / "export",
        folder / "audit",
        lambda: ("INFO kiosk.x: the host bhxh.noi-bo.example at 10.20.30.40 is away",),
        stick or Stick(folder / "no-device"),
        doctor=(sys.executable, "-c", f"print(open({str(said)!r}).read())"),
    )


def words(rows: tuple[Row, ...]) -> list[str]:
    return [row.text.key for row in rows if isinstance(row.text, Say)]


def contents(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


async def test_the_zip_is_whole_and_holds_no_secret(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "audit", max_bytes=4096)
    for number in range(60):
        journal.append("visit begun", visit=f"v{number}", tax_code="01******01")
    journal.close()
    with (tmp_path / "audit" / "audit.jsonl").open("ab") as file:
        file.write(b"hoasen@gmail.com is no line of a journal\n")
        # What a damaged disk leaves is often no text at all.
        file.write(b'{"seq":61,"time":"","what":"\xff\xfe"}\n')
        # Of a later version, or written by hand: nobody has looked at what such a field holds.
        file.write(b'{"seq":61,"time":"","what":"started","username":"hoasen"}\n')
    rows = await diagnostics(tmp_path).export()
    assert words(rows) == ["staff.export.in_folder"]
    (file,) = (tmp_path / "export").iterdir()
    assert str(file) in rows[0].details
    parts = contents(file)
    assert "hoasen" not in "".join(parts.values())
    assert {"version.json", "config.json", "doctor.json", "log.txt"} <= parts.keys()
    for name, text in parts.items():
        for secret in SECRETS:
            assert secret not in text, (name, secret)
    report = json.loads(parts["doctor.json"])
    assert report["findings"][0]["facts"]["days"] == 12
    assert "at 10:11:18" in report["findings"][1]["text"]
    config = json.loads(parts["config.json"])
    assert config["service"]["url"] == REMOVED
    assert config["service"]["timeout"] == 10.0
    assert config["hours"]["monday"] == ["07:30-11:30"]
    assert "is away" in parts["log.txt"]
    # The journal is as it was, so that its hashes can be checked elsewhere.
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, text in parts.items():
        if name.startswith("audit/"):
            (copy / name.removeprefix("audit/")).write_text(text)
    found = verify(copy)
    assert found.in_order
    assert found.records == 60


async def test_a_damaged_journal_and_half_a_character_do_not_keep_the_export_from_being_made(
    tmp_path: Path,
) -> None:
    audit = tmp_path / "audit"
    audit.mkdir()
    line = b'{"seq":1,"time":"","what":"visit begun","visit":"v1"}\n'
    (audit / "damaged-1.jsonl").write_bytes(line + b'{"seq":2,"what":"\xc3\x28"}\n\xff\x00\n')
    said = replace(diagnostics(tmp_path), log_lines=lambda: ("a name \udcff on a disk",))
    assert words(await said.export()) == ["staff.export.in_folder"]
    (file,) = (tmp_path / "export").iterdir()
    parts = contents(file)
    assert parts["audit/damaged-1.jsonl"] == line.decode()
    assert "on a disk" in parts["log.txt"]


async def test_a_disk_that_fails_while_it_is_read_is_told(tmp_path: Path) -> None:
    def fails() -> tuple[str, ...]:
        raise OSError(errno.EIO, "Input/output error")

    rows = await replace(diagnostics(tmp_path), log_lines=fails).export()
    assert words(rows) == ["staff.export.failed"]


async def test_an_export_that_takes_too_long_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.staff.diagnostics.WORK", 0.2)
    slow = replace(diagnostics(tmp_path), doctor=("/bin/sh", "-c", "exec sleep 60"))
    assert words(await slow.export()) == ["staff.no_answer"]


async def test_the_folder_keeps_the_newest_few(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    for number in range(KEPT + 3):
        (export / f"kiosk-quay-01-20200101-00000{number}.zip").write_bytes(b"")
    await diagnostics(tmp_path).export()
    files = sorted(export.iterdir())
    assert len(files) == KEPT
    assert files[-1].stat().st_size > 0


async def test_a_doctor_that_fails_leaves_an_export(tmp_path: Path) -> None:
    broken = diagnostics(tmp_path)
    for doctor in (("/no/such/program",), (sys.executable, "-c", "print('no JSON')")):
        changed = Diagnostics(
            broken.config,
            broken.config_path,
            broken.folder,
            broken.audit,
            broken.log_lines,
            broken.stick,
            doctor,
        )
        assert words(await changed.export()) == ["staff.export.in_folder"]
    file = max(broken.folder.iterdir())
    assert "failed" in json.loads(contents(file)["doctor.json"])


async def test_a_full_disk_is_told(tmp_path: Path) -> None:
    (tmp_path / "export").write_text("a file where the folder should be")
    assert words(await diagnostics(tmp_path).export()) == ["staff.export.failed"]


# The stick


class Plugged:
    """A stick whose systemctl is a script: its arguments are the verb and the unit, and what it
    mounts or unmounts is a folder that is there or not."""

    def __init__(self, folder: Path, start: str = "", stop: str = "") -> None:
        self.media = folder / "media"
        self.log = folder / "log"
        (folder / "device").touch()
        script = f"""
            echo "$1 $2" >> {self.log}
            if [ "$1" = start ]; then {start or ":"}; mkdir {self.media}
            else {stop or ":"}; [ ! -e {self.media} ] || mv -T {self.media} {folder}/unplugged; fi
        """
        self.stick = Stick(
            folder / "device",
            self.media,
            ("/bin/sh", "-c", script, "systemctl"),
            is_mount=lambda path: path.is_dir(),
            pause=0.01,
        )

    @property
    def verbs(self) -> list[str]:
        return [line.split()[0] for line in self.log.read_text().splitlines()]


async def test_an_export_goes_to_the_stick_and_the_stick_is_given_back(tmp_path: Path) -> None:
    plugged = Plugged(tmp_path)
    rows = await diagnostics(tmp_path, plugged.stick).export()
    assert words(rows) == ["staff.export.on_stick", "staff.export.pull_out"]
    (file,) = (tmp_path / "unplugged").iterdir()
    assert file.name in rows[0].details
    assert "version.json" in contents(file)
    assert plugged.log.read_text() == f"start {UNIT}\nstop {UNIT}\n"
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("start", ["exit 1", "kill -9 $$"])
async def test_a_stick_that_cannot_be_mounted_is_told(start: str, tmp_path: Path) -> None:
    rows = await diagnostics(tmp_path, Plugged(tmp_path, start).stick).export()
    assert words(rows) == ["staff.export.stick_failed", "staff.export.in_folder"]


async def test_nothing_is_written_where_no_stick_is_mounted(tmp_path: Path) -> None:
    """systemd says yes, but the stick was pulled out: below is the machine's own disk."""
    plugged = Plugged(tmp_path, start="exit 0")
    below: list[Path] = []
    plugged.stick._is_mount = lambda path: below.append(path) is not None
    plugged.media.mkdir()
    rows = await diagnostics(tmp_path, plugged.stick).export()
    assert words(rows) == ["staff.export.stick_failed", "staff.export.in_folder"]
    assert below
    assert not list((tmp_path / "unplugged").iterdir())


async def test_a_stick_that_is_full_or_read_only_is_told_and_given_back(tmp_path: Path) -> None:
    plugged = Plugged(tmp_path, start=f"touch {tmp_path}/media; exit 0")
    plugged.stick._is_mount = Path.exists
    rows = await diagnostics(tmp_path, plugged.stick).export()
    assert words(rows) == ["staff.export.stick_failed", "staff.export.in_folder"]
    assert plugged.verbs == ["start", "stop"]


async def test_a_stick_that_is_still_busy_is_tried_again(tmp_path: Path) -> None:
    busy = f"[ $(grep -c stop {tmp_path}/log) -ge 3 ] || exit 1"
    plugged = Plugged(tmp_path, stop=busy)
    rows = await diagnostics(tmp_path, plugged.stick).export()
    assert words(rows) == ["staff.export.on_stick", "staff.export.pull_out"]
    assert plugged.verbs == ["start", "stop", "stop", "stop"]


async def test_nobody_is_told_to_pull_out_a_stick_that_is_mounted(tmp_path: Path) -> None:
    rows = await diagnostics(tmp_path, Plugged(tmp_path, stop="exit 1").stick).export()
    assert words(rows) == ["staff.export.on_stick", "staff.export.leave_in"]


async def test_who_could_not_write_it_either_is_told_to_leave_it_in(tmp_path: Path) -> None:
    start = f"mkdir {tmp_path}/media; exit 1"
    rows = await diagnostics(tmp_path, Plugged(tmp_path, start, stop="exit 1").stick).export()
    assert words(rows) == [
        "staff.export.stick_failed",
        "staff.export.in_folder",
        "staff.export.leave_in",
    ]


async def test_trying_to_unmount_it_comes_to_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.staff.stick.GIVING_BACK", 0.3)
    async with asyncio.timeout(10):
        rows = await diagnostics(tmp_path, Plugged(tmp_path, stop="exec sleep 60").stick).export()
    assert words(rows) == ["staff.export.on_stick", "staff.export.leave_in"]


async def test_whoever_leaves_in_the_middle_leaves_no_stick_mounted(tmp_path: Path) -> None:
    plugged = Plugged(tmp_path)
    inside = asyncio.Event()

    async def hold() -> None:
        async with plugged.stick.mounted():
            inside.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(hold())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert plugged.verbs == ["start", "stop"]


async def _until_logged(plugged: Plugged, verb: str) -> None:
    async with asyncio.timeout(10):
        while not plugged.log.exists() or verb not in plugged.verbs:
            await asyncio.sleep(0.01)


async def test_whoever_leaves_while_it_is_being_mounted_leaves_none_either(tmp_path: Path) -> None:
    plugged = Plugged(tmp_path, start="exec sleep 3600")
    task = asyncio.create_task(diagnostics(tmp_path, plugged.stick).export())
    await _until_logged(plugged, "start")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert plugged.verbs == ["start", "stop"]


async def test_giving_it_back_cannot_be_broken_off_and_is_waited_for(tmp_path: Path) -> None:
    """Also not by whoever leaves a second time; the next export begins when it is done."""
    go = tmp_path / "go"
    plugged = Plugged(tmp_path, stop=f"until [ -e {go} ]; do sleep 0.01; done")

    async def use() -> Path | None:
        async with plugged.stick.mounted() as mounted:
            return mounted

    task = asyncio.create_task(use())
    await _until_logged(plugged, "stop")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    again = asyncio.create_task(use())
    await asyncio.sleep(0)
    assert plugged.stick.is_mounted
    go.touch()
    assert await again == plugged.media
    assert plugged.verbs == ["start", "stop", "start", "stop"]
    assert not plugged.stick.is_mounted


# Redaction and the log


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("mail to ke.toan@hoasen.vn failed", "ke.toan@hoasen.vn"),
        ("GET https://a.b.example:8443/v1/health", "a.b.example"),
        ("from 192.168.1.20:443", "192.168.1.20"),
        ("to [fe80::1%eth0]", "fe80::1"),
        ("MST 0100000001-001", "0100000001"),
        ("UID=CCCD:012345678901, C=VN", "012345678901"),
        ("UID=CMND:123456789", "123456789"),
        (f"hash {HASH}", "kDv/aI"),
        ("-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----", "MIIabc"),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, secret: str) -> None:
    assert secret not in Redactor().text(text)


def test_the_webhook_and_the_printer_are_known() -> None:
    support = SupportSection(webhook="https://counter.lan/hook/s3cret")
    printer = PrinterSection(device="tcp://printer.lan:9100")
    redactor = Redactor.of(msgspec.structs.replace(CONFIG, support=support, printer=printer))
    text = redactor.text("POST counter.lan /hook/s3cret, no route to printer.lan")
    assert not [known for known in ("counter", "s3cret", "printer.lan") if known in text]


@pytest.mark.parametrize(
    "text",
    ["2026-11-25 10:11:18,123 INFO kiosk.controller: Started: welcome -> consent", "K02 S01 12.5"],
)
def test_what_a_technician_needs_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_a_new_setting_is_removed_until_somebody_says_that_it_is_harmless() -> None:
    shown = json.dumps(redacted_config(CONFIG))
    for secret in SECRETS:
        assert secret not in shown
    assert "quay-01" in shown


def test_the_recent_log_is_bounded_and_keeps_no_exception() -> None:
    handler = RecentLog()
    logger = logging.Logger("kiosk.test")
    logger.addHandler(handler)
    for number in range(LINES + 5):
        logger.info("line %d", number)
    try:
        raise ValueError("hoasen@gmail.com")
    except ValueError:
        logger.exception("a fault")
    assert len(handler.lines) == LINES
    assert handler.lines[-1].endswith("a fault")
    assert "hoasen" not in "".join(handler.lines)
