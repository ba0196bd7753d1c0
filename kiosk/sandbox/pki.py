"""The sandbox's certification authorities and the certificates of its tokens.

Two hierarchies are made: one that the kiosk trusts, shaped like VNPT's (national root,
issuing CA, subscriber), and a foreign one that it does not trust. All names begin with
SANDBOX, so that nobody takes one of these certificates for a real one.

    directory/
        keys/           private keys (PKCS#8, mode 0600)
        certificates/   everything issued
        trust/          root and issuing CA: what a kiosk's `trust.directory` points to
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from kiosk.sandbox.issuing import (
    PrivateKey,
    authority_key_identifier,
    builder,
    issue_leaf,
    issued_by,
    key_usage,
    leaf_holds,
    make_key,
    make_name,
)
from kiosk.sandbox.scenario import TOKENS, TOKENS_BY_NAME, KeyKind, TokenProfile

CA_LIFETIME = timedelta(days=20 * 365)
CRL_LIFETIME = timedelta(days=1)

_ROOT = "root"
_ISSUING = "issuing"
_FOREIGN_ROOT = "foreign-root"
_FOREIGN_ISSUING = "foreign-issuing"

_AUTHORITIES: dict[str, tuple[str, str, str]] = {
    _ROOT: (_ROOT, "SANDBOX National Root CA", "SANDBOX NATIONAL AUTHORITY"),
    _ISSUING: (
        _ROOT,
        "SANDBOX VNPT-CA SHA2",
        "SANDBOX VIETNAM POSTS AND TELECOMMUNICATIONS GROUP",
    ),
    _FOREIGN_ROOT: (_FOREIGN_ROOT, "SANDBOX Foreign Root CA", "SANDBOX FOREIGN AUTHORITY"),
    _FOREIGN_ISSUING: (_FOREIGN_ROOT, "SANDBOX Foreign CA", "SANDBOX FOREIGN AUTHORITY"),
}
"""Name of each authority: who issues it, its CN, its O."""

_CA_KEY: KeyKind = "RSA2048"
"""The real CAs have RSA-4096, which would take seconds to make."""


class PkiError(Exception):
    """A file of the sandbox's PKI cannot be used; `file` says which."""

    def __init__(self, file: Path) -> None:
        super().__init__(f"{file}: not a file of the sandbox PKI; remove it to have it made anew")
        self.file = file


