"""Certificates that are strange, hostile or badly signed: none of them surprises the kiosk."""

from __future__ import annotations

import random
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from kiosk.hardware.certificate import (
    CertificateRefused,
    CertificateUnreadable,
    ForeignAuthority,
    NoTaxCode,
    TrustStore,
    WeakKey,
    WeakSignature,
    WrongUsage,
    read_identity,
)
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import ODD_TOKENS, TOKENS_BY_NAME
from kiosk.sandbox.tokens import VirtualToken
from tests.unit.test_certificate import CA_NAME, DAY, HOLDER, NOW, ROOT_NAME, Party, issue, name

KEYS = {
    "rsa-3072": ("RSA", 3072, ""),
    "rsa-4096": ("RSA", 4096, ""),
    "p-384": ("EC", 384, "secp384r1"),
}
REFUSALS: dict[str, type[CertificateRefused]] = {
    "sha1": WeakSignature,
    "p-521": WeakKey,
    "wrong-usage": WrongUsage,
    "no-tax-code": NoTaxCode,
    "broken": CertificateUnreadable,
    "version-5": CertificateUnreadable,
    "truncated": CertificateUnreadable,
    "huge-name": CertificateUnreadable,
}
ACCEPTED = {*KEYS, "no-key", "hostile-name", "long-name"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pki")


@pytest.fixture(scope="module")
def pki(directory: Path) -> SandboxPki:
    return SandboxPki.open(directory)


def der_of(pki: SandboxPki, token: str) -> bytes:
    return VirtualToken.from_profile(TOKENS_BY_NAME[token], pki).keys[0].der


def check(pki: SandboxPki, der: bytes) -> tuple[bytes, ...]:
    trust = TrustStore.load(pki.trust_directory)
    return trust.check(read_identity(der), datetime.now(UTC))


def test_the_first_start_makes_no_odd_token(tmp_path: Path) -> None:
    """Long keys would make the first start of the demo wait."""
    SandboxPki.open(tmp_path)
    made = {file.name for file in (tmp_path / "keys").iterdir()}
    assert "token-hoa-sen-0.pem" in made
    for profile in ODD_TOKENS:
        assert f"token-{profile.name}-0.pem" not in made


def test_an_odd_token_is_made_once(pki: SandboxPki, directory: Path) -> None:
    """The card's process, the service and the tests open the same directory."""
    for profile in ODD_TOKENS:
        pki.leaf(profile.name)
    again = SandboxPki.open(directory)
    for profile in ODD_TOKENS:
        assert again.leaf(profile.name)[1] == pki.leaf(profile.name)[1], profile.name


def test_every_odd_token_is_accounted_for() -> None:
    assert {profile.name for profile in ODD_TOKENS} == {*ACCEPTED, *REFUSALS}


@pytest.mark.parametrize("token", sorted(ACCEPTED))
def test_what_is_accepted(pki: SandboxPki, token: str) -> None:
    der = der_of(pki, token)
    assert check(pki, der)[0] == der
    identity = read_identity(der)
    assert identity.tax_code == "0100000001"
    if token in KEYS:
        assert (identity.key_type, identity.key_bits, identity.curve) == KEYS[token]


@pytest.mark.parametrize("token", sorted(REFUSALS))
def test_what_is_refused(pki: SandboxPki, token: str) -> None:
    with pytest.raises(CertificateRefused) as caught:
        check(pki, der_of(pki, token))
    assert type(caught.value) is REFUSALS[token]


def test_a_hostile_subject_is_plain_text(pki: SandboxPki) -> None:
    identity = read_identity(der_of(pki, "hostile-name"))
    assert identity.organisation == "[red]A [@click=app.quit]C[/]D E"
    assert ("MNS", "[b]F") in identity.uids


def test_a_long_name_is_cut(pki: SandboxPki) -> None:
    organisation = read_identity(der_of(pki, "long-name")).organisation
    assert organisation.startswith("CÔNG TY RẤT DÀI RẤT DÀI")
    assert organisation.endswith("…")
    assert len(organisation) <= 200


def test_a_name_longer_than_its_standard_allows_warns_nobody(pki: SandboxPki) -> None:
    """A warning would be written over the screen. VNPT's names are longer than 64 bytes."""
    common_name = "CÔNG TY TNHH MỘT THÀNH VIÊN THƯƠNG MẠI VÀ DỊCH VỤ HƯƠNG SEN HỒNG"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attribute = x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=False)
        der = issue(x509.Name([attribute])).der
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert read_identity(der).organisation == common_name
        with pytest.raises(ForeignAuthority):
            check(pki, der)
    assert warned == []


@pytest.mark.parametrize("token", ["hoa-sen", "p-384"])
def test_a_damaged_certificate_is_refused_whatever_the_damage(pki: SandboxPki, token: str) -> None:
    """Nothing but a refusal comes out, else the kiosk would end; and no damage goes unseen."""
    sound, source = der_of(pki, token), random.Random(token)  # noqa: S311
    trust, now = TrustStore.load(pki.trust_directory), datetime.now(UTC)
    signature = len(pki.leaf(token)[1].signature)
    for position in range(len(sound)):
        if position == len(sound) - signature - 1:
            # How many bits of the signature's last byte do not count: all of them do.
            continue
        for value in (0x00, 0xFF, sound[position] ^ 1 << source.randrange(8)):
            der = bytearray(sound)
            der[position] = value
            if der == sound:
                continue
            with pytest.raises(CertificateRefused):
                trust.check(read_identity(bytes(der)), now)


