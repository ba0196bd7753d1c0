"""The contract's examples: each is what its schema says, and what really happens."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from starlette.types import ASGIApp

from kiosk.sandbox import scenario
from kiosk.sandbox.server import app
from kiosk.sandbox.server.connections import CallerCheck
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.mail import Mailer, MailServerUnreachable
from kiosk.sandbox.server.outbox import Outbox
from kiosk.sandbox.server.service import Service
from kiosk.sandbox.server.store import Reset, Store
from kiosk.sandbox.server.verify import CertificateVerifier
from kiosk.service import messages
from kiosk.service.answers import understand
from kiosk.service.errors import ServiceRefused
from tests.service.contract import OPENAPI, document, operations, problem_codes, resolved

VECTORS = OPENAPI.parent / "vectors"
CASES = {
    case["name"]: case
    for case in json.loads((VECTORS / "vectors.json").read_text(encoding="utf-8"))["cases"]
}
AT = CASES["reset-rs256"]["at"]

USED = ("reset-es256", "username-beyond-ascii", "lookup-es256")
"""The vectors that stand in the examples."""

KINDS: dict[str, type[msgspec.Struct]] = {
    "health": messages.Health,
    "challenge": messages.Challenge,
    "requestReset": messages.Reset,
    "lookUpAccounts": messages.Accounts,
    "status": messages.Delivery,
    "confirm": messages.Delivery,
    "resend": messages.Delivery,
    "callStaff": messages.NoContent,
    "cancelStaffCall": messages.NoContent,
}

VOLATILE = {"challenge", "reference", "retry_after"}
"""Fields of answers that are another each time; so is the id of a reset that is opened."""


def validator(schema: Any) -> jsonschema.Draft202012Validator:
    whole = {**schema, "components": document()["components"]}
    return jsonschema.Draft202012Validator(whole)


def examples() -> Iterator[tuple[str, Any, Any]]:
    """Every example of a body or an answer: where it stands, its schema, its value."""
    for _, _, operation in operations():
        name = operation["operationId"]
        places = {"request": operation.get("requestBody", {})} | {
            status: resolved(response) for status, response in operation["responses"].items()
        }
        for place, part in places.items():
            for content in part.get("content", {}).values():
                for key, example in content["examples"].items():
                    yield f"{name} {place} {key}", content["schema"], resolved(example)["value"]


EXAMPLES = list(examples())


@pytest.mark.parametrize(
    ("schema", "value"),
    [one[1:] for one in EXAMPLES],
    ids=[one[0] for one in EXAMPLES],
)
def test_an_example_is_as_its_schema_says(schema: Any, value: Any) -> None:
    validator(schema).validate(value)


def test_parameters_and_headers_have_examples_within_their_limits() -> None:
    components = document()["components"]
    for part in [*components["parameters"].values(), *components["headers"].values()]:
        validator(part["schema"]).validate(part["example"])


def test_every_code_of_every_call_has_an_example_and_every_call_a_good_and_a_refused_one() -> None:
    for _, _, operation in operations():
        shown = set()
        for response in operation["responses"].values():
            for kind, content in resolved(response).get("content", {}).items():
                values = [resolved(example)["value"] for example in content["examples"].values()]
                assert values
                if kind == "application/problem+json":
                    shown |= {value["code"] for value in values}
        assert shown == set(problem_codes(operation))
        statuses = {exchange["answer"]["status"] for exchange in operation["x-exchanges"]}
        assert min(statuses) < 300
        assert max(statuses) >= 400


def test_a_good_proof_is_as_the_schemas_of_its_parts_say() -> None:
    schemas = document()["components"]["schemas"]
    for case in CASES.values():
        header, payload = case["jws"].split(".")[:2] if case["verdict"] == "accepted" else ("", "")
        if not header:
            continue
        kind = "LookupProof" if case["call"] == "lookup" else "ResetProof"
        validator(schemas["ProofHeader"]).validate(_decoded(header))
        validator(schemas[kind]).validate(_decoded(payload))


@pytest.mark.parametrize("name", ["jwk", "one-more-field", "one-field-less", "iat-is-text"])
def test_the_schemas_of_a_proofs_parts_refuse_a_bad_one(name: str) -> None:
    header, payload, _ = CASES[name]["jws"].split(".")
    schemas = document()["components"]["schemas"]
    errors = [
        *validator(schemas["ProofHeader"]).iter_errors(_decoded(header)),
        *validator(schemas["ResetProof"]).iter_errors(_decoded(payload)),
    ]
    assert errors


def _decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Post(Mailer):
    """A mail server that takes every mail, or none at all."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 0)
        self.there = True

    def hand_over(self, sender: str, recipient: str, content: bytes) -> None:
        if not self.there:
            raise MailServerUnreachable