class SandboxPki:
    """The authorities and the tokens' certificates, kept in a directory.

    `open` makes one. Two processes may open the same directory at once.
    """

    def __init__(self, directory: Path, now: datetime) -> None:
        """Only for `open`, which holds the directory's lock meanwhile."""
        self._directory = directory
        self._now = now
        self._keys: dict[str, PrivateKey] = {}
        self._certificates: dict[str, x509.Certificate] = {}
        for name in _AUTHORITIES:
            self._make_authority(name, now)
        for profile in TOKENS:
            for index in range(_certificate_count(profile)):
                self._make_leaf(profile, index, now)
        for number, name in enumerate((_ROOT, _ISSUING), start=1):
            file = self.trust_directory / f"{number}-{name}.pem"
            _write_if_changed(file, _pem(self._certificates[name]), 0o644)

    @classmethod
    def open(cls, directory: Path, now: datetime | None = None) -> SandboxPki:
        """Load what is in the directory and make what is missing there, odd tokens aside.

        Certificates are issued again when they no longer are what their profile says,
        such as one that has to be valid and is about to expire; their keys stay.

        Args:
            directory: where everything is kept; it is made if it is not there.
            now: the time for which certificates are made; the clock's if left out.

        Raises:
            PkiError: a file is there and cannot be read as what it should be.
            OSError: the directory cannot be written to.
        """
        for folder in ("keys", "certificates", "trust"):
            (directory / folder).mkdir(parents=True, exist_ok=True)
        (directory / "keys").chmod(0o700)
        with _locked(directory / ".lock"):
            return cls(directory, now or datetime.now(UTC))

    @property
    def trust_directory(self) -> Path:
        """Holds root and issuing CA as PEM files."""
        return self._directory / "trust"

    @property
    def root(self) -> x509.Certificate:
        """The root that kiosk and service trust."""
        return self._certificates[_ROOT]

    @property
    def issuing(self) -> x509.Certificate:
        """The CA that issues the customers' certificates."""
        return self._certificates[_ISSUING]

    @property
    def intermediates(self) -> tuple[x509.Certificate, ...]:
        """All trusted CAs under the root."""
        return (self.issuing,)

    @property
    def foreign_issuing(self) -> x509.Certificate:
        """A CA under a root that neither kiosk nor service trusts."""
        return self._certificates[_FOREIGN_ISSUING]

    def leaf(self, profile_name: str, index: int = 0) -> tuple[PrivateKey, x509.Certificate]:
        """Key and certificate of a token of the scenario; an odd token's are made now.

        Args:
            profile_name: `TokenProfile.name`.
            index: 0, or 1 for the second certificate of a token that has two.

        Raises:
            KeyError: there is no such token, or it has no such certificate.
            PkiError, OSError: as `open` does.
        """
        name = _leaf_name(profile_name, index)
        if name not in self._certificates:
            with _locked(self._directory / ".lock"):
                self._make_leaf(TOKENS_BY_NAME[profile_name], index, self._now)
        return self._keys[name], self._certificates[name]

    def leaves(self, profile_name: str) -> tuple[tuple[PrivateKey, x509.Certificate], ...]:
        """All keys and certificates of a token; none for an empty one.

        Raises:
            KeyError: there is no such token.
        """
        count = _certificate_count(TOKENS_BY_NAME[profile_name])
        return tuple(self.leaf(profile_name, index) for index in range(count))

    def crl(self) -> x509.CertificateRevocationList:
        """The issuing CA's list of revoked and suspended certificates, fresh from now.

        Suspended ones carry the reason certificateHold (RFC 5280, section 5.3.1).
        """
        now = datetime.now(UTC).replace(microsecond=0)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issuing.subject)
            .last_update(now - timedelta(minutes=1))
            .next_update(now + CRL_LIFETIME)
            .add_extension(authority_key_identifier(self.issuing), critical=False)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        )
        for profile in TOKENS:
            if profile.status == "good" or profile.authority != "vnpt":
                continue
            reason = (
                x509.ReasonFlags.certificate_hold
                if profile.status == "suspended"
                else x509.ReasonFlags.key_compromise
            )
            for index in range(_certificate_count(profile)):
                certificate = self._certificates[_leaf_name(profile.name, index)]
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(certificate.serial_number)
                    .revocation_date(now - timedelta(days=1))
                    .add_extension(x509.CRLReason(reason), critical=False)
                    .build()
                )
        return builder.sign(self._keys[_ISSUING], hashes.SHA256())

    def _make_authority(self, name: str, now: datetime) -> None:
        issuer_name, common_name, organisation = _AUTHORITIES[name]
        key = self._key(name, _CA_KEY)
        issuer = self._certificates.get(issuer_name)
        certificate = self._load_certificate(name)
        subject = make_name(
            (NameOID.COUNTRY_NAME, "VN"),
            (NameOID.ORGANIZATION_NAME, organisation),
            (NameOID.COMMON_NAME, common_name),
        )
        current = (
            certificate is not None
            and certificate.subject == subject
            and certificate.public_key() == key.public_key()
            and issued_by(certificate, issuer or certificate)
            and certificate.not_valid_after_utc - now > CA_LIFETIME / 4
        )
        if certificate is None or not current:
            # CAs begin long ago, because the expired leaf must have been issued under them.
            unsigned = (
                builder(subject, key, now - CA_LIFETIME / 2, now + CA_LIFETIME / 2)
                .issuer_name(issuer.subject if issuer else subject)
                .add_extension(
                    x509.BasicConstraints(ca=True, path_length=0 if issuer else 1), critical=True
                )
                .add_extension(key_usage(ca=True), critical=True)
            )
            if issuer:
                unsigned = unsigned.add_extension(authority_key_identifier(issuer), critical=False)
            certificate = unsigned.sign(self._keys[issuer_name], hashes.SHA256())
            self._store_certificate(name, certificate)
        self._certificates[name] = certificate

    def _make_leaf(self, profile: TokenProfile, index: int, now: datetime) -> None:
        name = _leaf_name(profile.name, index)
        key = self._key(name, profile.key)
        issuer_name = _ISSUING if profile.authority == "vnpt" else _FOREIGN_ISSUING
        issuer = self._certificates[issuer_name]
        certificate = self._load_certificate(name)
        if certificate is None or not leaf_holds(certificate, profile, index, key, issuer, now):
            certificate = issue_leaf(profile, index, key, issuer, self._keys[issuer_name], now)
            self._store_certificate(name, certificate)
        self._certificates[name] = certificate

    def _key(self, name: str, kind: KeyKind) -> PrivateKey:
        """Load a key, or make it."""
        file = self._directory / "keys" / f"{name}.pem"
        key: PrivateKey
        if file.exists():
            key = _load_key(file)
        else:
            key = make_key(kind)
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            _write(file, pem, 0o600)
        self._keys[name] = key
        return key

    def _load_certificate(self, name: str) -> x509.Certificate | None:
        file = self._directory / "certificates" / f"{name}.pem"
        if not file.exists():
            return None
        try:
            return x509.load_pem_x509_certificate(file.read_bytes())
        except ValueError:
            raise PkiError(file) from None

    def _store_certificate(self, name: str, certificate: x509.Certificate) -> None:
        _write(self._directory / "certificates" / f"{name}.pem", _pem(certificate), 0o644)


def _certificate_count(profile: TokenProfile) -> int:
    """How many certificates a token carries."""
    if not profile.certificate:
        return 0
    return 2 if profile.second_certificate else 1


def _leaf_name(profile_name: str, index: int) -> str:
    if index not in range(_certificate_count(TOKENS_BY_NAME[profile_name])):
        raise KeyError(f"{profile_name} has no certificate {index}")
    return f"token-{profile_name}-{index}"


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _load_key(file: Path) -> PrivateKey:
    try:
        # The key was made here and nobody else can write it; OpenSSL's check of an RSA
        # key would cost as much as making a new one.
        key = serialization.load_pem_private_key(
            file.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
        )
    except ValueError:
        raise PkiError(file) from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise PkiError(file)
    return key


def _write_if_changed(file: Path, content: bytes, mode: int) -> None:
    if not file.exists() or file.read_bytes() != content:
        _write(file, content, mode)


def _write(file: Path, content: bytes, mode: int) -> None:
    """Write a whole file or nothing: readers do not take the lock."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, mode)
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the directory's lock; the kernel frees it if this process ends."""
    with file.open("wb") as stream:
        file.chmod(0o600)
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
