"""Whom the client takes for the service over TLS, and what it shows of the kiosk."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.config import ConfigError
from kiosk.service.client import ServiceClient
from kiosk.service.errors import AnswerLost, Distrust, ServiceUnreachable, ServiceUntrusted
from kiosk.service.tls import pin_of
from tests.unit.talking import (
    ACCOUNTS,
    CHALLENGE,
    DELIVERY,
    HEALTH,
    RESET,
    BluntServer,
    Proxy,
    Server,
    answer,
    talking_to,
)
from tests.unit.tls_lab import Ca, Pair

DAY = timedelta(days=1)
OTHER_PIN = "sha256/" + "A" * 43 + "="


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path)


@pytest.fixture
def pair(ca: Ca) -> Pair:
    return ca.issue("server")


async def refused(server: Server, url: str = "", **options: Any) -> ServiceUntrusted:
    """Make all kinds of calls, see that none is answered or sent, and return the last error."""
    async with talking_to(server, url=url, **options) as client:
        for call in (
            client.health(),
            client.confirm("r1", "key"),
            client.look_up_accounts("p"),
            client.request_reset("u", "p"),
        ):
            with pytest.raises(ServiceUntrusted) as caught:
                await call
    assert server.requests == []
    return caught.value


async def test_a_service_of_the_configured_ca(ca: Ca, pair: Pair) -> None:
    async with (
        Server(answer(body=HEALTH), tls=ca.server(pair)) as server,
        talking_to(server, ca_file=str(ca.file)) as client,
    ):
        assert (await client.health()).time == HEALTH["time"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ends": -DAY / 2}, Distrust.EXPIRED),
        ({"begins": DAY / 2}, Distrust.NOT_YET_VALID),
        ({"host": "127.0.0.2"}, Distrust.WRONG_HOST),
        ({"host": "bhxh.example"}, Distrust.WRONG_HOST),
    ],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_certificate_that_is_not_the_services(
    ca: Ca, changes: dict[str, Any], reason: Distrust, version: ssl.TLSVersion
) -> None:
    tls = ca.server(ca.issue("bad", **changes), version=version)
    async with Server(answer(body=HEALTH), tls=tls) as server:
        error = await refused(server, ca_file=str(ca.file))
    assert error.reason is reason
    assert str(reason) in str(error)
    assert "127.0.0" not in str(error)


async def test_a_host_name_is_matched_as_well(ca: Ca) -> None:
    tls = ca.server(ca.issue("named", host="localhost"))
    async with Server(answer(body=HEALTH), tls=tls) as server:
        url = f"https://localhost:{server.port}"
        async with talking_to(server, url=url, ca_file=str(ca.file)) as client:
            await client.health()


async def test_another_ca(tmp_path: Path, ca: Ca, pair: Pair) -> None:
    stranger = Ca(tmp_path, "stranger")
    async with Server(answer(body=HEALTH), tls=ca.server(pair)) as server:
        assert (await refused(server, ca_file=str(stranger.file))).reason is Distrust.UNKNOWN_CA
        assert (await refused(server)).reason is Distrust.UNKNOWN_CA


async def test_who_is_not_trusted_is_not_asked_again(ca: Ca) -> None:
    tls = ca.server(ca.issue("bad", host="127.0.0.2"))
    async with Server(answer(body=HEALTH), tls=tls) as server, Proxy() as proxy:
        options = {"url": server.url, "ca_file": str(ca.file), "proxy": proxy.url}
        async with talking_to(server, **options) as client:
            with pytest.raises(ServiceUntrusted):
                await client.health()
        assert proxy.connections == 1


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_tls_that_is_too_old_is_no_connection(ca: Ca, pair: Pair) -> None:
    with BluntServer(ca.server(pair, version=ssl.TLSVersion.TLSv1_1)) as server:
        client = ServiceClient(server.url, "k1", ca_file=str(ca.file))
        with pytest.raises(ServiceUnreachable, match=r"TLS: .*(PROTOCOL|VERSION)") as caught:
            await client.request_reset("u", "p")
        assert not isinstance(caught.value, ServiceUntrusted)
        await client.close()


async def test_the_environment_gets_no_keys(
    ca: Ca, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    async with (
        Server(answer(body=HEALTH), tls=ca.server(pair)) as server,
        talking_to(server, ca_file=str(ca.file)) as client,
    ):
        await client.health()
    assert not (tmp_path / "keys").exists()


async def test_the_environment_names_no_ca(
    ca: Ca, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
    async with Server(answer(body=HEALTH), tls=ca.server(pair)) as server:
        assert (await refused(server)).reason is Distrust.UNKNOWN_CA


# Pins


@pytest.mark.parametrize(
    "make", [None, lambda: rsa.generate_private_key(65537, 2048)], ids=["EC", "RSA"]
)
def test_a_pin_is_what_openssl_says(ca: Ca, make: Callable[[], Any] | None) -> None:
    pair = ca.issue("pinned", key=make() if make else None)
    command = (
        f"openssl x509 -in '{pair.certificate_file}' -pubkey -noout"
        " | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"
    )
    shell = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert pin_of(pair.der) == "sha256/" + shell.stdout.strip()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("through_proxy", [False, True])
async def test_any_one_pin_matches_and_no_other_key_does(
    ca: Ca, pair: Pair, version: ssl.TLSVersion, through_proxy: bool
) -> None:
    async with (
        Server(answer(body=HEALTH), tls=ca.server(pair, version=version)) as server,
        Proxy() as proxy,
    ):
        options: dict[str, Any] = {"ca_file": str(ca.file)}
        if through_proxy:
            options["proxy"] = proxy.url
        assert (await refused(server, pins=[OTHER_PIN], **options)).reason is Distrust.WRONG_PIN
        async with talking_to(server, pins=[OTHER_PIN, pin_of(pair.der)], **options) as client:
            await client.health()
        assert bool(proxy.asked) is through_proxy


async def test_a_pin_stays_with_the_key(ca: Ca, pair: Pair) -> None:
    renewed = ca.issue("renewed", key=pair.key)
    async with (
        Server(answer(body=HEALTH), tls=ca.server(renewed)) as server,
        talking_to(server, ca_file=str(ca.file), pins=[pin_of(pair.der)]) as client,
    ):
        await client.health()


async def test_a_pin_does_not_replace_the_ca(tmp_path: Path, ca: Ca, pair: Pair) -> None:
    stranger = Ca(tmp_path, "stranger")
    async with Server(answer(body=HEALTH), tls=ca.server(pair)) as server:
        error = await refused(server, ca_file=str(stranger.file), pins=[pin_of(pair.der)])
    assert error.reason is Distrust.UNKNOWN_CA


async def test_a_pinned_ca_is_not_the_services_key(ca: Ca, pair: Pair) -> None:
    pin = pin_of(ca.certificate.public_bytes(Encoding.DER))
    async with Server(answer(body=HEALTH), tls=ca.server(pair)) as server:
        error = await refused(server, ca_file=str(ca.file), pins=[pin])
    assert error.reason is Distrust.WRONG_PIN


async def test_a_server_with_the_wrong_key_does_not_see_the_kiosks_certificate(
    ca: Ca, pair: Pair
) -> None:
    async with Server(answer(body=HEALTH), tls=ca.server(pair, clients=ca)) as server:
        await refused(server, ca_file=str(ca.file), pins=[OTHER_PIN], **own(ca.issue("k1")))
        assert server.connections == 0


@pytest.mark.parametrize(
    "pin",
    [
        "",
        "A" * 43 + "=",
        "sha1/" + "A" * 27 + "=",
        "sha256/" + "A" * 42 + "==",
        "sha256/" + "A" * 43,
        "sha256/" + "A" * 44,
        "sha256/" + "-" * 43 + "=",
        "sha256/é",
    ],
)
def test_what_is_no_pin(pin: str) -> None:
    with pytest.raises(ConfigError, match=r"service\.pins\[1\]: found .*, expected sha256/"):
        ServiceClient("https://bhxh.example", "k1", pins=[OTHER_PIN, pin])


# The kiosk's own certificate


def own(pair: Pair) -> dict[str, str]:
    return {"client_certificate": str(pair.certificate_file), "client_key": str(pair.key_file)}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_kiosk_shows_its_certificate(ca: Ca, pair: Pair, version: ssl.TLSVersion) -> None:
    tls = ca.server(pair, clients=ca, version=version)
    async with (
        Server(answer(body=HEALTH), tls=tls) as server,
        talking_to(server, ca_file=str(ca.file), **own(ca.issue("k1"))) as client,
    ):
        await client.health()
        (writer,) = server.open
        shown = writer.get_extra_info("ssl_object").getpeercert()
    assert shown["subject"] == ((("commonName", "k1"),),)


@pytest.mark.parametrize("shows", ["nothing", "a stranger's", "an expired one"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_service_that_does_not_accept_the_kiosk(
    ca: Ca, pair: Pair, tmp_path: Path, version: ssl.TLSVersion, shows: str
) -> None:
    options = {
        "nothing": dict,
        "a stranger's": lambda: own(Ca(tmp_path, "stranger").issue("k1")),
        "an expired one": lambda: own(ca.issue("k1", ends=-DAY / 2)),
    }[shows]()
    with BluntServer(ca.server(pair, clients=ca, version=version)) as server:
        client = ServiceClient(server.url, "k1", ca_file=str(ca.file), **options)
        for call in (lambda: client.health(), lambda: client.request_reset("u", "p")):
            with pytest.raises(ServiceUntrusted) as caught:
                await call()
            assert caught.value.reason is Distrust.KIOSK_REFUSED
        # In TLS 1.3 the refusal is read when the order has left; then only an answer counts.
        late = version is ssl.TLSVersion.TLSv1_3
        assert caught.value.request_left is late
        with pytest.raises(AnswerLost if late else ServiceUntrusted):
            await client.confirm("r1", "key")
        await client.close()
        assert server.admitted == 0


def broken(pair: Pair, **changes: Any) -> dict[str, str]:
    return own(pair) | {name: str(value) for name, value in changes.items()}


def test_certificates_and_keys_that_cannot_be_used(ca: Ca, tmp_path: Path) -> None:
    good = ca.issue("k1")
    other = ca.issue("k2")
    locked = ca.issue("locked", key=good.key, password=b"secret")
    public = tmp_path / "public.pem"
    public.write_bytes(good.key_file.read_bytes())
    public.chmod(0o640)
    text = tmp_path / "text.pem"
    text.write_text("hello")
    text.chmod(0o600)
    binary = tmp_path / "binary.pem"
    binary.write_bytes(b"\xff\xfe")
    binary.chmod(0o600)
    cases: list[tuple[dict[str, str], str, str]] = [
        (broken(good, client_key=""), "client_key", "found nothing"),
        (broken(good, client_certificate=""), "client_certificate", "found nothing"),
        (broken(good, client_key=tmp_path / "none"), "client_key", "No such file"),
        (broken(good, client_key=public), "client_key", "mode 0640.*chmod 600"),
        (broken(good, client_key=other.key_file), "client_key", "of another certificate"),
        (broken(good, client_key=locked.key_file), "client_key", "not such a key.*a password"),
        (broken(good, client_key=text), "client_key", "not such a key"),
        (broken(good, client_key=binary), "client_key", "not text"),
        (broken(good, client_key=tmp_path), "client_key", "not a short file"),
        (broken(good, client_certificate=tmp_path / "none"), "client_certificate", "No such file"),
        (broken(good, client_certificate=text), "client_certificate", "not PEM"),
        (own(other), "client_certificate", "found one for 'k2', expected one for 'k1'"),
    ]
    for options, key, words in cases:
        with pytest.raises(ConfigError, match=rf"kiosk\.toml: service\.{key}: .*{words}"):
            ServiceClient("https://bhxh.example", "k1", **options)
    ServiceClient("https://bhxh.example", "k1", **own(good))


# Connections


async def test_a_whole_visit_is_one_handshake(ca: Ca, pair: Pair) -> None:
    answers = [
        answer(body=HEALTH),
        answer("201 Created", CHALLENGE),
        answer(body=ACCOUNTS),
        answer("201 Created", RESET),
        answer(body=DELIVERY),
        answer(body=DELIVERY),
        answer("204 No Content", b""),
    ]
    async with (
        Server(*answers, tls=ca.server(pair, clients=ca)) as server,
        talking_to(server, ca_file=str(ca.file), **own(ca.issue("k1"))) as client,
    ):
        await client.warm_up()
        await client.challenge((b"der",))
        await client.look_up_accounts("p")
        await client.request_reset("u", "p")
        await client.confirm("r1", "key")
        await client.status("r1")
        await client.call_staff("c1")
        assert (len(server.requests), server.connections) == (7, 1)
