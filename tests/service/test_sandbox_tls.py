"""The sandbox over HTTPS: its certificates, the kiosks' own, and what may be wrong with them."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.sandbox.server.tls import SandboxTls
from kiosk.service.client import ServiceClient
from kiosk.service.errors import Distrust, ServiceRefused, ServiceUntrusted
from tests.service.raw import KIOSK, ask, request
from tests.unit.service_lab import KIOSK as LAB_KIOSK
from tests.unit.service_lab import Lab

HEALTH = request("GET", "/v1/health")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("tls"), tls="server") as lab:
        yield lab


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("mtls"), tls="mutual") as lab:
        yield lab


@pytest.fixture(autouse=True)
def _no_fault_is_left(lab: Lab) -> Iterator[None]:
    yield
    lab.server.faults.clear()


def certificates(lab: Lab) -> SandboxTls:
    return SandboxTls(lab.directory / "tls")


def verifying(lab: Lab, kiosk: str = "") -> ssl.SSLContext:
    """A strict client, as Python 3.13 is by default."""
    context = ssl.create_default_context(cafile=str(certificates(lab).ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if kiosk:
        context.load_cert_chain(*certificates(lab).client_files(kiosk))
    return context


def test_a_strict_client_trusts_its_ca_and_nobody_elses(lab: Lab) -> None:
    assert lab.url.startswith("https://127.0.0.1:")
    assert ask(lab.url, HEALTH, verifying(lab)).status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(lab.url, HEALTH, ssl.create_default_context())


@pytest.mark.parametrize(
    ("fault", "words", "reason"),
    [
        ("tls-expired", "certificate has expired", Distrust.EXPIRED),
        ("tls-wrong-host", "mismatch", Distrust.WRONG_HOST),
        ("tls-unknown-ca", "unable to get local issuer", Distrust.UNKNOWN_CA),
    ],
)
async def test_a_wrong_certificate_is_seen_and_heals(
    lab: Lab, fault: str, words: str, reason: Distrust
) -> None:
    client = lab.client(ca_file=str(certificates(lab).ca_file))
    await client.health()
    with lab.server.faults.during(fault):
        with pytest.raises(ssl.SSLCertVerificationError, match=words):
            ask(lab.url, HEALTH, verifying(lab))
        with pytest.raises(ServiceUntrusted) as caught:
            await client.confirm("r1", "key")
        assert caught.value.reason is reason
    await client.health()
    await client.close()


async def test_a_whole_reset_over_tls_with_a_client_certificate(mutual: Lab) -> None:
    certificate, key = certificates(mutual).client_files(LAB_KIOSK)
    client = ServiceClient(
        mutual.url,
        LAB_KIOSK,
        ca_file=str(certificates(mutual).ca_file),
        client_certificate=str(certificate),
        client_key=str(key),
    )
    reset = await mutual.open_reset(client)
    await client.confirm(reset.id, "key")
    assert len(mutual.mailed_passwords("ketoan.hoasen@gmail.com")) == 1
    await client.close()


async def test_no_certificate_is_no_kiosk(mutual: Lab) -> None:
    wire = ask(mutual.url, HEALTH, verifying(mutual))
    assert (wire.status, wire.json["code"]) == (403, "kiosk_unknown")
    client = mutual.client(ca_file=str(certificates(mutual).ca_file))
    with pytest.raises(ServiceRefused, match="kiosk_unknown"):
        await client.health()
    await client.close()
    # The mailbox is for browsers.
    assert ask(mutual.url, request("GET", "/mail"), verifying(mutual)).status == 200


def test_a_certificate_of_another_ca_is_none(mutual: Lab, tmp_path: Path) -> None:
    stranger = SandboxTls(tmp_path / "tls")
    context = verifying(mutual)
    context.load_cert_chain(*stranger.client_files(KIOSK))
    try:
        wire = ask(mutual.url, HEALTH, context)
    except (ssl.SSLError, ConnectionError):
        return
    assert wire.received == b""


def test_a_kiosk_speaks_under_its_own_name_only(mutual: Lab) -> None:
    assert ask(mutual.url, HEALTH, verifying(mutual, KIOSK)).status == 200
    wire = ask(mutual.url, HEALTH, verifying(mutual, "another"))
    assert (wire.status, wire.json["code"]) == (403, "kiosk_unknown")
    staff = request("POST", "/v1/staff-calls", {"id": "x"})
    assert ask(mutual.url, staff, verifying(mutual, "another")).json["code"] == "kiosk_unknown"


def test_old_certificates_are_made_anew_under_the_same_ca(tmp_path: Path) -> None:
    first = SandboxTls(tmp_path)
    before = first.server_file().read_bytes()
    authority = first.ca_file.read_bytes()
    assert SandboxTls(tmp_path).server_file().read_bytes() == before
    later = SandboxTls(tmp_path, datetime.now(UTC) + timedelta(days=340))
    assert later.server_file().read_bytes() != before
    assert later.ca_file.read_bytes() == authority


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    tls = SandboxTls(tmp_path / "tls")
    for file in (*tls.client_files("k1"), tls.server_file(), tmp_path / "tls/ca-key.pem"):
        assert file.stat().st_mode & 0o077 == 0, file


def test_the_command_makes_what_the_configuration_takes(mutual: Lab) -> None:
    command = [sys.executable, "-m", "kiosk", "sandbox", "client-certificate"]
    command += ["--state", str(mutual.directory)]
    done = subprocess.run([*command, "quay-7"], capture_output=True, text=True, check=True)
    assert 'id = "quay-7"' in done.stdout
    keys = dict(line.split(" = ") for line in done.stdout.splitlines() if " = " in line)
    for name in ("ca_file", "client_certificate", "client_key"):
        assert Path(keys[name].strip('"')).exists()
    wrong = subprocess.run([*command, "a b"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "found 'a b', expected letters" in wrong.stderr
