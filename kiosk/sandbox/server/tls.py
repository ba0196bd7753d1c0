"""Certificates for the sandbox's HTTPS: a CA of its own, the server's, and the kiosks'.

    directory/
        ca.pem              what a kiosk's `service.ca_file` points to
        server.pem          certificate and key of the server, and those of the faults:
        expired.pem, wrong-host.pem, unknown-ca.pem
        kiosk-ID.pem, kiosk-ID-key.pem   a kiosk's client certificate and key

The CA has nothing to do with the one of the customers' tokens. Its key signs nothing but
these, and all of them are for this machine alone.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kiosk.sandbox.issuing import (
    PrivateKey,
    authority_key_identifier,
    builder,
    key_usage,
    make_key,
    make_name,
)

LIFETIME = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=30)

CERTIFICATES = ("server", "expired", "wrong-host", "unknown-ca")
"""Names of what a server can present; only the first is in order."""

_THIS_MACHINE: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
    # What a virtual machine of QEMU's calls the machine it runs on.
    x509.IPAddress(ipaddress.ip_address("10.0.2.2")),
)


class SandboxTls:
    """The certificates, kept in a directory; those that are missing or old are made."""

    def __init__(self, directory: Path, now: datetime | None = None) -> None:
        """Open the directory.

        Raises:
            OSError: it cannot be written to.
        """
        self._directory = directory
        self._now = now or datetime.now(UTC)
        for folder in (directory.parent, directory):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._is_current(self.ca_file):
            self._make_authority()

    @property
    def ca_file(self) -> Path:
        """The CA's certificate."""
        return self._directory / "ca.pem"

    def server_file(self, name: str = "server") -> Path:
        """Certificate and key of the server, in one file; `name` is one of `CERTIFICATES`."""
        file = self._directory / f"{name}.pem"
        if not self._is_current(file):
            self._make_server(name, file)
        return file

    def client_files(self, kiosk: str) -> tuple[Path, Path]:
        """Certificate and key of a kiosk; its name towards the service is the CN."""
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", kiosk, re.ASCII):
            raise ValueError("not a kiosk's name")
        file = self._directory / f"kiosk-{kiosk}.pem"
        key_file = self._directory / f"kiosk-{kiosk}-key.pem"
        if not self._is_current(file):
            key = make_key("P-256")
            unsigned = self._leaf(kiosk, key, ExtendedKeyUsageOID.CLIENT_AUTH)
            authority, authority_key = self._authority()
            certificate = _signed(unsigned, authority, authority_key)
            _write(key_file, _key_pem(key))
            _write(file, certificate.public_bytes(serialization.Encoding.PEM))
        return file, key_file

    def context(self, *, mutual: bool) -> ssl.SSLContext:
        """Make the server's side of TLS; `mutual`: a kiosk is asked for its certificate.

        Who shows none is refused by `CallerCheck`, in words; a wrong one ends the handshake.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self.server_file())
        if mutual:
            context.load_verify_locations(self.ca_file)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def _is_current(self, file: Path) -> bool:
        """Whether the file is there and holds a certificate that will do for a while."""
        try:
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        if file.stem == "expired":
            return True
        if file != self.ca_file and file.stem != "unknown-ca":
            authority = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
            if certificate.issuer != authority.subject or _key_id(certificate) != _key_id(
                authority, own=True
            ):
                return False
        return certificate.not_valid_after_utc - self._now > _RENEW_BEFORE

    def _make_authority(self) -> None:
        key = make_key("P-256")
        certificate = _authority("SANDBOX TLS CA", key, self._now)
        _write(self._directory / "ca-key.pem", _key_pem(key))
        _write(self.ca_file, certificate.public_bytes(serialization.Encoding.PEM))

    def _authority(self) -> tuple[x509.Certificate, PrivateKey]:
        pem = (self._directory / "ca-key.pem").read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        return x509.load_pem_x509_certificate(self.ca_file.read_bytes()), key  # type: ignore[return-value]

    def _make_server(self, name: str, file: Path) -> None:
        key = make_key("P-256")
        authority, authority_key = self._authority()
        names = _THIS_MACHINE
        moment = self._now
        if name == "wrong-host":
            names = (x509.DNSName("elsewhere.example"),)
        elif name == "expired":
            moment = self._now - 2 * LIFETIME
        elif name == "unknown-ca":
            authority_key = make_key("P-256")
            authority = _authority("SANDBOX unknown TLS CA", authority_key, self._now)
        unsigned = self._leaf("localhost", key, ExtendedKeyUsageOID.SERVER_AUTH, moment)
        unsigned = unsigned.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = _signed(unsigned, authority, authority_key)
        _write(file, certificate.public_bytes(serialization.Encoding.PEM) + _key_pem(key))

    def _leaf(
        self,
        common_name: str,
        key: PrivateKey,
        purpose: x509.ObjectIdentifier,
        moment: datetime | None = None,
    ) -> x509.CertificateBuilder:
        begin = (moment or self._now) - timedelta(days=1)
        return (
            builder(make_name((NameOID.COMMON_NAME, common_name)), key, begin, begin + LIFETIME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )


def _authority(common_name: str, key: PrivateKey, now: datetime) -> x509.Certificate:
    subject = make_name((NameOID.COMMON_NAME, common_name))
    # It begins early, so that the expired certificate was issued in its time.
    unsigned = (
        builder(subject, key, now - 3 * LIFETIME, now + 10 * LIFETIME)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(ca=True), critical=True)
    )
    return unsigned.sign(key, hashes.SHA256())


def _signed(
    unsigned: x509.CertificateBuilder, authority: x509.Certificate, key: PrivateKey
) -> x509.Certificate:
    return (
        unsigned.issuer_name(authority.subject)
        .add_extension(authority_key_identifier(authority), critical=False)
        .sign(key, hashes.SHA256())
    )


def _key_id(certificate: x509.Certificate, *, own: bool = False) -> bytes | None:
    """Identifier of the issuer's key, or of the certificate's own."""
    try:
        if own:
            extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
            return extension.value.digest
        issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        return issuer.value.key_identifier
    except x509.ExtensionNotFound:
        return None


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)
    new.replace(file)
