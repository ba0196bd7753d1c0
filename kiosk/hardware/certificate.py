"""Reads a certificate: whose it is, how long it is valid, and who vouches for it.

What a certificate says is a stranger's text: it is cleaned and bounded here, before
anybody shows it. Whether it may be used is decided in `TrustStore.check`, by the rules of
decree 23/2025/NĐ-CP (valid now, path to a trusted root, RSA of 2048 bits or more, ECDSA
of 256 or more) and of RFC 5280, section 6. Revocation is the service's to check.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

from kiosk.config import ConfigError
from kiosk.text import clean_text

UID_KINDS = ("MST", "CCCD", "CMND", "MNS")
"""What a UID value may begin with: tax code, citizen's card, identity card, budget code."""

MINIMUM_RSA_BITS = 2048
MINIMUM_EC_BITS = 256
CURVES = ("secp256r1", "secp384r1")
"""Curves that the proof has an algorithm for (ES256, ES384)."""

_NAME_LIMIT = 200
"""Longest name shown, in characters. X.520 allows 64; real ones are longer."""
_UID_LIMIT = 64
_UID_COUNT = 16
_DER_LIMIT = 64 * 1024
"""No certificate on a token is longer; a bigger one is not looked into."""
_PATH_LIMIT = 6
"""Most certificates in a path, the customer's and the anchor included."""

_STRONG_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_KNOWN_EXTENSIONS = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)
"""Extensions that may be critical (RFC 5280, section 4.2): others could limit the
certificate in a way that nobody here would see."""


class CertificateRefused(Exception):
    """The certificate may not be used. Each reason is a subclass."""


class CertificateUnreadable(CertificateRefused):
    """It is no X.509 certificate, or it holds something that has to be understood and is not."""


class ForeignAuthority(CertificateRefused):
    """No path of valid signatures leads from it to a trusted root."""


class WeakSignature(CertificateRefused):
    """It leads to a trusted root only over a signature that is not allowed, such as with SHA-1."""


class CertificateExpired(CertificateRefused):
    """It, or a CA above it, was valid until `date` (UTC)."""

    def __init__(self, date: datetime) -> None:
        super().__init__(f"expired at {date:%Y-%m-%d %H:%M:%S} UTC")
        self.date = date


class CertificateNotYetValid(CertificateRefused):
    """It, or a CA above it, will be valid from `date` (UTC)."""

    def __init__(self, date: datetime) -> None:
        super().__init__(f"not valid before {date:%Y-%m-%d %H:%M:%S} UTC")
        self.date = date


class WeakKey(CertificateRefused):
    """Its key, or the key of a CA above it, is too short or of a kind not allowed."""


class WrongUsage(CertificateRefused):
    """Its key is not meant for signatures, or it is the certificate of a CA."""


class NoTaxCode(CertificateRefused):
    """Its subject names no MST."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a customer's certificate says."""

    der: bytes
    fingerprint: str
    """SHA-256 of the DER, in lower-case hexadecimal."""
    organisation: str
    """O if present, else CN; control characters removed."""
    common_name: str
    uids: tuple[tuple[str, str], ...]
    """All UID values (0.9.2342.19200300.100.1.1), as (kind, value): `("MST", "0101234567")`.

    The kind is empty where a value begins with none of `UID_KINDS`."""
    not_before: datetime
    not_after: datetime
    key_type: str
    """`RSA`, `EC` or the OID of another algorithm."""
    key_bits: int
    """0 for another algorithm."""
    curve: str
    """For EC, the curve's name, such as `secp256r1`."""

    def __repr__(self) -> str:
        """Names the certificate, not its holder: this may come into a log."""
        return f"<Identity {self.fingerprint[:16]}>"

    @property
    def tax_code(self) -> str:
        """The MST; empty if the certificate has none."""
        return next((value for kind, value in self.uids if kind == "MST"), "")


def read_identity(der: bytes) -> Identity:
    """Read a certificate (DER). Nothing is checked but that it can be read.

    Raises:
        CertificateUnreadable
    """
    certificate = _parse(der)
    try:
        subject = certificate.subject
        common_name = _first(subject, NameOID.COMMON_NAME)
        key_type, key_bits, curve = _describe_key(certificate)
        return Identity(
            der=der,
            fingerprint=hashlib.sha256(der).hexdigest(),
            organisation=_first(subject, NameOID.ORGANIZATION_NAME) or common_name,
            common_name=common_name,
            uids=_uids(subject),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            key_type=key_type,
            key_bits=key_bits,
            curve=curve,
        )
    except ValueError:
        raise CertificateUnreadable("a field cannot be decoded") from None


def read_issuer(der: bytes) -> str:
    """Name of the CA that the certificate (DER) says it is from: its word, not a proof.

    Raises:
        CertificateUnreadable
    """
    try:
        issuer = _parse(der).issuer
    except ValueError:
        raise CertificateUnreadable("a field cannot be decoded") from None
    return _first(issuer, NameOID.COMMON_NAME) or _first(issuer, NameOID.ORGANIZATION_NAME)


