"""The sandbox service over HTTP: the whole reset, and everything that must not reset."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.sandbox import scenario
from kiosk.sandbox.server import letter
from kiosk.sandbox.server.run import open_staff_calls
from kiosk.sandbox.server.service import Limits
from kiosk.service.client import ServiceClient
from kiosk.service.errors import ServiceRefused
from kiosk.service.proof import assemble, signing_input
from tests.unit.service_lab import KIOSK, Lab, base64url, sign

EMAIL = {account.username: account.email for account in scenario.ACCOUNTS}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("service"), limits=Limits(resend_wait=0)) as lab:
        yield lab


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[ServiceClient]:
    lab.ahead = 0.0
    client = lab.client()
    yield client
    await client.close()


async def refusal(call: Any) -> ServiceRefused:
    with pytest.raises(ServiceRefused) as caught:
        await call
    return caught.value


async def test_a_whole_reset(lab: Lab, client: ServiceClient) -> None:
    assert lab.log_in("hoasen", scenario.OLD_PASSWORD) == (200, "ok")
    reset = await lab.open_reset(client)
    assert reset.organisation == "CÔNG TY TNHH THƯƠNG MẠI HOA SEN"
    assert reset.tax_code == "0100000001"
    assert reset.masked_email == "k•••@g•••.com"
    assert reset.mailbox_domain == "gmail.com"
    # Nothing has been sent or changed by the proof alone.
    assert lab.mailed_passwords(EMAIL["hoasen"]) == []
    assert lab.log_in("hoasen", scenario.OLD_PASSWORD) == (200, "ok")

    delivery = await client.confirm(reset.id, "key-1")
    assert re.fullmatch(r"BH-[A-Z0-9]{6}", delivery.reference)
    assert (await client.status(reset.id)).status == "delivered"
    (mailed,) = lab.mailed_passwords(EMAIL["hoasen"])
    assert lab.log_in("hoasen", scenario.OLD_PASSWORD) == (401, "login_refused")
    assert lab.log_in("hoasen", mailed) == (200, "change_required")
    assert lab.log_in("hoasen", mailed, mailed) == (400, "invalid_request")
    assert lab.log_in("hoasen", mailed, "mật khẩu của tôi") == (200, "ok")
    assert lab.log_in("hoasen", mailed) == (401, "login_refused")
    assert lab.log_in("hoasen", "mật khẩu của tôi") == (200, "ok")
    # Another mail now would take the password away that the customer has just chosen.
    assert (await refusal(client.resend(reset.id, "key-2"))).code == "reset_expired"


async def test_an_elliptic_key_and_a_branch(lab: Lab, client: ServiceClient) -> None:
    reset = await lab.open_reset(client, "binh-minh", "binhminh")
    assert (reset.tax_code, reset.masked_email) == ("0100000002-001", "k•••@b•••.example")


async def test_pss(lab: Lab, client: ServiceClient) -> None:
    challenge = (await client.challenge(lab.chain("hoa-sen"))).challenge
    message = signing_input(lab.request("hoa-sen", "hoasen", challenge), "PS256")
    proof = assemble(message, sign(lab.pki.leaf("hoa-sen")[0], message, pss=True))
    assert (await client.request_reset("hoasen", proof)).tax_code == "0100000001"


async def test_unknown_user_and_another_companys_user_look_the_same(
    lab: Lab, client: ServiceClient
) -> None:
    answers = [
        await refusal(lab.open_reset(client, "hoa-sen", username))
        for username in ("nobody", "binhminh", "HOASEN")
    ]
    assert {(answer.code, answer.status, answer.retry_after) for answer in answers} == {
        ("no_match", 403, None)
    }


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("expired", "certificate_expired"),
        ("future", "certificate_not_yet_valid"),
        ("foreign", "certificate_untrusted"),
        ("revoked", "certificate_revoked"),
        ("suspended", "certificate_suspended"),
        ("weak", "certificate_weak_key"),
    ],
)
async def test_certificates_that_may_not_be_used(
    lab: Lab, client: ServiceClient, token: str, code: str
) -> None:
    assert (await refusal(client.challenge(lab.chain(token)))).code == code


async def test_a_certificate_without_its_issuer_is_known_all_the_same(
    lab: Lab, client: ServiceClient
) -> None:
    await client.challenge(lab.chain("hoa-sen")[:1])


async def test_an_old_crl_is_no_crl(lab: Lab, client: ServiceClient) -> None:
    # The list that the PKI makes then is of today: the service's clock is far ahead of it.
    lab.ahead = 3 * 86_400.0
    assert (await refusal(client.challenge(lab.chain("hoa-sen")))).code == (
        "certificate_status_unknown"
    )


async def test_a_challenge_serves_once(lab: Lab, client: ServiceClient) -> None:
    challenge = (await client.challenge(lab.chain("hoa-sen"))).challenge
    proof = lab.proof("hoa-sen", "hoasen", challenge)
    await client.request_reset("hoasen", proof)
    assert (await refusal(client.request_reset("hoasen", proof))).code == "challenge_invalid"


async def test_a_challenge_serves_not_even_after_a_bad_proof(
    lab: Lab, client: ServiceClient
) -> None:
    challenge = (await client.challenge(lab.chain("hoa-sen"))).challenge
    proof = lab.proof("hoa-sen", "hoasen", challenge)
    assert (await refusal(client.request_reset("hoasen.kho", proof))).code == "proof_invalid"
    assert (await refusal(client.request_reset("hoasen", proof))).code == "challenge_invalid"


async def test_a_challenge_grows_old(lab: Lab, client: ServiceClient) -> None:
    answer = await client.challenge(lab.chain("hoa-sen"))
    lab.ahead = answer.expires_in + 1
    proof = lab.proof("hoa-sen", "hoasen", answer.challenge)
    assert (await refusal(client.request_reset("hoasen", proof))).code == "challenge_invalid"


async def test_a_challenge_that_the_service_never_made(lab: Lab, client: ServiceClient) -> None:
    proof = lab.proof("hoa-sen", "hoasen", "x" * 43)
    assert (await refusal(client.request_reset("hoasen", proof))).code == "challenge_invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"audience": "https://other.example"},
        {"username": "hoasen.kho"},
        {"kiosk": "another-kiosk"},
        {"issued_at": 1_000_000_000},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_proof_for_something_else(
    lab: Lab, client: ServiceClient, change: dict[str, Any]
) -> None:
    challenge = (await client.challenge(lab.chain("hoa-sen"))).challenge
    proof = lab.proof("hoa-sen", "hoasen", challenge, **change)
    assert (await refusal(client.request_reset("hoasen", proof))).code == "proof_invalid"


async def test_a_challenge_made_for_another_certificate(lab: Lab, client: ServiceClient) -> None:
    challenge = (await client.challenge(lab.chain("binh-minh"))).challenge
    proof = lab.proof("hoa-sen", "hoasen", challenge)
    assert (await refusal(client.request_reset("hoasen", proof))).code == "proof_invalid"


async def test_a_key_that_is_not_the_certificates(lab: Lab, client: ServiceClient) -> None:
    challenge = (await client.challenge(lab.chain("hoa-sen"))).challenge
    message = signing_input(lab.request("hoa-sen", "hoasen", challenge), "RS256")
    proof = assemble(message, sign(lab.pki.leaf("last-try")[0], message))
    assert (await refusal(client.request_reset("hoasen", proof))).code == "proof_invalid"


Forgery = Callable[[Lab, str], str]


def header_of(lab: Lab, **changes: Any) -> dict[str, Any]:
    x5c = [base64.b64encode(der).decode() for der in lab.chain("hoa-sen")]
    return {"alg": "RS256", "typ": "bhxh-reset+jwt", "x5c": x5c} | changes


def payload_of(lab: Lab, challenge: str, **changes: Any) -> dict[str, Any]:
    return {
        "aud": lab.url,
        "action": "password-reset",
        "username": "hoasen",
        "challenge": challenge,
        "kiosk": KIOSK,
        "iat": int(lab.now()),
    } | changes


def rs256(lab: Lab, header: Any, payload: Any) -> str:
    """Sign whatever it is with the right key: only its form is wrong."""
    message = f"{base64url(header)}.{base64url(payload)}".encode()
    return f"{message.decode()}.{base64url(sign(lab.pki.leaf('hoa-sen')[0], message))}"


def good(lab: Lab, challenge: str) -> str:
    return rs256(lab, header_of(lab), payload_of(lab, challenge))


def with_header(**changes: Any) -> Forgery:
    return lambda lab, challenge: rs256(lab, header_of(lab, **changes), payload_of(lab, challenge))


def with_payload(**changes: Any) -> Forgery:
    return lambda lab, challenge: rs256(lab, header_of(lab), payload_of(lab, challenge, **changes))


def unsigned(lab: Lab, challenge: str) -> str:
    header, payload = header_of(lab, alg="none"), payload_of(lab, challenge)
    return f"{base64url(header)}.{base64url(payload)}."


def hs256_with_the_public_key(lab: Lab, challenge: str) -> str:
    header, payload = header_of(lab, alg="HS256"), payload_of(lab, challenge)
    message = f"{base64url(header)}.{base64url(payload)}"
    public = lab.certificate("hoa-sen").public_bytes(Encoding.PEM)
    return f"{message}.{base64url(hmac.digest(public, message.encode(), hashlib.sha256))}"


def without_x5c(lab: Lab, challenge: str) -> str:
    header = {"alg": "RS256", "typ": "bhxh-reset+jwt"}
    return rs256(lab, header, payload_of(lab, challenge))


def with_a_name_twice(lab: Lab, challenge: str) -> str:
    payload = json.dumps(payload_of(lab, challenge))[:-1] + ', "username": "hoasen"}'
    return rs256(lab, header_of(lab), payload)


FORGERIES: dict[str, Forgery] = {
    "alg none": unsigned,
    "alg none, signed": with_header(alg="none"),
    "HS256 with the public key": hs256_with_the_public_key,
    "ES256 with an RSA key": with_header(alg="ES256"),
    "RS512": with_header(alg="RS512"),
    "alg is a list": with_header(alg=["RS256"]),
    "another type": with_header(typ="JWT"),
    "crit": with_header(crit=["b64"]),
    "jwk": with_header(jwk={}),
    "no x5c": without_x5c,
    "x5c with numbers": with_header(x5c=[1]),
    "another action": with_payload(action="sign-contract"),
    "one more field": with_payload(exp=1),
    "a name twice": with_a_name_twice,
    "iat is true": with_payload(iat=True),
    "iat is a fraction": with_payload(iat=1.5),
    "payload is a list": lambda lab, c: rs256(lab, header_of(lab), json.dumps([c])),
    "header is deep": lambda lab, c: rs256(lab, "[" * 9_000, payload_of(lab, c)),
    "signature cut": lambda lab, c: good(lab, c)[:-20],
    "padded": lambda lab, c: good(lab, c) + "=",
    "a fourth part": lambda lab, c: good(lab, c) + ".",
    "a line break": lambda lab, c: good(lab, c).replace(".", "\n.", 1),
    "nothing": lambda lab, c: "",
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_forged_proofs(lab: Lab, client: ServiceClient, name: str) -> None:
    challenge = (await client.challenge(lab.chain("hoa-sen"))).challenge
    forged = FORGERIES[name](lab, challenge)
    assert (await refusal(client.request_reset("hoasen", forged))).code == "proof_invalid"


async def test_a_proof_that_is_too_big(lab: Lab, client: ServiceClient) -> None:
    assert (await refusal(client.request_reset("hoasen", "A" * 60_000))).code == "invalid_request"


async def test_the_forgeries_differ_from_a_good_proof_in_one_thing_only(
    lab: Lab, client: ServiceClient
) -> None:
    challenge = (await client.challenge(lab.chain("hoa-sen"))).challenge
    assert (await client.request_reset("hoasen", good(lab, challenge))).tax_code == "0100000001"


async def test_one_order_however_often_it_is_put(lab: Lab, client: ServiceClient) -> None:
    reset = await lab.open_reset(client, "last-try", "lancuoi")
    answers = await asyncio.gather(*[client.confirm(reset.id, "same-key") for _ in range(20)])
    answers.append(await client.confirm(reset.id, "another-key"))
    assert len({answer.reference for answer in answers}) == 1
    assert len(lab.mailed_passwords(EMAIL["lancuoi"])) == 1


async def test_mail_again_a_limited_number_of_times(lab: Lab, client: ServiceClient) -> None:
    reset = await lab.open_reset(client, "two-certificates", "haichungthu")
    assert (await refusal(client.resend(reset.id, "too-early"))).code == "invalid_request"
    await client.confirm(reset.id, "first")
    for key in ("second", "second", "third"):
        await client.resend(reset.id, key)
    assert (await refusal(client.resend(reset.id, "fourth"))).code == "resend_limit"
    passwords = lab.mailed_passwords(EMAIL["haichungthu"])
    assert len(passwords) == 3
    logins = [lab.log_in("haichungthu", password)[1] for password in passwords]
    assert logins == ["change_required", "login_refused", "login_refused"]


async def test_a_reset_grows_old(lab: Lab, client: ServiceClient) -> None:
    reset = await lab.open_reset(client, "hoa-sen", "hoasen.kho")
    assert (await client.status(reset.id)).status == "pending"
    lab.ahead = Limits().reset_life + 1
    assert (await refusal(client.confirm(reset.id, "late"))).code == "reset_expired"
    assert (await client.status(reset.id)).status == "expired"
    assert lab.mailed_passwords(EMAIL["hoasen.kho"]) == []


async def test_a_reset_belongs_to_the_kiosk_that_opened_it(lab: Lab, client: ServiceClient) -> None:
    reset = await lab.open_reset(client, "hoa-sen", "hoasen.kho")
    other = ServiceClient(lab.url, "another-kiosk")
    assert (await refusal(other.confirm(reset.id, "k"))).code == "not_found"
    assert (await refusal(other.status(reset.id))).code == "not_found"
    await other.close()


async def test_a_key_is_for_one_reset(lab: Lab, client: ServiceClient) -> None:
    first = await lab.open_reset(client, "hoa-sen", "hoasen.kho")
    second = await lab.open_reset(client, "hoa-sen", "hoasen.kho")
    await client.confirm(first.id, "one-key")
    assert (await refusal(client.confirm(second.id, "one-key"))).code == "invalid_request"


async def test_staff_calls(lab: Lab, client: ServiceClient) -> None:
    for _ in range(2):
        await client.call_staff("call-1")
    assert [kiosk for kiosk, _ in open_staff_calls(lab.directory)] == [KIOSK]
    for _ in range(2):
        await client.cancel_staff_call("call-1")
    assert open_staff_calls(lab.directory) == []


async def test_health_tells_the_services_time(lab: Lab, client: ServiceClient) -> None:
    lab.ahead = 1000.0
    health = await client.health()
    assert abs(health.time - lab.now()) < 5
    assert health.capabilities == ("account-lookups",)


@pytest.mark.parametrize(
    ("limits", "username"),
    [
        (Limits(per_kiosk=2), "hoasen"),
        (Limits(per_certificate=2), "hoasen"),
        (Limits(per_username=2), "hoasen"),
        (Limits(per_username=2), "nobody"),
    ],
)
async def test_too_many(tmp_path: Path, limits: Limits, username: str) -> None:
    with Lab(tmp_path, limits=limits) as lab:
        client = lab.client()

        async def outcome() -> str:
            try:
                await lab.open_reset(client, "hoa-sen", username)
            except ServiceRefused as error:
                wait = error.retry_after or 0
                return f"{error.code}, wait" if 3500 < wait <= 3600 else error.code
            return "opened"

        usual = "opened" if username == "hoasen" else "no_match"
        assert [await outcome() for _ in range(4)] == [usual] * 2 + ["rate_limited, wait"] * 2
        lab.ahead = 3601
        # The sandbox's CRL is a day long, so only the limit's window has passed.
        assert await outcome() == usual
        await client.close()


async def test_no_log_names_a_customer(
    lab: Lab, client: ServiceClient, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    reset = await lab.open_reset(client, "hoa-sen", "hoasen.kho")
    await client.confirm(reset.id, "log-test")
    (password, *_) = lab.mailed_passwords(EMAIL["hoasen.kho"])
    written = caplog.text + "".join(capfd.readouterr())
    assert "send_request_headers" in written
    for secret in ("hoasen.kho", EMAIL["hoasen.kho"], "0100000001", password):
        assert secret not in written


def test_each_address_is_masked() -> None:
    assert letter.masked("ketoan@congty.com.vn") == "k•••@c•••.vn"
    assert letter.masked("a@b.vn") == "a•••@b•••.vn"


def test_a_taken_port_is_told(lab: Lab) -> None:
    from kiosk.sandbox.server.run import SandboxServer, ServeError

    port = int(lab.url.rpartition(":")[2])
    with pytest.raises(ServeError, match=rf"^HTTP port {port} of 127\.0\.0\.1 .*in use"):
        SandboxServer(lab.directory, port).start()
    with pytest.raises(ServeError, match=r"^SMTP port"):
        SandboxServer(lab.directory, 0, lab.server.smtp_port).start()


def test_it_listens_on_this_machine_alone(lab: Lab) -> None:
    for port in (int(lab.url.rpartition(":")[2]), lab.server.smtp_port):
        with pytest.raises(ConnectionRefusedError), socket.socket() as outside:
            outside.connect(("127.0.0.2", port))
