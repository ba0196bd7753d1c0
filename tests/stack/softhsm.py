"""A SoftHSM2 token of the tests' own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
LABEL = "CÔNG TY TNHH HOA SEN"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class SoftToken:
    """A SoftHSM token of the tests' own."""

    directory: Path
    pin: str = "12345678"
    certificates: dict[str, x509.Certificate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.directory / "tokens").mkdir()
        (self.directory / "softhsm2.conf").write_text(
            f"directories.tokendir = {self.directory}/tokens\nobjectstore.backend = file\n"
        )
        self.add_token(LABEL)

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.directory / "softhsm2.conf")}

    def forbid(self, *mechanisms: str) -> None:
        """Let the token offer all mechanisms but these."""
        with (self.directory / "softhsm2.conf").open("a") as file:
            file.write("slots.mechanisms = -" + ",".join(mechanisms) + "\n")

    def add_token(self, label: str) -> None:
        self._run(
            *("softhsm2-util", "--init-token", "--free", "--label", label),
            *("--so-pin", "12345678", "--pin", self.pin),
        )

    def add(
        self, name: str, key: Key, key_id: str, *, ca: bool = False, bare: bool = False
    ) -> None:
        """Put a certificate on the token, and its key unless it shall be `bare`."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.put(name, certificate, None if bare else key, key_id)

    def put(self, name: str, certificate: x509.Certificate, key: Key | None, key_id: str) -> None:
        """Put this certificate on the token, and its key if there is one."""
        file = self.directory / name
        if key is not None:
            file.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
            self._run(
                *("softhsm2-util", "--import", str(file), "--token", LABEL, "--pin", self.pin),
                *("--label", name, "--id", key_id),
            )
        file.write_bytes(certificate.public_bytes(serialization.Encoding.DER))
        self._run(
            *(sys.executable, "-m", "tests.stack.write_certificate"),
            *(str(MODULE), LABEL, self.pin, str(file), key_id, name),
        )
        self.certificates[name] = certificate

    def der(self, name: str) -> bytes:
        return self.certificates[name].public_bytes(serialization.Encoding.DER)

    def _run(self, *command: str) -> None:
        subprocess.run(
            command, env={**os.environ, **self.environment}, check=True, capture_output=True
        )
