"""Certificates that end on the day: of a customer's CA, of the service and of the kiosk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kiosk import problems
from kiosk.config import ServiceSection
from kiosk.doctor.findings import Status
from kiosk.doctor.tls import look_at_own_files, look_at_shown
from kiosk.doctor.trust import look_at_trust
from kiosk.hardware.certificate import TrustStore
from kiosk.problems import Problem
from kiosk.sandbox.issuing import authority_key_identifier, builder, key_usage
from kiosk.verdict import Refusal, judge_certificate

YEAR = timedelta(days=365)
CLIENT = "client.pem"


@dataclass(frozen=True)
class Ends:
    """When which certificate ends; each is renewed as long after that as `renewed` says."""

    customers_ca: datetime
    service: datetime
    client: datetime
    renewed: timedelta


class DayCertificates:
    """Files as a technician lays them out, and what the kiosk and its doctor say of them."""

    def __init__(self, folder: Path, start: datetime, ends: Ends) -> None:
        self._folder = folder
        self._begins = start - YEAR
        self._ends = ends
        self.trust = folder / "trust"
        self.trust.mkdir()
        root_key = ec.generate_private_key(ec.SECP256R1())
        root = self._issue("root", root_key, start + YEAR)
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = self._issue("customers' CA", ca_key, ends.customers_ca, root, root_key)
        for name, certificate in (("root", root), ("ca", ca)):
            (self.trust / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        self._customer = _der(self._issue("customer", None, start + YEAR, ca, ca_key))
        self._service, self._new_service = (
            self._issue("service", None, end, root, root_key)
            for end in (ends.service, start + YEAR)
        )
        self._client, self._new_client = (
            self._issue("kiosk", None, end, root, root_key) for end in (ends.client, start + YEAR)
        )
        self._store = TrustStore.load(self.trust)

    def service(self, moment: datetime) -> x509.Certificate:
        """What the service shows at this moment."""
        renewed = moment >= self._ends.service + self._ends.renewed
        return self._new_service if renewed else self._service

    def client(self, moment: datetime) -> x509.Certificate:
        """What the kiosk shows at this moment."""
        renewed = moment >= self._ends.client + self._ends.renewed
        return self._new_client if renewed else self._client

    def customers_problem(self, moment: datetime) -> Problem | None:
        """What a customer would be told whose own certificate is good for another year."""
        verdict = judge_certificate(self._customer, self._store, moment)
        return verdict.problem if isinstance(verdict, Refusal) else None

    def ended(self, moment: datetime) -> set[str]:
        """What the doctor finds at fault, by its names."""
        section = ServiceSection(url="https://127.0.0.1", client_certificate=CLIENT)
        own = self._folder / CLIENT
        own.write_bytes(self.client(moment).public_bytes(Encoding.PEM))
        found = [
            *look_at_trust(self.trust, moment),
            *look_at_own_files(section, self._folder, moment),
            *look_at_shown(_der(self.service(moment)), section, moment),
        ]
        return {finding.name for finding in found if finding.status is Status.FAILED}

    def expected(self, moment: datetime) -> tuple[Problem | None, set[str]]:
        """What `customers_problem` and `ended` have to say."""
        ends = self._ends
        parts = {"tls": ends.service, "client_certificate": ends.client}
        ended = {name for name, end in parts.items() if end < moment < end + ends.renewed}
        if moment > ends.customers_ca:
            return problems.CERTIFICATE_EXPIRED, {"trust", *ended}
        return None, ended

    def _issue(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey | None,
        ends: datetime,
        issuer: x509.Certificate | None = None,
        issuer_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:
        """Issue a certificate, with a key for a CA and without one for all others."""
        ca = key is not None
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, name),
                x509.NameAttribute(NameOID.USER_ID, "MST:0100109106"),
            ]
        )
        unsigned = (
            builder(subject, key, self._begins, ends)
            .issuer_name(issuer.subject if issuer else subject)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(key_usage(ca=ca), critical=True)
        )
        if issuer is not None:
            unsigned = unsigned.add_extension(authority_key_identifier(issuer), critical=False)
        return unsigned.sign(issuer_key or key, hashes.SHA256())


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
