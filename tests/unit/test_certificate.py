"""Certificates: what is read out of them, and which are refused, and why."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

from kiosk.config import ConfigError
from kiosk.hardware.certificate import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRefused,
    CertificateUnreadable,
    ForeignAuthority,
    NoTaxCode,
    TrustStore,
    WeakKey,
    WrongUsage,
    read_identity,
)
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import TOKENS_BY_NAME
from kiosk.text import clean_text

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Attributes = Iterable[tuple[ObjectIdentifier, str]]
MST = (NameOID.USER_ID, "MST:0100000001")
HOLDER: Attributes = ((NameOID.COMMON_NAME, "CÔNG TY"), MST)


@dataclass
class Party:
    """Somebody with a key and a certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def name(attributes: Attributes) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def usage(**allowed: bool) -> x509.KeyUsage:
    every = (
        "digital_signature content_commitment key_encipherment data_encipherment "
        "key_agreement key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{**dict.fromkeys(every.split(), False), **allowed})


def issue(
    subject: x509.Name,
    issuer: Party | None = None,
    *,
    ca: bool = False,
    key: object = None,
    path_length: int | None = None,
    key_usage: x509.KeyUsage | None = None,
    begin: datetime = NOW - 100 * DAY,
    end: datetime = NOW + 100 * DAY,
    extra: tuple[x509.ExtensionType, ...] = (),
) -> Party:
    """Make a certificate; without issuer, a self-signed one. EC keys, because they are quick."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    signer = issuer.key if issuer else own
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())  # type: ignore[attr-defined]
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), critical=True)
    wanted = key_usage or (
        usage(key_cert_sign=True) if ca else usage(digital_signature=True, content_commitment=True)
    )
    builder = builder.add_extension(wanted, critical=True)
    for extension in extra:
        builder = builder.add_extension(extension, critical=True)
    return Party(own, builder.sign(signer, hashes.SHA256()))  # type: ignore[arg-type]


ROOT_NAME = name([(NameOID.COMMON_NAME, "Root")])
CA_NAME = name([(NameOID.COMMON_NAME, "CA")])


@pytest.fixture(scope="module")
def root() -> Party:
    return issue(ROOT_NAME, ca=True)


@pytest.fixture(scope="module")
def authority(root: Party) -> Party:
    return issue(CA_NAME, root, ca=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> SandboxPki:
    return SandboxPki.open(tmp_path_factory.mktemp("pki"))


def store(*parties: Party) -> TrustStore:
    return TrustStore(party.certificate for party in parties)


def check(trust: TrustStore, leaf: Party, at: datetime = NOW) -> tuple[bytes, ...]:
    return trust.check(read_identity(leaf.der), at)


def token_der(pki: SandboxPki, token: str) -> bytes:
    return pki.leaf(token)[1].public_bytes(serialization.Encoding.DER)


# What is read.


def test_an_organisation_as_vnpt_writes_it(pki: SandboxPki) -> None:
    identity = read_identity(token_der(pki, "binh-minh"))
    assert identity.organisation == identity.common_name == "CÔNG TY CỔ PHẦN BÌNH MINH"
    assert identity.tax_code == "0100000002-001"
    assert set(identity.uids) == {
        ("MST", "0100000002-001"),
        ("CCCD", "001099000002"),
        ("MNS", "TZ0002Z"),
    }
    assert (identity.key_type, identity.key_bits, identity.curve) == ("EC", 256, "secp256r1")
    assert identity.fingerprint == pki.leaf("binh-minh")[1].fingerprint(hashes.SHA256()).hex()
    assert identity.not_before.tzinfo == identity.not_after.tzinfo == UTC


def test_the_key_of_an_rsa_certificate(pki: SandboxPki) -> None:
    identity = read_identity(token_der(pki, "hoa-sen"))
    assert (identity.key_type, identity.key_bits, identity.curve) == ("RSA", 2048, "")


def test_an_organisation_goes_before_a_person() -> None:
    subject = name(
        [(NameOID.COMMON_NAME, "NGUYỄN VĂN A"), (NameOID.ORGANIZATION_NAME, "CÔNG TY B"), MST]
    )
    identity = read_identity(issue(subject).der)
    assert identity.organisation == "CÔNG TY B"
    assert identity.common_name == "NGUYỄN VĂN A"


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["MST:0100000001", "cccd: 001099000000", "không rõ:7"]))
)
def test_uids_in_any_order_and_in_one_rdn(order: tuple[str, ...]) -> None:
    attributes = [x509.NameAttribute(NameOID.USER_ID, value) for value in order]
    common_name = x509.NameAttribute(NameOID.COMMON_NAME, "CÔNG TY")
    single = x509.Name([common_name, *attributes])
    together = x509.Name(
        [
            x509.RelativeDistinguishedName([common_name, *attributes[:2]]),
            x509.RelativeDistinguishedName(attributes[2:]),
        ]
    )
    for subject in (single, together):
        identity = read_identity(issue(subject).der)
        assert identity.tax_code == "0100000001"
        assert set(identity.uids) == {
            ("MST", "0100000001"),
            ("CCCD", "001099000000"),
            ("", "không rõ:7"),
        }


def test_a_certificate_in_a_log_does_not_name_its_holder(pki: SandboxPki) -> None:
    text = repr(read_identity(token_der(pki, "hoa-sen")))
    assert "HOA SEN" not in text
    assert "0100000001" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CÔNG TY\x1b[31m ĐỎ\x1b[0m", "CÔNG TY ĐỎ"),
        ("A\x1b]52;c;aGVsbG8=\x07B", "AB"),
        ("A\x1b]0;title\x1b\\B", "AB"),
        ("A\x9b2JB\x1bcC", "ABC"),
        ("\u202eABC\u2066\u200b\ufeff", "ABC"),
        ("A\r\n\tB\u2028C\x00\x7f", "A B C"),
        ("CO\u0302NG TY", "CÔNG TY"),
        ("", ""),
        ("A" * 300, "A" * 19 + "…"),
        ("\x1b" * 300 + "A", ""),
    ],
)
def test_a_strangers_text_is_harmless(text: str, shown: str) -> None:
    assert clean_text(text, 20) == shown


@pytest.mark.filterwarnings("ignore:Attribute's length")
def test_names_and_uids_are_cleaned_and_bounded() -> None:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "A\x1b[2J\u202eB" + "C" * 500, _validate=False),
            *(x509.NameAttribute(NameOID.USER_ID, f"{i}" * 99) for i in range(30)),
        ]
    )
    identity = read_identity(issue(subject).der)
    assert identity.organisation.startswith("ABCCC")
    assert len(identity.organisation) == 200
    assert len(identity.uids) == 16
    assert max(len(value) for _, value in identity.uids) == 64


def test_what_is_no_certificate(root: Party) -> None:
    for der in (b"", b"\x30", b"\xff" * 100, root.der[:-1], root.der + b"\0", b"0" * 10**6):
        with pytest.raises(CertificateUnreadable):
            read_identity(der)


# What is refused.


def test_the_good_tokens_are_trusted(pki: SandboxPki) -> None:
    trust = TrustStore.load(pki.trust_directory)
    assert len(trust) == 2
    for token in ("hoa-sen", "binh-minh", "revoked", "suspended", "two-certificates"):
        der = token_der(pki, token)
        expected = [c.public_bytes(serialization.Encoding.DER) for c in (pki.issuing, pki.root)]
        path = trust.check(read_identity(der), datetime.now(UTC))
        assert path == (der, *expected)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("expired", CertificateExpired),
        ("future", CertificateNotYetValid),
        ("foreign", ForeignAuthority),
        ("weak", WeakKey),
    ],
)
def test_the_bad_tokens_are_refused(
    pki: SandboxPki, token: str, reason: type[CertificateRefused]
) -> None:
    identity = read_identity(token_der(pki, token))
    with pytest.raises(reason) as caught:
        TrustStore.load(pki.trust_directory).check(identity, datetime.now(UTC))
    if isinstance(caught.value, CertificateExpired):
        assert caught.value.date == identity.not_after
    if isinstance(caught.value, CertificateNotYetValid):
        assert caught.value.date == identity.not_before
    assert TOKENS_BY_NAME[token].organisation not in str(caught.value)


def test_validity_to_the_second(root: Party) -> None:
    leaf = issue(name(HOLDER), root, begin=NOW, end=NOW + DAY)
    trust, second = store(root), timedelta(seconds=1)
    assert check(trust, leaf, NOW)
    assert check(trust, leaf, NOW + DAY)
    with pytest.raises(CertificateNotYetValid):
        check(trust, leaf, NOW - second)
    with pytest.raises(CertificateExpired):
        check(trust, leaf, NOW + DAY + second)


def test_the_right_name_with_a_forged_signature(root: Party, authority: Party) -> None:
    forger = issue(CA_NAME, ca=True)
    with pytest.raises(ForeignAuthority):
        check(store(root, authority), issue(name(HOLDER), forger))


def test_a_customer_cannot_vouch_for_another(root: Party, authority: Party) -> None:
    customer = issue(name(HOLDER), authority)
    victim = issue(name([(NameOID.COMMON_NAME, "X"), MST]), customer)
    with pytest.raises(ForeignAuthority):
        check(store(root, authority, customer), victim)


def test_a_self_signed_certificate_vouches_for_nobody(root: Party) -> None:
    with pytest.raises(ForeignAuthority):
        check(store(root), issue(name(HOLDER)))


def test_a_ca_whose_key_may_not_sign_certificates(root: Party) -> None:
    crl_only = issue(CA_NAME, root, ca=True, key_usage=usage(crl_sign=True))
    with pytest.raises(ForeignAuthority):
        check(store(root, crl_only), issue(name(HOLDER), crl_only))


def test_a_ca_limited_in_a_way_that_is_not_understood(root: Party) -> None:
    limits = x509.NameConstraints([x509.DNSName("example.vn")], None)
    limited = issue(CA_NAME, root, ca=True, extra=(limits,))
    with pytest.raises(ForeignAuthority):
        check(store(root, limited), issue(name(HOLDER), limited))


def test_path_length(root: Party) -> None:
    upper = issue(name([(NameOID.COMMON_NAME, "Upper")]), root, ca=True, path_length=0)
    lower = issue(CA_NAME, upper, ca=True)
    trust = store(root, upper, lower)
    assert len(check(trust, issue(name(HOLDER), upper))) == 3
    with pytest.raises(ForeignAuthority):
        check(trust, issue(name(HOLDER), lower))


def test_a_path_has_an_end(root: Party) -> None:
    chain = [root]
    for number in range(6):
        subject = name([(NameOID.COMMON_NAME, f"CA {number}")])
        chain.append(issue(subject, chain[-1], ca=True))
    trust = store(*chain)
    assert len(check(trust, issue(name(HOLDER), chain[4]))) == 6
    with pytest.raises(ForeignAuthority):
        check(trust, issue(name(HOLDER), chain[5]))


def test_cas_that_vouch_for_each_other(root: Party) -> None:
    first_name, second_name = (name([(NameOID.COMMON_NAME, n)]) for n in ("One", "Two"))
    first = issue(first_name, ca=True)
    second = issue(second_name, first, ca=True)
    first_again = issue(first_name, second, ca=True, key=first.key)
    with pytest.raises(ForeignAuthority):
        check(store(root, second, first_again), issue(name(HOLDER), first))


def test_all_certificates_of_a_ca_are_tried(root: Party) -> None:
    other_root = issue(name([(NameOID.COMMON_NAME, "Other root")]), ca=True)
    same_name = issue(CA_NAME, root, ca=True)
    outdated = issue(CA_NAME, root, ca=True, end=NOW - DAY)
    renewed = issue(CA_NAME, root, ca=True, key=outdated.key)
    crossed = issue(CA_NAME, other_root, ca=True, key=outdated.key)
    leaf = issue(name(HOLDER), outdated)
    for order in itertools.permutations([same_name, outdated, renewed, crossed]):
        assert check(store(root, *order), leaf) == (leaf.der, renewed.der, root.der)


def test_an_outdated_ca(root: Party) -> None:
    old = issue(CA_NAME, root, ca=True, end=NOW - DAY)
    with pytest.raises(CertificateExpired) as caught:
        check(store(root, old), issue(name(HOLDER), old))
    assert caught.value.date == NOW - DAY
    both = issue(name(HOLDER), old, end=NOW - 2 * DAY)
    with pytest.raises(CertificateExpired) as caught:
        check(store(root, old), both)
    assert caught.value.date == NOW - 2 * DAY


def test_keys_that_are_not_allowed(root: Party) -> None:
    for key in (
        ec.generate_private_key(ec.SECP224R1()),
        rsa.generate_private_key(65537, 1024),  # noqa: S505
        ed25519.Ed25519PrivateKey.generate(),
    ):
        leaf = issue(name(HOLDER), root, key=key)
        with pytest.raises(WeakKey):
            check(store(root), leaf)
    weak_ca = issue(CA_NAME, root, ca=True, key=ec.generate_private_key(ec.SECP224R1()))
    with pytest.raises(WeakKey):
        check(store(root, weak_ca), issue(name(HOLDER), weak_ca))


def test_usage(root: Party) -> None:
    trust = store(root)
    for allowed in (usage(digital_signature=True), usage(content_commitment=True)):
        assert check(trust, issue(name(HOLDER), root, key_usage=allowed))
    for wrong in (
        issue(name(HOLDER), root, key_usage=usage(key_encipherment=True)),
        issue(
            name(HOLDER),
            root,
            ca=True,
            key_usage=usage(digital_signature=True, key_cert_sign=True),
        ),
    ):
        with pytest.raises(WrongUsage):
            check(trust, wrong)


def test_no_tax_code(root: Party) -> None:
    for subject in (
        name([(NameOID.COMMON_NAME, "NGUYỄN VĂN A"), (NameOID.USER_ID, "CCCD:001099000000")]),
        name([(NameOID.COMMON_NAME, "CÔNG TY"), (NameOID.USER_ID, "MST: ")]),
    ):
        with pytest.raises(NoTaxCode):
            check(store(root), issue(subject, root))


def test_an_extension_that_has_to_be_understood(root: Party) -> None:
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    with pytest.raises(CertificateUnreadable):
        check(store(root), issue(name(HOLDER), root, extra=(unknown,)))


def test_the_first_of_several_reasons(root: Party) -> None:
    """Each certificate has one fault less than the one before."""
    nobody = name([(NameOID.COMMON_NAME, "X")])
    past, weak = NOW - DAY, ec.generate_private_key(ec.SECP224R1())
    wrong = usage(key_encipherment=True)
    unknown = (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"),)
    cases: list[tuple[type[CertificateRefused], Party]] = [
        (
            CertificateUnreadable,
            issue(nobody, key=weak, end=past, key_usage=wrong, extra=unknown),
        ),
        (ForeignAuthority, issue(nobody, key=weak, end=past, key_usage=wrong)),
        (CertificateExpired, issue(nobody, root, key=weak, end=past, key_usage=wrong)),
        (WeakKey, issue(nobody, root, key=weak, key_usage=wrong)),
        (WrongUsage, issue(nobody, root, key_usage=wrong)),
        (NoTaxCode, issue(nobody, root)),
    ]
    for reason, leaf in cases:
        with pytest.raises(reason):
            check(store(root), leaf)


# The directory of trusted certificates.


def pem(*parties: Party) -> bytes:
    return b"".join(p.certificate.public_bytes(serialization.Encoding.PEM) for p in parties)


def test_a_directory_of_files(tmp_path: Path, root: Party, authority: Party) -> None:
    second = issue(name([(NameOID.COMMON_NAME, "Root 2")]), ca=True)
    (tmp_path / "a.pem").write_bytes(pem(authority, second))
    (tmp_path / "b.crt").write_bytes(pem(root, authority))
    (tmp_path / "README.md").write_text("not a certificate")
    trust = TrustStore.load(tmp_path)
    assert len(trust) == 3
    assert len(check(trust, issue(name(HOLDER), authority))) == 3
    assert len(check(trust, issue(name(HOLDER), second))) == 2


def test_a_directory_that_cannot_be_used_is_explained(
    tmp_path: Path, root: Party, authority: Party
) -> None:
    with pytest.raises(ConfigError, match="missing: directory: found No such file"):
        TrustStore.load(tmp_path / "missing")
    with pytest.raises(ConfigError, match="no self-signed root"):
        TrustStore.load(tmp_path)
    file = tmp_path / "ca.pem"
    file.write_bytes(pem(authority))
    with pytest.raises(ConfigError, match="no self-signed root"):
        TrustStore.load(tmp_path)
    for content in (b"", b"hello", pem(root)[:-60], pem(root).replace(b"MII", b"AAA")):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=r"ca\.pem: file: "):
            TrustStore.load(tmp_path)
    file.write_bytes(pem(root, issue(name(HOLDER), root)))
    with pytest.raises(ConfigError, match=r"ca\.pem: certificate 2: found one that is not a CA's"):
        TrustStore.load(tmp_path)