class TrustStore:
    """The roots that are trusted and the CAs known under them."""

    def __init__(self, certificates: Iterable[x509.Certificate]) -> None:
        """Take self-signed certificates as trust anchors, the others as CAs under them."""
        self._anchors: list[x509.Certificate] = []
        self._intermediates: list[x509.Certificate] = []
        for certificate in certificates:
            own = self._anchors if is_self_signed(certificate) else self._intermediates
            own.append(certificate)

    def __len__(self) -> int:
        """How many certificates there are."""
        return len(self._anchors) + len(self._intermediates)

    @classmethod
    def load(cls, directory: Path) -> TrustStore:
        """Load all certificates of the `*.pem` and `*.crt` files (PEM) in a directory.

        Self-signed ones are trust anchors, the others intermediate CAs.

        Raises:
            ConfigError: the directory or a file cannot be used, or there is no root.
        """
        found: dict[bytes, x509.Certificate] = {}
        for file in ca_files(directory):
            for certificate in ca_certificates(file):
                found.setdefault(certificate.fingerprint(hashes.SHA256()), certificate)
        store = cls(found.values())
        if not store._anchors:
            raise ConfigError(
                directory,
                "*.pem, *.crt",
                "no self-signed root certificate",
                "the national root and the CAs under it",
            )
        return store

    def check(self, identity: Identity, at: datetime) -> tuple[bytes, ...]:
        """Check whether the certificate may be used at this moment (an aware `datetime`).

        Returns the path from the certificate to its anchor, both included, as DER.

        Raises:
            CertificateUnreadable, ForeignAuthority, WeakSignature,
            CertificateNotYetValid, CertificateExpired, WeakKey, WrongUsage, NoTaxCode:
            in this order, if several apply.
        """
        leaf = _parse(identity.der)
        if _unknown_critical_extension(leaf):
            raise CertificateUnreadable("a critical extension is unknown")
        paths = list(self._paths((leaf,)))
        if not paths:
            raise ForeignAuthority
        # A weak signature may be forged: what stands under it vouches for nothing.
        paths = [path for path in paths if all(map(_strong_signature, path[:-1]))]
        if not paths:
            raise WeakSignature
        path = _best_path(paths, at)
        if not all(map(_strong_key, path)):
            raise WeakKey
        _check_usage(leaf)
        if not identity.tax_code:
            raise NoTaxCode
        return tuple(c.public_bytes(serialization.Encoding.DER) for c in path)

    def _paths(self, below: tuple[x509.Certificate, ...]) -> Iterator[tuple[x509.Certificate, ...]]:
        """All paths of valid signatures, strong or weak, from the last of `below` to an anchor.

        A CA may have several certificates under one name (renewed, or cross-signed by
        two roots), so all are tried. Dates are left to the caller.
        """
        if len(below) >= _PATH_LIMIT:
            return
        for anchor in self._anchors:
            if _issued(anchor, below):
                yield (*below, anchor)
        for authority in self._intermediates:
            if authority not in below and _issued(authority, below):
                yield from self._paths((*below, authority))


def _parse(der: bytes) -> x509.Certificate:
    """Parse a certificate and everything in it that is parsed late.

    Raises:
        CertificateUnreadable
    """
    if len(der) > _DER_LIMIT:
        raise CertificateUnreadable("too long")
    try:
        with warnings.catch_warnings():
            # A warning, such as of a name that is longer than X.520 allows, goes to
            # stderr, which is where Textual draws.
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            # They are parsed when first asked for, and then kept.
            _ = certificate.extensions, certificate.subject, certificate.issuer
    except Exception:
        # What cryptography raises for a stranger's bytes is not only ValueError: there are
        # InvalidVersion, UnsupportedGeneralNameType, TypeError and more.
        raise CertificateUnreadable("no X.509 certificate") from None
    return certificate


def ca_files(directory: Path) -> list[Path]:
    """The files of a trust folder that certificates are read from, by name.

    Raises:
        ConfigError: the folder cannot be read.
    """
    try:
        return sorted(f for f in directory.iterdir() if f.suffix in (".pem", ".crt"))
    except OSError as error:
        raise ConfigError(
            directory, "directory", error.strerror or "an error", "a readable directory"
        ) from None


def ca_certificates(file: Path) -> list[x509.Certificate]:
    """Load a PEM file of CA certificates.

    Raises:
        ConfigError: it cannot be read, or holds something else.
    """
    expected = "CA certificates in PEM"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(file, "file", error.strerror or "an error", expected) from None
    try:
        certificates = x509.load_pem_x509_certificates(content)
        for number, certificate in enumerate(certificates, start=1):
            if not _may_issue(certificate):
                raise ConfigError(file, f"certificate {number}", "one that is not a CA's", expected)
    except (ValueError, x509.DuplicateExtension, x509.InvalidVersion):
        raise ConfigError(file, "file", "something else", expected) from None
    return certificates


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    """The first value that is not empty once it is cleaned."""
    values = (clean_text(_text(a), _NAME_LIMIT) for a in name.get_attributes_for_oid(oid))
    return next(filter(None, values), "")