def test_a_name_of_a_kind_that_nobody_knows() -> None:
    """cryptography has an exception of its own for it, which is no ValueError."""
    root = issue(ROOT_NAME, ca=True)
    names = x509.SubjectAlternativeName([x509.RFC822Name("a@b.vn")])
    der = issue(name(HOLDER), root, extra=(names,)).der
    x400_address = der.replace(b"\x81\x06a@b.vn", b"\xa3\x06a@b.vn")
    assert x400_address != der
    with pytest.raises(CertificateUnreadable):
        read_identity(x400_address)


# Signatures.


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def weakly_signed(
    party: Party, key: rsa.RSAPrivateKey, digest: hashes.HashAlgorithm, algorithm: str
) -> Party:
    """The same certificate, signed anew with a hash that is not trusted any more."""
    leaf = asn1.Certificate.load(party.der)
    leaf["tbs_certificate"]["signature"] = {"algorithm": algorithm}
    leaf["signature_algorithm"] = {"algorithm": algorithm}
    body = leaf["tbs_certificate"].dump(force=True)
    leaf["signature_value"] = key.sign(body, padding.PKCS1v15(), digest)
    return Party(party.key, x509.load_der_x509_certificate(leaf.dump()))


def sha1(party: Party, key: rsa.RSAPrivateKey) -> Party:
    return weakly_signed(party, key, hashes.SHA1(), "sha1_rsa")  # noqa: S303


def trusting(*parties: Party) -> TrustStore:
    return TrustStore(party.certificate for party in parties)


def verdict(trust: TrustStore, leaf: Party) -> type[CertificateRefused] | None:
    try:
        trust.check(read_identity(leaf.der), NOW)
    except CertificateRefused as refusal:
        return type(refusal)
    return None


def test_a_weak_signature_has_a_reason_of_its_own(key: rsa.RSAPrivateKey) -> None:
    root = issue(ROOT_NAME, ca=True, key=key)
    sound = issue(name(HOLDER), root)
    outdated = issue(name(HOLDER), root, end=NOW - DAY)
    assert verdict(trusting(root), sound) is None
    assert verdict(trusting(root), sha1(sound, key)) is WeakSignature
    assert verdict(trusting(root), sha1(outdated, key)) is WeakSignature


def test_md5_is_weak_too(key: rsa.RSAPrivateKey) -> None:
    root = issue(ROOT_NAME, ca=True, key=key)
    leaf = weakly_signed(issue(name(HOLDER), root), key, hashes.MD5(), "md5_rsa")  # noqa: S303
    assert verdict(trusting(root), leaf) is WeakSignature


def test_a_forged_weak_signature_is_a_strangers(key: rsa.RSAPrivateKey) -> None:
    root = issue(ROOT_NAME, ca=True, key=key)
    forger = rsa.generate_private_key(65537, 2048)
    assert verdict(trusting(root), sha1(issue(name(HOLDER), root), forger)) is ForeignAuthority
    elsewhere = issue(CA_NAME, ca=True, key=key)
    assert verdict(trusting(root), sha1(issue(name(HOLDER), elsewhere), key)) is ForeignAuthority


def test_a_ca_above_with_a_weak_signature(key: rsa.RSAPrivateKey) -> None:
    """It spoils the path, unless the same CA has a certificate with a strong one."""
    root = issue(ROOT_NAME, ca=True, key=key)
    strong = issue(CA_NAME, root, ca=True)
    weak = sha1(strong, key)
    leaf = issue(name(HOLDER), strong)
    assert verdict(trusting(root, weak), leaf) is WeakSignature
    assert verdict(trusting(root, weak, strong), leaf) is None


def test_how_a_root_signed_itself_does_not_matter(key: rsa.RSAPrivateKey) -> None:
    """It is trusted because the operator put it there (RFC 5280, section 6.1.1 d)."""
    root = sha1(issue(ROOT_NAME, ca=True, key=key), key)
    assert verdict(trusting(root), issue(name(HOLDER), Party(key, root.certificate))) is None


def test_a_signature_of_a_kind_that_nobody_knows() -> None:
    root = issue(ROOT_NAME, ca=True)
    ecdsa_sha256 = bytes.fromhex("06082A8648CE3D040302")
    unknown = bytes.fromhex("06082A8648CE3D04037F")
    leaf = issue(name(HOLDER), root).der.replace(ecdsa_sha256, unknown)
    with pytest.raises(ForeignAuthority):
        trusting(root).check(read_identity(leaf), NOW)


def test_an_ecdsa_signature_over_sha1() -> None:
    root = issue(ROOT_NAME, ca=True)
    leaf = asn1.Certificate.load(issue(name(HOLDER), root).der)
    leaf["tbs_certificate"]["signature"] = {"algorithm": "sha1_ecdsa"}
    leaf["signature_algorithm"] = {"algorithm": "sha1_ecdsa"}
    body = leaf["tbs_certificate"].dump(force=True)
    leaf["signature_value"] = root.key.sign(body, ec.ECDSA(hashes.SHA1()))  # noqa: S303
    with pytest.raises(WeakSignature):
        trusting(root).check(read_identity(leaf.dump()), NOW)
    damaged = leaf.dump()[:-1] + bytes([leaf.dump()[-1] ^ 1])
    with pytest.raises(ForeignAuthority):
        trusting(root).check(read_identity(damaged), NOW)


def test_a_directory_of_odd_tokens_grows_old(pki: SandboxPki, directory: Path) -> None:
    old = pki.leaf("sha1")[1]
    later = old.not_valid_after_utc - timedelta(days=1)
    renewed = SandboxPki.open(directory, later).leaf("sha1")[1]
    assert renewed.not_valid_after_utc > later + timedelta(days=30)
    assert renewed.public_key() == old.public_key()
