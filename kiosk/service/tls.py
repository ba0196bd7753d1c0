"""TLS towards the service: whose word is taken, and what the kiosk shows of itself.

A connection is refused before a byte of a request leaves and, in TLS 1.3, before the kiosk's
own certificate does: the checks are part of the handshake, so they hold on every way to the
service, through a proxy as well.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from kiosk.config import ConfigError
from kiosk.service.errors import Distrust, ServiceUnreachable, ServiceUntrusted
from kiosk.service.files import private_text, readable_text

_PIN_FORM = "sha256/ and the base64 of 32 bytes"

_VERIFY_CODES = {
    2: Distrust.UNKNOWN_CA,
    9: Distrust.NOT_YET_VALID,
    10: Distrust.EXPIRED,
    18: Distrust.UNKNOWN_CA,
    19: Distrust.UNKNOWN_CA,
    20: Distrust.UNKNOWN_CA,
    21: Distrust.UNKNOWN_CA,
    62: Distrust.WRONG_HOST,
    64: Distrust.WRONG_HOST,
}
# OpenSSL's X509_V_ERR_ numbers (openssl/x509_vfy.h).

_ALERTS_ON_A_CERTIFICATE = re.compile(
    r"ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED"
    r"|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|CERTIFICATE_REQUIRED)\Z"
)
# Alerts that can only be about the kiosk's certificate when the service sends them (RFC 8446,
# section 6.2), as OpenSSL names them.


def pin_of(certificate: bytes) -> str:
    """Return the pin of a certificate in DER: `sha256/` and the base64 of its key's hash.

    The hash is that of the SubjectPublicKeyInfo (RFC 7469, section 2.4), so that it stays
    the same when a certificate is renewed for the same key.
    """
    digest = hashlib.sha256(_public_key_info(certificate)).digest()
    return "sha256/" + base64.b64encode(digest).decode("ascii")


def read_pins(pins: Iterable[str]) -> frozenset[str]:
    """Check that these are pins as `pin_of` returns them.

    Raises:
        ConfigError: one is not.
    """
    for number, pin in enumerate(pins):
        kind, _, text = pin.partition("/")
        try:
            digest = base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            digest = b""
        if kind != "sha256" or len(digest) != hashlib.sha256().digest_size:
            raise ConfigError("kiosk.toml", f"service.pins[{number}]", repr(pin), _PIN_FORM)
    return frozenset(pins)


def tls_context(
    ca_file: str = "",
    pins: Iterable[str] = (),
    client_certificate: str = "",
    client_key: str = "",
    kiosk_id: str = "",
) -> ssl.SSLContext:
    """Make the context of all connections to the service.

    Args:
        ca_file: PEM file of the service's CA; empty: the system's.
        pins: as `pin_of` returns them; the service's own key has to be one of them. None
            given: any key that the CA vouches for.
        client_certificate: PEM file of the kiosk's certificate and the CAs under its root.
        client_key: PEM file of its key, without a password.
        kiosk_id: whose certificate it has to be (its common name).

    Raises:
        ConfigError: a file or a pin cannot be used.
    """
    # Not `ssl.create_default_context`: it would write the keys of all connections into a file
    # that the environment names (SSLKEYLOGFILE).
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one.
            found = f"{ca_file!r} ({_why(error)})"
            expected = "a readable PEM file"
            raise ConfigError("kiosk.toml", "service.ca_file", found, expected) from None
    else:
        # Not `load_default_certs`: it asks the environment (SSL_CERT_FILE) first.
        system = ssl.get_default_verify_paths()
        file, folder = Path(system.openssl_cafile), Path(system.openssl_capath)
        context.load_verify_locations(
            cafile=file if file.is_file() else None, capath=folder if folder.is_dir() else None
        )
    _load_own_certificate(context, client_certificate, client_key, kiosk_id)
    context.sslobject_class = type("_PinnedTls", (_CheckedTls,), {"pins": read_pins(pins)})
    return context


def _load_own_certificate(
    context: ssl.SSLContext, certificate: str, key: str, kiosk_id: str
) -> None:
    if not certificate and not key:
        return
    if not certificate or not key:
        missing, given = "client_certificate", "client_key"
        if certificate:
            missing, given = given, missing
        expected = f"a PEM file, since service.{given} is set"
        raise ConfigError("kiosk.toml", f"service.{missing}", "nothing", expected)
    expected = "a PEM file with the kiosk's certificate"
    chain = readable_text(certificate, "service.client_certificate", expected)
    private_text(key, "service.client_key", "a PEM file with a key")
    name = _common_name(chain)
    if name is None:
        found = f"{certificate!r} (not PEM)"
        raise ConfigError("kiosk.toml", "service.client_certificate", found, expected)
    if name != kiosk_id:
        found = f"one for {name!r}"
        expected = f"one for {kiosk_id!r}, the id of this kiosk"
        raise ConfigError("kiosk.toml", "service.client_certificate", found, expected)
    try:
        # An empty password, so that OpenSSL does not ask for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        other = isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH"
        found = f"{key!r} (" + ("of another certificate)" if other else "not such a key)")
        expected = "a PEM file with the certificate's key, without a password"
        raise ConfigError("kiosk.toml", "service.client_key", found, expected) from None


def _common_name(pem: str) -> str | None:
    """The common name of the first certificate; None if there is no certificate."""
    # Only machines with a certificate of their own pay for this import.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    try:
        first = x509.load_pem_x509_certificates(pem.encode("utf-8"))[0]
        names = first.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return None
    return str(names[0].value) if names else ""


class _CheckedTls(ssl.SSLObject):
    """One connection's TLS; says in the kiosk's words why it is refused."""

    pins: ClassVar[frozenset[str]] = frozenset()
    _heard = False
    """Whether anything was read that the service had to say after the handshake."""

    def do_handshake(self) -> None:
        """Shake hands, and look at the service's key before the last flight leaves."""
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            raise ServiceUntrusted(
                _VERIFY_CODES.get(error.verify_code, Distrust.BAD_CERTIFICATE)
            ) from None
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            # In TLS 1.2 a service that misses the kiosk's certificate has but this alert
            # (RFC 5246, section 7.4.6); once a cipher was agreed on, it means nothing else.
            missed = error.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE" and self.cipher() is not None
            if missed or _is_about_a_certificate(error):
                raise ServiceUntrusted(Distrust.KIOSK_REFUSED) from None
            raise ServiceUnreachable(f"TLS: {error.reason or type(error).__name__}") from None
        if self.pins:
            certificate = self.getpeercert(binary_form=True)
            if certificate is None or pin_of(certificate) not in self.pins:
                raise ServiceUntrusted(Distrust.WRONG_PIN)

    def read(self, len: int = 1024, buffer: bytearray | None = None) -> bytes:  # type: ignore[override]  # noqa: A002
        """Read; in TLS 1.3 the first thing read may be that the kiosk's certificate is refused."""
        try:
            data = super().read(len, buffer)
        except ssl.SSLError as error:
            if not self._heard and _is_about_a_certificate(error):
                raise ServiceUntrusted(Distrust.KIOSK_REFUSED, request_left=True) from None
            raise
        self._heard = True
        return data


def _why(error: OSError) -> str:
    return "not PEM" if isinstance(error, ssl.SSLError) else error.strerror or "an error"


def _is_about_a_certificate(error: ssl.SSLError) -> bool:
    return bool(_ALERTS_ON_A_CERTIFICATE.search(error.reason or ""))


def _public_key_info(certificate: bytes) -> bytes:
    """Cut the SubjectPublicKeyInfo out of a certificate in DER, unchanged.

    (RFC 5280, section 4.1.) OpenSSL has read the certificate by then.
    """
    _, begin, _ = _element(certificate, 0)
    _, begin, _ = _element(certificate, begin)
    tag, _, _ = _element(certificate, begin)
    # Before the key: the version, which may be left out, serial number, algorithm, issuer,
    # validity and subject.
    for _ in range(6 if tag == 0xA0 else 5):
        _, _, begin = _element(certificate, begin)
    _, _, end = _element(certificate, begin)
    return certificate[begin:end]


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Read an element (X.690, section 8.1): its tag, where its content begins, where it ends."""
    tag, length, begin = der[at], der[at + 1], at + 2
    if length >= 0x80:
        size = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + size]), begin + size
    return tag, begin, begin + length