def _text(attribute: x509.NameAttribute[str | bytes]) -> str:
    """An attribute's value; one that is no character string counts as empty."""
    return attribute.value if isinstance(attribute.value, str) else ""


def _uids(subject: x509.Name) -> tuple[tuple[str, str], ...]:
    found = []
    for attribute in subject.get_attributes_for_oid(NameOID.USER_ID)[:_UID_COUNT]:
        text = clean_text(_text(attribute), _UID_LIMIT)
        prefix, colon, rest = text.partition(":")
        kind = prefix.strip().upper() if colon else ""
        kind, value = (kind, rest.strip()) if kind in UID_KINDS else ("", text)
        if value:
            found.append((kind, value))
    return tuple(found)


def _describe_key(certificate: x509.Certificate) -> tuple[str, int, str]:
    """Type, size in bits and curve of the certificate's key."""
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return certificate.public_key_algorithm_oid.dotted_string, 0, ""
    match key:
        case rsa.RSAPublicKey():
            return "RSA", key.key_size, ""
        case ec.EllipticCurvePublicKey():
            return "EC", key.key_size, key.curve.name
        case _:
            return certificate.public_key_algorithm_oid.dotted_string, 0, ""


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Tell whether it is a root: signed with its own key."""
    return certificate.subject == certificate.issuer and _signed(certificate, certificate)


def _issued(authority: x509.Certificate, below: tuple[x509.Certificate, ...]) -> bool:
    """Tell whether the authority may have issued, and has, the last certificate of `below`."""
    constraint = _basic_constraints(authority)
    # The customer's own certificate and self-issued ones do not count (RFC 5280, 6.1.4 l).
    between = sum(1 for c in below[1:] if c.subject != c.issuer)
    return (
        _may_issue(authority)
        and (
            constraint is None
            or constraint.path_length is None
            or between <= constraint.path_length
        )
        and not _unknown_critical_extension(authority)
        and _signed(authority, below[-1])
    )


def _signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Tell whether names and signature fit, be its hash strong or weak."""
    try:
        if isinstance(certificate.signature_hash_algorithm, hashes.SHA1 | hashes.MD5):
            return _weakly_signed(authority, certificate)
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _weakly_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    """As `_signed`, for hashes that cryptography does not take on a certificate any more."""
    signature, body = certificate.signature, certificate.tbs_certificate_bytes
    algorithm = certificate.signature_hash_algorithm
    if certificate.issuer != authority.subject or algorithm is None:
        return False
    match authority.public_key():
        case rsa.RSAPublicKey() as key:
            key.verify(signature, body, padding.PKCS1v15(), algorithm)
        case ec.EllipticCurvePublicKey() as key:
            key.verify(signature, body, ec.ECDSA(algorithm))
        case _:
            return False
    return True


def _basic_constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _may_issue(certificate: x509.Certificate) -> bool:
    """Tell whether it is a CA's. No key usage means no limit (RFC 5280, 6.1.4 n)."""
    constraints, usage = _basic_constraints(certificate), _key_usage(certificate)
    return constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign)


def _unknown_critical_extension(certificate: x509.Certificate) -> bool:
    return any(e.critical and e.oid not in _KNOWN_EXTENSIONS for e in certificate.extensions)


def _best_path(
    paths: list[tuple[x509.Certificate, ...]], at: datetime
) -> tuple[x509.Certificate, ...]:
    """The first path that is valid now and has strong keys only, else one that is valid now.

    Raises:
        CertificateNotYetValid, CertificateExpired: there is none; for the first path,
            with the first date that does not hold, the customer's before the CAs'.
    """
    valid = [path for path in paths if all(_date_fault(c, at) is None for c in path)]
    if not valid:
        raise next(fault for c in paths[0] if (fault := _date_fault(c, at)) is not None)
    return next((path for path in valid if all(map(_strong_key, path))), valid[0])


def _date_fault(certificate: x509.Certificate, at: datetime) -> CertificateRefused | None:
    if at < certificate.not_valid_before_utc:
        return CertificateNotYetValid(certificate.not_valid_before_utc)
    if at > certificate.not_valid_after_utc:
        return CertificateExpired(certificate.not_valid_after_utc)
    return None


def _strong_signature(certificate: x509.Certificate) -> bool:
    """Tell whether its issuer signed a hash that is strong enough."""
    return isinstance(certificate.signature_hash_algorithm, _STRONG_HASHES)


def _strong_key(certificate: x509.Certificate) -> bool:
    kind, bits, curve = _describe_key(certificate)
    if kind == "EC":
        return bits >= MINIMUM_EC_BITS and curve in CURVES
    return kind == "RSA" and bits >= MINIMUM_RSA_BITS


def _check_usage(leaf: x509.Certificate) -> None:
    """The key must be for signatures, and its holder must not be a CA."""
    constraints, usage = _basic_constraints(leaf), _key_usage(leaf)
    if constraints is not None and constraints.ca:
        raise WrongUsage
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise WrongUsage
