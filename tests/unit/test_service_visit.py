"""A whole visit with the sandbox's service over TLS, by the ways that a kiosk's network has."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.sandbox.server.tls import SandboxTls
from kiosk.service.client import ServiceClient
from kiosk.service.errors import Distrust, ServiceRefused, ServiceUntrusted
from kiosk.service.tls import pin_of
from tests.unit.service_lab import KIOSK, Lab, until
from tests.unit.talking import Proxy

MAILBOX = "ketoan.hoasen@gmail.com"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("mutual"), tls="mutual") as lab:
        yield lab


@pytest.fixture(scope="module")
def options(lab: Lab) -> dict[str, Any]:
    """What a kiosk of this service has in its `[service]`."""
    certificates = SandboxTls(lab.directory / "tls")
    server = x509.load_pem_x509_certificate(certificates.server_file().read_bytes())
    certificate, key = certificates.client_files(KIOSK)
    return {
        "ca_file": str(certificates.ca_file),
        "pins": [pin_of(server.public_bytes(Encoding.DER))],
        "client_certificate": str(certificate),
        "client_key": str(key),
    }


async def a_visit(lab: Lab, client: ServiceClient) -> None:
    """From the welcome screen to the mail, with the username looked up first."""
    await client.warm_up()
    assert abs((await client.health()).time - time.time()) < 5
    username, *_ = await lab.look_up(client)
    assert username == "hoasen"
    reset = await lab.open_reset(client, username=username)
    delivery = await client.confirm(reset.id, f"key-of-{reset.id}"[:64])
    assert delivery.reference == reset.reference
    assert (await client.status(reset.id)).id == reset.id


async def test_a_visit_makes_one_connection(lab: Lab, options: dict[str, Any]) -> None:
    mailed = len(lab.mailed_passwords(MAILBOX))
    # The proxy is there to count: every connection to the service is a tunnel of its own.
    async with Proxy() as proxy:
        client = lab.client(proxy=proxy.url, **options)
        await a_visit(lab, client)
        await client.close()
        assert (len(proxy.asked), proxy.connections) == (1, 1)
    await until(lambda: len(lab.mailed_passwords(MAILBOX)) == mailed + 1)


async def test_a_visit_without_a_proxy(lab: Lab, options: dict[str, Any]) -> None:
    client = lab.client(**options)
    await a_visit(lab, client)
    await client.close()


async def test_a_kiosk_without_its_certificate_is_not_known(
    lab: Lab, options: dict[str, Any]
) -> None:
    client = lab.client(ca_file=options["ca_file"])
    with pytest.raises(ServiceRefused) as caught:
        await client.health()
    assert caught.value.code == "kiosk_unknown"
    await client.close()


async def test_the_pin_of_another_key(lab: Lab, options: dict[str, Any], tmp_path: Path) -> None:
    other = SandboxTls(tmp_path).server_file()
    pin = pin_of(x509.load_pem_x509_certificate(other.read_bytes()).public_bytes(Encoding.DER))
    client = lab.client(**options | {"pins": [pin]})
    with pytest.raises(ServiceUntrusted) as caught:
        await lab.open_reset(client)
    assert caught.value.reason is Distrust.WRONG_PIN
    await client.close()
