"""How the sandbox's certificates are made: the parts of all, and the tokens' with their flaws."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from kiosk.sandbox.scenario import KeyKind, TokenProfile

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_SETTLED = timedelta(days=30)
"""A certificate is issued again when less than this lies between now and the day on
which it would stop being what its profile says: a directory may grow old."""

_COMMON_NAME_LIMIT = 64
"""Bytes of UTF-8 that cryptography takes (X.520 has as many characters). A longer name
stands in O, and its beginning in CN."""

_SHA256_WITH_RSA = bytes.fromhex("2A864886F70D01010B")
_SHA1_WITH_RSA = bytes.fromhex("2A864886F70D010105")
"""The values of these OIDs in DER (RFC 8017, appendix A.2.4), of one length."""


def make_key(kind: KeyKind) -> PrivateKey:
    """Make a key; a long RSA key may take some seconds."""
    match kind:
        case "P-256":
            return ec.generate_private_key(ec.SECP256R1())
        case "P-384":
            return ec.generate_private_key(ec.SECP384R1())
        case "P-521":
            return ec.generate_private_key(ec.SECP521R1())
        case _:
            return rsa.generate_private_key(65537, int(kind.removeprefix("RSA")))


def issue_leaf(
    profile: TokenProfile,
    index: int,
    key: PrivateKey,
    issuer: x509.Certificate,
    issuer_key: PrivateKey,
    now: datetime,
) -> x509.Certificate:
    """Issue a token's certificate as its profile wants it.

    What makes it unreadable is not done here: a token does that to its copy.
    """
    begin, end = _validity(profile, now)
    usage = key_usage(encipherment=True) if profile.flaw == "no-signature-usage" else key_usage()
    certificate = (
        builder(leaf_subject(profile, index), key, begin, end)
        .issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(authority_key_identifier(issuer), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    if profile.flaw == "sha1" and isinstance(issuer_key, rsa.RSAPrivateKey):
        return _signed_with_sha1(certificate, issuer_key)
    return certificate


def leaf_holds(
    certificate: x509.Certificate,
    profile: TokenProfile,
    index: int,
    key: PrivateKey,
    issuer: x509.Certificate,
    now: datetime,
) -> bool:
    """Tell whether a token's certificate still is what its profile says."""
    return (
        certificate.subject == leaf_subject(profile, index)
        and certificate.public_key() == key.public_key()
        and issued_by(certificate, issuer)
        and _validity_holds(certificate, profile, now)
    )


def leaf_subject(profile: TokenProfile, index: int) -> x509.Name:
    """The subject as VNPT writes it; the MST comes last, as it may on a real one."""
    uids = [*profile.other_uids]
    if profile.tax_code:
        uids.append(f"MST:{profile.tax_code}")
    organisation = profile.second_certificate if index else profile.organisation
    encoded = organisation.encode()
    long = len(encoded) > _COMMON_NAME_LIMIT
    common_name = encoded[:_COMMON_NAME_LIMIT].decode(errors="ignore")
    return make_name(
        (NameOID.COUNTRY_NAME, "VN"),
        (NameOID.STATE_OR_PROVINCE_NAME, "Hà Nội"),
        (NameOID.LOCALITY_NAME, "Hoàn Kiếm"),
        *(((NameOID.ORGANIZATION_NAME, organisation),) if long else ()),
        (NameOID.COMMON_NAME, common_name),
        *((NameOID.USER_ID, uid) for uid in uids),
    )


def _signed_with_sha1(
    certificate: x509.Certificate, issuer_key: rsa.RSAPrivateKey
) -> x509.Certificate:
    """The same certificate under a signature that cryptography itself makes no more.

    The algorithm's name stands twice in a certificate, and the signature at its end.
    """
    body = certificate.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    signature = issuer_key.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    whole = certificate.public_bytes(serialization.Encoding.DER)
    whole = whole.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    return x509.load_der_x509_certificate(whole[: -len(signature)] + signature)


def _validity(profile: TokenProfile, now: datetime) -> tuple[datetime, datetime]:
    """From when to when a leaf made now is valid."""
    year = timedelta(days=365)
    match profile.validity:
        case "expired":
            return now - 3 * year, now - timedelta(days=10)
        case "future":
            return now + timedelta(days=90), now + 3 * year
        case "now":
            return now - timedelta(days=60), now + 2 * year


def _validity_holds(certificate: x509.Certificate, profile: TokenProfile, now: datetime) -> bool:
    """Tell whether a leaf still is expired, valid or not yet valid, as its profile says."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    match profile.validity:
        case "expired":
            return end < now
        case "future":
            return begin - now > _SETTLED
        case "now":
            return begin < now and end - now > _SETTLED


def make_name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    """A name of these attributes, in this order."""
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def builder(
    subject: x509.Name, key: PrivateKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    """A certificate without issuer and purpose."""
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def key_usage(*, ca: bool = False, encipherment: bool = False) -> x509.KeyUsage:
    """What a key may do: sign; a CA's, certificates and lists; or only encipher."""
    signs = not ca and not encipherment
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=signs,
        key_encipherment=encipherment,
        data_encipherment=encipherment,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The extension that points to the issuer's key."""
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    )


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether issuer, and signature, are these."""
    try:
        public = issuer.public_key()
        algorithm = certificate.signature_hash_algorithm
        if isinstance(algorithm, hashes.SHA1) and isinstance(public, rsa.RSAPublicKey):
            # Cryptography verifies no certificate that is signed like this.
            body = certificate.tbs_certificate_bytes
            public.verify(certificate.signature, body, padding.PKCS1v15(), algorithm)
            return certificate.issuer == issuer.subject
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
