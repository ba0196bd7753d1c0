"""`kiosk doctor`: configuration, rights, CAs, disks and records, on made files."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.assembly import Settings
from kiosk.audit import Journal
from kiosk.config_check import check_configuration
from kiosk.doctor.configuration import look_at_configuration
from kiosk.doctor.disk import FAILED_BELOW, MEGABYTE, look_at_disks
from kiosk.doctor.findings import Finding, Status
from kiosk.doctor.machine import UNIT
from kiosk.doctor.permissions import (
    Place,
    check_hash_is_private,
    check_own_folder,
    check_readable,
    check_secret,
    check_unit_lets_write,
    check_writable,
    look_at_permissions,
)
from kiosk.doctor.records import look_at_crashes, look_at_duty, look_at_journal, look_at_staff_mode
from kiosk.doctor.trust import look_at_trust
from kiosk.hours import OpeningHours, Span
from kiosk.machine import TAKEN_OUT
from kiosk.sandbox.pki import SandboxPki
from tests.stack.parts import write_config
from tests.unit.made_machine import Made, assert_advised, statuses, the

T = TypeVar("T")

NOBODY = 65534
NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


def as_nobody(look: Callable[[], T]) -> T:
    """Do it as another user than root, who may do everything; as ourselves, if we are not root."""
    if os.geteuid() != 0:
        return look()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            os.write(writing, pickle.dumps(look()))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        result = pickle.load(stream)  # noqa: S301 - it is our own child's.
    os.waitpid(child, 0)
    return result  # type: ignore[no-any-return]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that user nobody may look into: pytest's own only root may."""
    with tempfile.TemporaryDirectory(prefix="kiosk-doctor-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SandboxPki.open(tmp_path_factory.mktemp("pki")).trust_directory


def test_all_faults_of_a_configuration_are_told_at_once(tmp_path: Path, trust: Path) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:9", trust)
    assert [one.status for one in look_at_configuration(check_configuration(config))] == [Status.OK]
    config.write_text(
        'zzz = 1\n[kiosk]\nid = "a b"\nlanguage = "xx"\n[service]\npins = [1, "a"]\ntimeout = 0\n'
        "[hardware]\npin_length = [1]\n[audit]\nfiles = 1.5\n[hours]\nmonday = ['7-8', '9-10']\n"
    )
    (tmp_path / "tokens.toml").write_text("[default]\nmodules = []\n[family.a]\nmodules = ['x']\n")
    found = look_at_configuration(check_configuration(config))
    assert_advised(found)
    places = [(Path(str(one.facts["file"])).name, one.facts["where"]) for one in found]
    assert places == [
        ("kiosk.toml", "zzz"),
        ("kiosk.toml", "kiosk.id"),
        ("kiosk.toml", "kiosk.language"),
        ("kiosk.toml", "service.url"),
        ("kiosk.toml", "service.pins[0]"),
        ("kiosk.toml", "service.timeout"),
        ("kiosk.toml", "hardware.pin_length"),
        ("kiosk.toml", "audit.files"),
        ("kiosk.toml", "hours.monday[0]"),
        ("kiosk.toml", "hours.monday[1]"),
        ("tokens.toml", "default.modules"),
        ("tokens.toml", "family.a.atr"),
        ("tokens.toml", "family.a.modules[0]"),
    ]


def test_faults_behind_a_file_that_can_be_read_are_told_together(tmp_path: Path) -> None:
    empty = tmp_path / "no-trust"
    empty.mkdir()
    config = write_config(tmp_path, "https://bhxh.invalid", empty)
    found = look_at_configuration(check_configuration(config))
    assert [one.facts["where"] for one in found] == ["*.pem, *.crt", "service.url"]
    config.write_text(config.read_text() + "[hardware]\npin_length = [9, 8]\n")
    checked = check_configuration(config)
    assert [one.where for one in checked.faults] == ["hardware.pin_length"]
    assert checked.settings is None


@pytest.mark.parametrize("content", [b"\xff", b"= nonsense", None])
def test_a_file_that_is_no_toml_is_one_fault(
    tmp_path: Path, trust: Path, content: bytes | None
) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:9", trust)
    if content is None:
        config.unlink()
    else:
        config.write_bytes(content)
    assert len(check_configuration(config).faults) == 1


def file(folder: Path, mode: int, name: str = "file") -> Place:
    path = folder / name
    path.write_text("x")
    path.chmod(mode)
    return Place("service.client_key", path)


def owned(place: Place) -> Place:
    """The same, given to the user that asks."""
    if os.geteuid() == 0:
        os.chown(place.path, NOBODY, NOBODY)
    return place


def test_a_secret_is_the_users_own_and_nobody_elses(folder: Path) -> None:
    place = owned(file(folder, 0o600))
    good = as_nobody(lambda: check_secret(place))
    assert good.status is Status.OK
    assert "0600" in good.text
    place.path.chmod(0o640)
    group = as_nobody(lambda: check_secret(place))
    assert group.status is Status.FAILED
    assert group.advice.startswith(f"chmod 600 {folder / 'file'}")
    assert "getfacl" not in group.advice
    if os.geteuid() == 0:
        roots = file(folder, 0o600, "of-root")
        theirs = as_nobody(lambda: check_secret(roots))
        assert theirs.status is Status.FAILED
        assert "cannot be read by nobody" in theirs.text
        assert theirs.advice == f"chown nobody {folder / 'of-root'}"


def test_bits_that_come_from_an_access_list_are_told_as_such(folder: Path) -> None:
    place = file(folder, 0o600)
    # One entry for user nobody, as systemd makes it for a credential (acl(5), posix_acl_xattr.h).
    entries = (
        (0x01, 6, 0xFFFFFFFF),
        (0x02, 4, NOBODY),
        (0x04, 0, 0xFFFFFFFF),
        (0x10, 4, 0xFFFFFFFF),
        (0x20, 0, 0xFFFFFFFF),
    )
    data = (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + who.to_bytes(4, "little")
        for tag, bits, who in entries
    )
    try:
        os.setxattr(place.path, "system.posix_acl_access", data)
    except OSError:
        pytest.skip("this file system has no access lists")
    finding = check_secret(place)
    assert finding.status is Status.FAILED
    assert "LoadCredential=" in finding.advice


def test_what_the_kiosk_reads_and_what_it_writes(folder: Path) -> None:
    absent = Place("kiosk.toml", folder / "absent.toml")
    assert as_nobody(lambda: check_readable(absent)).status is Status.FAILED
    everybodys = file(folder, 0o646)
    assert "everybody on this machine" in as_nobody(lambda: check_readable(everybodys)).text
    own = owned(file(folder, 0o644, "own"))
    assert as_nobody(lambda: check_readable(own)).status is Status.WARNING
    if os.geteuid() != 0:
        return
    hidden = file(folder, 0o600, "hidden")
    assert "cannot be read by nobody" in as_nobody(lambda: check_readable(hidden)).text
    assert "cannot be written by nobody" in as_nobody(lambda: check_writable(hidden)).text
    new = Place("hardware.unknown_tokens_file", folder / "new.txt")
    assert "nobody cannot make it" in as_nobody(lambda: check_writable(new)).text
    assert not new.path.exists()
    folder.chmod(0o777)
    assert as_nobody(lambda: check_writable(new)).status is Status.OK
    assert not new.path.exists()


def test_the_state_folder(folder: Path) -> None:
    state = Place("kiosk.state_directory", folder / "state")
    assert "no such file" in check_own_folder(state).text
    state.path.mkdir(mode=0o700)
    if os.geteuid() == 0:
        finding = as_nobody(lambda: check_own_folder(state))
        assert finding.status is Status.FAILED
        assert "chown nobody" in finding.advice
    owned(state)
    assert as_nobody(lambda: check_own_folder(state)).status is Status.OK
    state.path.chmod(0o755)
    assert as_nobody(lambda: check_own_folder(state)).status is Status.WARNING


def test_the_unit_has_to_let_the_kiosk_write_there(tmp_path: Path) -> None:
    made = Made(tmp_path)
    places = [
        Place("kiosk.state_directory", Path("/var/lib/vnpt-bhxh-kiosk")),
        Place("hardware.unknown_tokens_file", Path("/srv/tokens.txt")),
    ]
    assert check_unit_lets_write(places, made.machine) == []
    made.install()
    (finding,) = check_unit_lets_write(places, made.machine)
    assert "/srv/tokens.txt" in finding.text
    assert "/var/lib/vnpt-bhxh-kiosk" in finding.advice
    for value in ("/srv", "-/srv", "+/srv", "/opt -+/srv"):
        made.write(f"/etc/systemd/system/{UNIT}.d/a.conf", f"[Service]\nReadWritePaths={value}\n")
        assert check_unit_lets_write(places, made.machine) == [], value
    made.write(
        f"/etc/systemd/system/{UNIT}.d/a.conf",
        "[Service]\nStateDirectory=\nStateDirectory=other:vnpt-bhxh-kiosk\nReadWritePaths=-/srv/x\n",
    )
    assert len(check_unit_lets_write(places, made.machine)) == 2


def test_a_staff_pins_hash_that_everybody_may_read(folder: Path) -> None:
    place = Place("staff.pin_hash", folder / "kiosk.toml")
    place.path.write_text("x")
    for file, private, public in ((place.path, 0o640, 0o644), (folder, 0o710, 0o711)):
        file.chmod(private)
        assert check_hash_is_private(place) == []
        file.chmod(public)
    (finding,) = check_hash_is_private(place)
    assert finding.status is Status.WARNING
    assert "everybody on this machine may read the staff PIN's hash" in finding.text
    assert_advised([finding])


def test_all_files_of_a_configuration_are_looked_at(tmp_path: Path, trust: Path) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:9", trust)
    key = tmp_path / "key.pem"
    key.write_text("x")
    key.chmod(0o644)
    config.write_text(
        config.read_text()
        .replace("[service]\n", '[service]\nclient_key = "key.pem"\n')
        .replace("[kiosk]\n", '[kiosk]\nstate_directory = "state"\n')
    )
    found = look_at_permissions(Settings.load(config), Made(tmp_path / "root").machine)
    assert_advised(found)
    told = {one.facts.get("key", one.text.split(":")[0]): one.status for one in found}
    assert told["service.client_key"] is Status.FAILED
    assert told["kiosk.state_directory"] is Status.FAILED
    assert {"kiosk.toml", "hardware.tokens_file", "mailbox.webmail_file"} < set(told)


Authority = tuple[x509.Name, ec.EllipticCurvePrivateKey]


def ca(
    folder: Path, name: str, lasting: timedelta, authority: Authority | None = None
) -> Authority:
    """Put a CA's certificate into a folder; its own root, if none is given."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, issuing_key = authority or (subject, key)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + lasting)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(issuing_key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return subject, key


def look_in(directory: Path, **later: float) -> list[Finding]:
    return look_at_trust(directory, datetime.now(UTC) + timedelta(**later))


def test_cas_and_their_end(tmp_path: Path, trust: Path) -> None:
    found = look_in(trust)
    assert {one.status for one in found} == {Status.OK}
    root = ca(tmp_path, "root", timedelta(days=4000))
    ca(tmp_path, "under", timedelta(days=100), root)
    soon = look_in(tmp_path, days=40)
    assert statuses(soon) == {"ca": Status.WARNING, "trust": Status.OK}
    (finding,) = [one for one in soon if one.status is Status.WARNING]
    assert "under (CA under a root): expires on" in finding.text
    assert "in 59 days" in finding.text
    assert {one.status for one in look_in(tmp_path, days=39)} == {Status.OK}
    over = look_in(tmp_path, days=101)
    assert_advised(over)
    assert the("trust", over).status is Status.FAILED
    assert "no CA under a root is valid now" in the("trust", over).text
    assert "no root is valid now" in the("trust", look_in(tmp_path, days=4001)).text
    # A second CA under the root, and the kiosk serves on.
    ca(tmp_path, "next", timedelta(days=2000), root)
    assert statuses(look_in(tmp_path, days=101)) == {"ca": Status.WARNING, "trust": Status.OK}


def test_a_trust_folder_that_is_empty_absent_broken_or_only_half_full(
    tmp_path: Path, trust: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no root is in the folder" in the("trust", look_in(empty)).text
    assert "no such file" in the("trust", look_in(tmp_path / "absent")).text
    roots = tmp_path / "roots"
    roots.mkdir()
    for one in trust.iterdir():
        (roots / one.name).write_bytes(one.read_bytes())
    (roots / "bad.pem").write_text("not a certificate")
    broken = look_in(roots)
    assert "bad.pem" in next(one.text for one in broken if one.status is Status.FAILED)
    (roots / "bad.pem").unlink()
    for one in look_in(roots):
        if one.name == "ca" and not one.facts["root"]:
            Path(str(one.facts["file"])).unlink()
    assert "only roots" in the("trust", look_in(roots)).text
    assert the("trust", look_in(roots)).status is Status.WARNING


def disk(free: int, *, files: int = 10**6, flags: int = 0) -> Callable[[Path], os.statvfs_result]:
    return lambda _: os.statvfs_result((1, 1, 10**9, free, free, 10**6, files, files, flags, 255))


@pytest.mark.parametrize(
    ("free", "options", "status", "words"),
    [
        (400 * MEGABYTE, {}, Status.OK, "400 MB free"),
        (200 * MEGABYTE, {}, Status.WARNING, "200 MB free"),
        (FAILED_BELOW - 1, {}, Status.FAILED, "at least 20 MB are needed"),
        (4096 * MEGABYTE, {"files": 5}, Status.WARNING, "room for 5 files"),
        (4096 * MEGABYTE, {"flags": os.ST_RDONLY}, Status.FAILED, "4.0 GB free, read-only"),
    ],
)
def test_room_on_a_disk(
    tmp_path: Path, free: int, options: dict[str, int], status: Status, words: str
) -> None:
    places = {"log": tmp_path / "not" / "there" / "yet"}
    (finding,) = look_at_disks(places, statvfs=disk(free, **options))
    assert finding.status is status
    assert words in finding.text
    assert_advised([finding])


def test_the_journal(tmp_path: Path) -> None:
    assert the("journal", look_at_journal(None)).status is Status.WARNING
    journal = Journal(tmp_path)
    journal.open()
    for _ in range(3):
        journal.append("visit begun")
    journal.close()
    assert the("journal", look_at_journal(tmp_path)).text == (
        "audit journal: lines 1 to 3, none is missing"
    )
    path = tmp_path / "audit.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"seq":4,')
    torn = the("journal", look_at_journal(tmp_path))
    assert torn.status is Status.WARNING
    assert "9 bytes at the end are torn" in torn.text
    # The doctor only looks: healing is the kiosk's.
    assert path.read_bytes() == whole + b'{"seq":4,'
    path.write_bytes(whole.replace(b"visit begun", b"visit ended", 1))
    changed = the("journal", look_at_journal(tmp_path))
    assert changed.status is Status.FAILED
    assert "audit.jsonl, line 2: does not follow" in changed.text
    assert_advised([torn, changed])


def test_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert statuses(look_at_crashes(tmp_path / "absent")) == {"crashes": Status.SKIPPED}
    assert statuses(look_at_crashes(tmp_path)) == {"crashes": Status.OK}
    monkeypatch.setattr("kiosk.supervision._uptime", lambda: 500.0)
    for times, status in (("490.0\n", Status.WARNING), ("490.0\n" * 5, Status.FAILED)):
        (tmp_path / "crashes").write_text(times)
        found = look_at_crashes(tmp_path)
        assert statuses(found) == {"crashes": status}
        assert_advised(found)


def test_what_keeps_the_kiosk_from_its_duty(tmp_path: Path) -> None:
    always = OpeningHours([[]] * 7)
    assert statuses(look_at_duty(tmp_path, always, NOW)) == {"hours": Status.OK}
    (tmp_path / TAKEN_OUT).touch()
    assert "K12" in the("duty", look_at_duty(tmp_path, always, NOW)).text
    assert statuses(look_at_staff_mode("")) == {"staff": Status.WARNING}
    assert statuses(look_at_staff_mode("$argon2id$")) == {"staff": Status.OK}
    # 2026-11-25 is a Wednesday.
    days = [[], [], [Span.parse("13:00-17:00")], [], [], [], []]
    told = the("hours", look_at_duty(None, OpeningHours(days), NOW)).text
    assert told == "outside opening hours (K11): it opens on 25/11 at 13:00"
