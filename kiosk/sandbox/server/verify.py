"""Checks certificates and proofs as VNPT's service has to: trusting nothing.

This is written apart from the kiosk's own check of certificates on purpose: each shows
the other's mistakes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID

from kiosk.sandbox.server.refusal import Refusal

MAX_CHAIN = 8
MAX_CERTIFICATE = 8 * 1024
"""Bytes of one certificate in DER."""
MAX_PROOF = 48 * 1024
"""Characters of a proof."""
CLOCK_TOLERANCE = 120
"""Seconds between a proof's time and the service's."""

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_KNOWN_CRITICAL = frozenset({ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE})
_LONGEST_PATH = 5
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_END_OF_TIME = 2**40
_LONGEST_NAME = 200
"""Characters of an organisation's name that the contract lets an answer have."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a certificate was issued to."""

    certificate: x509.Certificate
    organisation: str
    tax_codes: frozenset[str]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


class CertificateVerifier:
    """Checks a customer's certificate: path, dates, key, revocation."""

    def __init__(
        self,
        root: x509.Certificate,
        intermediates: tuple[x509.Certificate, ...],
        crl: Callable[[], x509.CertificateRevocationList],
    ) -> None:
        """Trust one root; `crl` gives the newest list of the CA under it."""
        self._root = root
        self._intermediates = intermediates
        self._fetch = crl
        self._crl: x509.CertificateRevocationList | None = None

    def check(self, chain: tuple[bytes, ...], now: datetime) -> Holder:
        """Check a chain in DER, the customer's certificate first.

        Raises:
            Refusal: with the code of the first thing that is wrong.
        """
        if not 0 < len(chain) <= MAX_CHAIN or max(map(len, chain)) > MAX_CERTIFICATE:
            raise Refusal("invalid_request")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CryptographyDeprecationWarning)
                leaf, *others = [x509.load_der_x509_certificate(der) for der in chain]
            path = self._path(leaf, others)
            holder = _holder(leaf)
        except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
            raise Refusal("certificate_untrusted") from None
        for certificate in path:
            if now > certificate.not_valid_after_utc:
                raise Refusal("certificate_expired")
            if now < certificate.not_valid_before_utc:
                raise Refusal("certificate_not_yet_valid")
            _check_key(certificate)
        self._check_revocation(leaf, path[1], now)
        return holder

    def _path(
        self, leaf: x509.Certificate, others: list[x509.Certificate]
    ) -> list[x509.Certificate]:
        """Find the way from the leaf to the root (RFC 5280, section 6.1), both included."""
        _check_extensions(leaf)
        if not _may_sign(leaf):
            raise ValueError("key usage")
        authorities = [self._root, *self._intermediates, *others]
        path = [leaf]
        while len(path) < _LONGEST_PATH:
            issuer = next((ca for ca in authorities if _issued(path[-1], ca, len(path) - 1)), None)
            if issuer is None:
                break
            path.append(issuer)
            if issuer == self._root:
                return path
        raise ValueError("no path to the root")

    def _check_revocation(
        self, leaf: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> None:
        """Look the certificate up in the CRL (RFC 5280, section 6.3); unknown means no."""
        crl = self._crl
        if crl is None or crl.next_update_utc is None or now >= crl.next_update_utc:
            crl = self._crl = self._fetch()
        public_key = issuer.public_key()
        if (
            crl.issuer != leaf.issuer
            or not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
            or not crl.is_signature_valid(public_key)
            or crl.next_update_utc is None
            # Such as the mark of a delta list (RFC 5280, section 5.2): it is not the whole.
            or any(extension.critical for extension in crl.extensions)
            or not crl.last_update_utc - timedelta(seconds=300) <= now < crl.next_update_utc
        ):
            raise Refusal("certificate_status_unknown")
        entry = crl.get_revoked_certificate_by_serial_number(leaf.serial_number)
        if entry is None:
            return
        try:
            reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        except x509.ExtensionNotFound:
            reason = x509.ReasonFlags.unspecified
        if reason is x509.ReasonFlags.remove_from_crl:
            # It belongs into delta lists alone (RFC 5280, section 5.3.1), and this is none:
            # what the list means to say is not known.
            raise Refusal("certificate_status_unknown")
        if reason is x509.ReasonFlags.certificate_hold:
            raise Refusal("certificate_suspended")
        raise Refusal("certificate_revoked")


def _issued(certificate: x509.Certificate, authority: x509.Certificate, below: int) -> bool:
    """Tell whether the authority issued it and may have that many CAs below."""
    try:
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
        _check_extensions(authority)
        if not isinstance(certificate.signature_hash_algorithm, _HASHES):
            return False
        certificate.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    depth = constraints.path_length
    return constraints.ca and usage.key_cert_sign and (depth is None or below <= depth)


def _check_extensions(certificate: x509.Certificate) -> None:
    """Refuse a critical extension that nobody here understands (RFC 5280, section 4.2)."""
    if any(e.critical and e.oid not in _KNOWN_CRITICAL for e in certificate.extensions):
        raise ValueError("critical extension")


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def _check_key(certificate: x509.Certificate) -> None:
    """Decree 23/2025/NĐ-CP: RSA of 2048 bits or more, ECDSA of 256 or more."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
        return
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= 256:
        return
    raise Refusal("certificate_weak_key")


def _holder(certificate: x509.Certificate) -> Holder:
    subject = certificate.subject

    def values(oid: x509.ObjectIdentifier) -> list[str]:
        found = [attribute.value for attribute in subject.get_attributes_for_oid(oid)]
        return [value for value in found if isinstance(value, str)]

    names = values(NameOID.ORGANIZATION_NAME) + values(NameOID.COMMON_NAME)
    uids = [uid.partition(":") for uid in values(NameOID.USER_ID)]
    tax_codes = {value.strip() for kind, _, value in uids if kind.strip() == "MST"}
    name = names[0][:_LONGEST_NAME] if names else ""
    # An empty one is that of nobody's account.
    return Holder(certificate, name, frozenset(tax_codes - {""}))


_COMMON = {"aud": str, "action": str, "challenge": str, "kiosk": str, "iat": int}
_PAYLOADS: dict[str, tuple[str, dict[str, type]]] = {
    "bhxh-reset+jwt": ("password-reset", {**_COMMON, "username": str}),
    "bhxh-lookup+jwt": ("account-lookup", _COMMON),
}
# For each type of proof, its action and the fields of its payload.


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof, taken apart and of the right shape. Nothing of it is believed yet."""

    algorithm: str
    chain: tuple[bytes, ...]
    audience: str
    username: str | None
    """None: a proof for an account lookup, which names nobody."""
    challenge: str
    kiosk: str
    issued_at: int
    signed: bytes
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Take a JWS in compact serialisation (RFC 7515, section 7.1) apart.

        Its `typ` says which of the two proofs it is, and so which fields there are: each
        of them, and no other. So there is no `crit`, no `jku`, no key that the sender brings
        along except by its certificate, and no proof that could be taken for the other.

        Raises:
            Refusal: `proof_invalid`.
        """
        if len(text) > MAX_PROOF or text.count(".") != 2:
            raise Refusal("proof_invalid")
        header_part, payload_part, signature_part = text.split(".")
        try:
            header = _object(_base64url(header_part), {"alg": str, "typ": str, "x5c": list})
            action, fields = _PAYLOADS[header["typ"]]
            payload = _object(_base64url(payload_part), fields)
            if payload["action"] != action or not _NONCE.fullmatch(payload["challenge"]):
                raise ValueError("action or challenge")
            if not 0 < payload["iat"] < _END_OF_TIME:
                raise ValueError("iat")
            return cls(
                algorithm=header["alg"],
                chain=tuple(base64_decoded(item) for item in header["x5c"]),
                audience=payload["aud"],
                username=payload.get("username"),
                challenge=payload["challenge"],
                kiosk=payload["kiosk"],
                issued_at=payload["iat"],
                signed=f"{header_part}.{payload_part}".encode("ascii"),
                signature=_base64url(signature_part),
            )
        except (KeyError, ValueError, TypeError, RecursionError, binascii.Error):
            raise Refusal("proof_invalid") from None

    def check(
        self, holder: Holder, audience: str, username: str | None, kiosk: str, now: float
    ) -> None:
        """Check that the holder's key has signed this, here, now and for this username.

        Without username it has to be a proof for an account lookup.

        Raises:
            Refusal: `proof_invalid`.
        """
        try:
            _verify(holder.certificate.public_key(), self.algorithm, self.signature, self.signed)
        except (InvalidSignature, ValueError):
            raise Refusal("proof_invalid") from None
        if (self.audience, self.username, self.kiosk) != (audience, username, kiosk):
            raise Refusal("proof_invalid")
        if abs(self.issued_at - now) > CLOCK_TOLERANCE:
            raise Refusal("proof_invalid")


def _verify(key: object, algorithm: str, signature: bytes, signed: bytes) -> None:
    """Verify a signature (RFC 7518, sections 3.3 to 3.5). The key rules the algorithm.

    Raises:
        InvalidSignature: it is not this key's signature of these bytes.
        ValueError: the algorithm does not go with the key.
    """
    if isinstance(key, rsa.RSAPublicKey) and algorithm == "RS256":
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        return
    if isinstance(key, rsa.RSAPublicKey) and algorithm == "PS256":
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
        key.verify(signature, signed, pss, hashes.SHA256())
        return
    if isinstance(key, ec.EllipticCurvePublicKey):
        curve, size = key.curve.name, (key.key_size + 7) // 8
        digest = {("ES256", "secp256r1"): hashes.SHA256(), ("ES384", "secp384r1"): hashes.SHA384()}
        if (algorithm, curve) in digest and len(signature) == 2 * size:
            r, s = (int.from_bytes(part) for part in (signature[:size], signature[size:]))
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(digest[algorithm, curve]))
            return
    raise ValueError("algorithm")


def base64_decoded(text: str) -> bytes:
    """Decode base64 (RFC 4648, section 4), in its one canonical form.

    Raises:
        ValueError: it is not that.
    """
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode("ascii") != text:
        raise ValueError("not canonical base64")
    return value


def _base64url(text: str) -> bytes:
    """Decode base64url without padding, in its one canonical form."""
    value = base64.b64decode(
        text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
    )
    if base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii") != text:
        raise ValueError("not canonical base64url")
    return value


def _object(text: bytes, shape: dict[str, type]) -> dict[str, Any]:
    """Decode a JSON object that has exactly these fields, each once, of these types."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name occurs twice")
        return dict(pairs)

    value = json.loads(text.decode("utf-8"), object_pairs_hook=once)
    if not isinstance(value, dict) or value.keys() != shape.keys():
        raise ValueError("other fields")
    if any(type(value[name]) is not kind for name, kind in shape.items()):
        raise ValueError("other types")
    return value
