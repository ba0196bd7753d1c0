"""The sandbox's PKI: what is issued, and what happens to a directory over time."""

from __future__ import annotations

import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from kiosk.sandbox.pki import PkiError, SandboxPki
from kiosk.sandbox.scenario import TOKENS, TOKENS_BY_NAME


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pki")


@pytest.fixture(scope="module")
def pki(directory: Path) -> SandboxPki:
    return SandboxPki.open(directory)


def all_leaves(pki: SandboxPki) -> list[x509.Certificate]:
    return [certificate for p in TOKENS for _, certificate in pki.leaves(p.name)]


def test_every_token_has_its_certificates(pki: SandboxPki) -> None:
    now = datetime.now(UTC)
    for profile in TOKENS:
        leaves = pki.leaves(profile.name)
        expected = 0 if not profile.certificate else 2 if profile.second_certificate else 1
        assert len(leaves) == expected, profile.name
        for key, certificate in leaves:
            assert certificate.public_key() == key.public_key()
            issuer = pki.issuing if profile.authority == "vnpt" else pki.foreign_issuing
            certificate.verify_directly_issued_by(issuer)
            uids = [a.value for a in certificate.subject.get_attributes_for_oid(NameOID.USER_ID)]
            assert set(uids) == {f"MST:{profile.tax_code}", *profile.other_uids}
            valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
            assert valid == (profile.validity == "now"), profile.name
    for index, name in ((1, "hoa-sen"), (0, "empty")):
        with pytest.raises(KeyError):
            pki.leaf(name, index)


def test_the_second_certificate_is_of_the_second_organisation(pki: SandboxPki) -> None:
    profile = TOKENS_BY_NAME["two-certificates"]
    names = [
        certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        for _, certificate in pki.leaves(profile.name)
    ]
    assert names == [profile.organisation, profile.second_certificate]


def test_only_the_trusted_hierarchy_is_in_the_trust_directory(pki: SandboxPki) -> None:
    found = [
        x509.load_pem_x509_certificate(file.read_bytes())
        for file in sorted(pki.trust_directory.iterdir())
    ]
    assert found == [pki.root, pki.issuing]
    pki.issuing.verify_directly_issued_by(pki.root)


def test_the_crl_names_revoked_and_suspended_certificates(pki: SandboxPki) -> None:
    crl = pki.crl()
    assert crl.is_signature_valid(pki.issuing.public_key())  # type: ignore[arg-type]
    assert crl.next_update_utc is not None
    assert crl.last_update_utc <= datetime.now(UTC) < crl.next_update_utc
    reasons = {
        entry.serial_number: entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        for entry in crl
    }
    assert reasons == {
        pki.leaf("revoked")[1].serial_number: x509.ReasonFlags.key_compromise,
        pki.leaf("suspended")[1].serial_number: x509.ReasonFlags.certificate_hold,
    }


def test_private_keys_are_for_their_owner_only(pki: SandboxPki, directory: Path) -> None:
    del pki
    assert stat.S_IMODE((directory / "keys").stat().st_mode) == 0o700
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (directory / "keys").iterdir()}
    assert modes == {0o600}


def test_opening_again_changes_nothing(pki: SandboxPki, directory: Path) -> None:
    again = SandboxPki.open(directory)
    assert all_leaves(again) == all_leaves(pki)
    assert (again.root, again.issuing) == (pki.root, pki.issuing)


def test_two_processes_that_open_at_once_have_the_same_keys(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from kiosk.sandbox.pki import SandboxPki;"
        "p = SandboxPki.open(Path(sys.argv[1]));"
        "print(p.root.serial_number, p.leaf('hoa-sen')[1].serial_number)"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    first, second = (child.communicate(timeout=60)[0] for child in children)
    assert first
    assert first == second


def test_an_old_directory_is_brought_up_to_date(pki: SandboxPki, directory: Path) -> None:
    key, old = pki.leaf("hoa-sen")
    expired = pki.leaf("expired")[1]
    later = old.not_valid_after_utc - timedelta(days=1)
    renewed = SandboxPki.open(directory, later)
    new_key, new = renewed.leaf("hoa-sen")
    assert new.not_valid_after_utc > later + timedelta(days=30)
    assert new_key.public_key() == key.public_key()
    assert renewed.leaf("future")[1].not_valid_before_utc > later
    assert renewed.leaf("expired")[1] == expired
    assert renewed.root == pki.root


def test_a_lost_file_is_made_again_and_what_hangs_on_it_too(tmp_path: Path) -> None:
    pki = SandboxPki.open(tmp_path)
    (tmp_path / "keys" / "issuing.pem").unlink()
    (pki.trust_directory / "1-root.pem").unlink()
    again = SandboxPki.open(tmp_path)
    assert again.root == pki.root
    assert again.issuing != pki.issuing
    again.leaf("hoa-sen")[1].verify_directly_issued_by(again.issuing)
    assert len(list(again.trust_directory.iterdir())) == 2


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    broken = tmp_path / "keys" / "root.pem"
    broken.write_text("nothing")
    with pytest.raises(PkiError, match=r"keys/root\.pem"):
        SandboxPki.open(tmp_path)
