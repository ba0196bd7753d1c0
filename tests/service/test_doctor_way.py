"""`kiosk doctor`: the way to the service, step by step, on the real sandbox service over TLS."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kiosk.config import ServiceSection
from kiosk.doctor.findings import Finding, Status
from kiosk.doctor.service import look_at_service, look_up
from kiosk.doctor.tls import look_at_own_files
from kiosk.sandbox.server.run import SandboxServer
from kiosk.sandbox.server.tls import SandboxTls
from kiosk.service.client import ServiceClient
from kiosk.service.tls import pin_of
from tests.unit.made_machine import assert_advised, statuses, the
from tests.unit.tls_lab import Ca

WRONG_PIN = "sha256/" + "A" * 43 + "="


@pytest.fixture(scope="module", params=["server"])
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[SandboxServer]:
    server = SandboxServer(tmp_path_factory.mktemp("sandbox"), tls=request.param)
    server.start()
    yield server
    server.stop()


@dataclass
class Way:
    """The way to a service from a kiosk with such settings."""

    server: SandboxServer
    tls: SandboxTls

    async def look(
        self, kiosk: str = "test", lookup: Any = look_up, **options: Any
    ) -> list[Finding]:
        settings = {
            "url": self.server.url,
            "ca_file": str(self.tls.ca_file),
            "timeout": 2.0,
            "connect_timeout": 2.0,
            **options,
        }
        section = ServiceSection(**settings)
        client = ServiceClient(kiosk_id=kiosk, **settings)
        found = await look_at_service(client, section, datetime.now(UTC), lookup)
        assert_advised(found)
        return found


@pytest.fixture
def way(server: SandboxServer) -> Way:
    return Way(server, SandboxTls(server._directory / "tls"))


async def test_a_service_that_is_there(way: Way) -> None:
    found = await way.look()
    assert {one.status for one in found} <= {Status.OK, Status.WARNING}
    assert statuses(found)["service"] is Status.OK
    assert "account-lookups" in the("service", found).facts["capabilities"]
    assert the("skew", found).status is Status.OK
    assert "the service's certificate: " in the("tls", found).text


async def test_pins(way: Way) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    file = way.tls.server_file()
    own = x509.load_pem_x509_certificates(file.read_bytes())[0].public_bytes(Encoding.DER)
    found = await way.look(pins=(pin_of(own),))
    assert "it is the only one: name the next key" in the("pins", found).text
    wrong = await way.look(pins=(WRONG_PIN,))
    assert statuses(wrong) == {
        "dns": Status.OK,
        "tls": Status.FAILED,
        "service": Status.SKIPPED,
    }
    told = the("tls", wrong)
    assert "the service's key is none of those in service.pins" in told.text
    # What is there is told, so that it can be compared with what VNPT says.
    assert f"key {pin_of(own)}" in told.text
    assert told.facts["problem"] == "K07"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("tls-expired", "the service's certificate has expired"),
        ("tls-wrong-host", "the service's certificate is for another host"),
        ("tls-unknown-ca", "the service's certificate is from an unknown CA"),
    ],
)
async def test_a_certificate_that_is_refused(way: Way, fault: str, words: str) -> None:
    with way.server.faults.during(fault):
        found = await way.look()
    told = the("tls", found)
    assert told.status is Status.FAILED
    assert words in told.text
    assert "shown: " in told.text


async def test_a_certificate_that_ends_soon(way: Way) -> None:
    section = ServiceSection(url=way.server.url)
    client = ServiceClient(way.server.url, "test", str(way.tls.ca_file))
    shown = await client.certificate()
    from cryptography import x509

    from kiosk.doctor.tls import look_at_shown

    ends = x509.load_der_x509_certificate(shown).not_valid_after_utc
    for before, status in (
        (timedelta(days=20), Status.OK),
        (timedelta(days=5), Status.WARNING),
        (timedelta(days=-1), Status.FAILED),
    ):
        (finding,) = look_at_shown(shown, section, ends - before)
        assert finding.status is status


async def test_a_clock_that_is_wrong(way: Way) -> None:
    with way.server.faults.during("clock", seconds=600.0):
        found = await way.look()
    skew = the("skew", found)
    assert skew.status is Status.FAILED
    assert "clock is 600 s behind the service's" in skew.text.replace("599", "600")
    assert "K01" in skew.text
    with way.server.faults.during("clock", seconds=-60.0):
        found = await way.look()
    assert the("skew", found).status is Status.WARNING
    assert "ahead of the service's" in the("skew", found).text


async def test_a_service_that_is_down_and_one_that_says_nothing(way: Way) -> None:
    with way.server.faults.during("refuse"):
        found = await way.look()
    assert statuses(found)["tls"] is Status.FAILED
    assert "no connection to" in the("tls", found).text
    with way.server.faults.during("hang", call="health"):
        found = await way.look()
    assert statuses(found)["tls"] is Status.OK
    assert "took the request and gave no answer" in the("service", found).text
    with way.server.faults.during("wrong-shape", call="health"):
        found = await way.look()
    assert "not an answer of the contract" in the("service", found).text
    with way.server.faults.during("503", call="health"):
        found = await way.look()
    assert "is there and refuses" in the("service", found).text


async def test_a_name_that_is_not_known_and_one_that_nobody_answers_for(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_: str) -> list[str]:
        raise OSError(-2, "Name or service not known")

    never = threading.Event()

    def silent(_: str) -> list[str]:
        never.wait()
        return []

    url = "https://kiosk-doctor.example"
    found = await way.look(url=url, lookup=unknown)
    assert statuses(found) == {"dns": Status.FAILED, "service": Status.SKIPPED}
    assert "kiosk-doctor.example: name or service not known" in the("dns", found).text
    assert "spelling mistake" in the("dns", found).advice

    def away(_: str) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    found = await way.look(url=url, lookup=away)
    assert "spelling mistake" not in the("dns", found).advice
    monkeypatch.setattr("kiosk.doctor.service.NAME_SECONDS", 0.05)
    found = await way.look(url=url, lookup=silent)
    never.set()
    assert "no name server answers within" in the("dns", found).text


@pytest.mark.parametrize("server", ["mutual"], indirect=True)
async def test_a_service_that_wants_a_certificate_of_the_kiosks(way: Way) -> None:
    found = await way.look()
    bad = next(one for one in found if one.status is Status.FAILED)
    assert "does not know this kiosk" in bad.text
    assert "service.client_certificate" in bad.advice
    certificate, key = way.tls.client_files("test")
    found = await way.look(client_certificate=str(certificate), client_key=str(key))
    assert statuses(found)["service"] is Status.OK


def test_how_long_the_kiosks_own_certificate_is_valid(ca: Ca, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for days, status in ((100, Status.OK), (30, Status.WARNING), (-0.5, Status.FAILED)):
        pair = ca.issue("test", ends=timedelta(days=days))
        section = ServiceSection(
            url="https://a.example", client_certificate=str(pair.certificate_file)
        )
        found = look_at_own_files(section, tmp_path, now)
        assert statuses(found) == {"client_certificate": status}
        assert_advised(found)


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path)