class World:
    """The sandbox's application at the time of the vectors, with what the examples speak of."""

    def __init__(self, directory: Path) -> None:
        self.now = float(AT)
        self.post = Post()
        self.store = Store(directory)
        self.store.seed(scenario.ACCOUNTS, scenario.OLD_PASSWORD)
        root, issuing = (
            x509.load_pem_x509_certificate((VECTORS / "certificates" / f"{name}.pem").read_bytes())
            for name in ("root", "issuing")
        )
        crl = x509.load_pem_x509_crl((VECTORS / "crl.pem").read_bytes())
        limits, clock = Limits(), lambda: self.now
        self.service = Service(
            self.store,
            CertificateVerifier(root, (issuing,), lambda: crl),
            Outbox(self.store, self.post, limits, clock, lambda: None),
            CASES["reset-rs256"]["audience"],
            limits,
            clock,
        )
        self.app: ASGIApp = app.build(self.service, self.store)
        for name in USED:
            self.open_challenge(CASES[name])
        self._make_resets()

    def open_challenge(self, case: dict[str, Any]) -> None:
        challenge = case["challenge"]
        file = VECTORS / "certificates" / f"{challenge['certificate']}.pem"
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
        facts = (fingerprint, challenge["kiosk"], challenge["expires"])
        self.store.add_challenge(challenge["nonce"], *facts)

    def _make_resets(self) -> None:
        components = document()["components"]
        self.kiosk = components["parameters"]["KioskId"]["example"]
        reference = components["examples"]["sent"]["value"]["reference"]
        own = components["parameters"]["Id"]["example"]
        ages = {own: 0, "late": 901, "confirmed": 300, "exhausted": 300}
        for identifier, age in ages.items():
            self.store.add_reset(
                Reset(identifier, "binhminh", self.kiosk, reference, self.now - age)
            )
        self.now -= 200
        self.service.confirm(self.kiosk, "confirmed", "first-of-confirmed")
        self.service.confirm(self.kiosk, "exhausted", "first")
        for key in ("second", "last"):
            self.now += 50
            self.service.resend(self.kiosk, "exhausted", key)
        self.now = float(AT)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.store.close()


OPERATIONS = {operation["operationId"]: one for one in operations() for operation in [one[2]]}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_exchanges_happen_as_they_are_published(name: str, world: World) -> None:
    method, path, operation = OPERATIONS[name]
    for exchange in operation["x-exchanges"]:
        answer = await _ask(world, method, path, operation, exchange)
        wanted = exchange["answer"]
        assert answer.status_code == wanted["status"], (exchange, answer.text)
        response = resolved(operation["responses"][str(answer.status_code)])
        if "content" not in response:
            assert answer.content == b""
            continue
        ((media_type, content),) = response["content"].items()
        assert answer.headers["content-type"] == media_type
        found = answer.json()
        validator(content["schema"]).validate(found)
        shown = resolved(content["examples"][wanted["example"]])["value"]
        volatile = VOLATILE | ({"id"} if answer.status_code == 201 else set())
        assert found.keys() - {"retry_after"} == shown.keys() - {"retry_after"}
        assert {k: v for k, v in found.items() if k not in volatile} == {
            k: v for k, v in shown.items() if k not in volatile
        }
        if shown.get("code") == "rate_limited":
            assert int(answer.headers["retry-after"]) == found["retry_after"] > 0


@pytest.mark.parametrize("name", KINDS)
async def test_the_kiosk_understands_every_published_answer(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    for status, response in operation["responses"].items():
        for media_type, content in resolved(response).get("content", {}).items():
            for example in content["examples"].values():
                value = resolved(example)["value"]
                raw = json.dumps(value).encode()
                headers = {"content-type": media_type}
                if int(status) < 300:
                    message = understand(int(status), headers, raw, KINDS[name])
                    assert isinstance(message, KINDS[name])
                    continue
                with pytest.raises(ServiceRefused) as caught:
                    understand(int(status), headers, raw, KINDS[name])
                assert caught.value.code == value["code"]
                assert caught.value.retry_after == value.get("retry_after")


async def _ask(
    world: World, method: str, path: str, operation: dict[str, Any], exchange: dict[str, Any]
) -> httpx.Response:
    """Carry one exchange out."""
    headers = {
        parameter["name"]: parameter["example"]
        for parameter in map(resolved, operation.get("parameters", ()))
        if parameter["in"] == "header"
    } | exchange.get("headers", {})
    identifier = exchange.get("id", document()["components"]["parameters"]["Id"]["example"])
    body = exchange.get("body")
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if "request" in exchange:
        body = content["examples"][exchange["request"]]["value"]
    elif body is not None:
        # What is refused as invalid is invalid by the schema, but for what no schema can say.
        errors = list(validator(content["schema"]).iter_errors(body))
        says_more = body.get("username", "").strip() != body.get("username", "")
        assert errors or says_more or body.get("chain") == ["===="]
    if exchange.get("challenge") == "again":
        world.open_challenge(CASES["reset-es256"])
    world.post.there = exchange.get("without") != "mail"
    served = world.app
    if exchange.get("client") == "none":
        served = CallerCheck(world.app, mutual=True)
    transport = httpx.ASGITransport(served, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.request(
            method, path.replace("{id}", identifier), headers=headers, json=body
        )


def test_the_vectors_stand_in_the_examples_as_they_are() -> None:
    text = OPENAPI.read_text(encoding="utf-8")
    for name in USED:
        assert f"{CASES[name]['jws']} # vector {name}\n" in text
    assert datetime.fromtimestamp(AT, UTC).isoformat() == "2026-06-01T03:00:00+00:00"
