"""The published contract, the kiosk, the sandbox service and the docs say the same."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from kiosk.effects import REFUSALS
from kiosk.problems import BY_CODE
from kiosk.sandbox.server import app, faults
from kiosk.sandbox.server.refusal import CODES as SANDBOX_CODES
from kiosk.sandbox.server.refusal import Refusal
from kiosk.sandbox.server.verify import MAX_CHAIN, MAX_PROOF
from kiosk.service import answers, messages, proof
from kiosk.service.errors import CODES
from tests.service.contract import (
    document,
    operations,
    problem_codes,
    resolved,
    screen_of,
)

SANDBOX_ONLY = {"login_refused"}

KIOSK_MESSAGES: dict[str, type] = {
    "Health": messages.Health,
    "Challenge": messages.Challenge,
    "Reset": messages.Reset,
    "Delivery": messages.Delivery,
    "Accounts": messages.Accounts,
    "Problem": messages.ProblemDocument,
}

SANDBOX_REQUESTS: dict[str, type] = {
    "ChallengeRequest": app._ChallengeRequest,
    "ResetRequest": app._ResetRequest,
    "LookupRequest": app._LookupRequest,
    "StaffCallRequest": app._StaffCallRequest,
    "LoginRequest": app._LoginRequest,
}

LENIENT = {
    # A name that is too long or holds a control character is left out, not the whole answer.
    ("Accounts", "usernames"): {"minLength", "maxLength", "pattern"},
    # A refusal stays one, whatever its numbers are; a wait is brought within bounds afterwards.
    ("Problem", "status"): {"minimum", "maximum"},
    ("Problem", "retry_after"): {"minimum", "maximum", "null"},
}
"""Where the kiosk takes more than the contract allows, and which limits it does not look at."""

NOT_READ = {("Problem", "type")}
"""Fields of answers that the kiosk has no use for."""


def limits(schema: Any) -> dict[str, Any]:
    """The limits of a field of the contract, those of its items among them."""
    schema = resolved(schema)
    found: dict[str, Any] = {}
    kinds = schema.get("type", [])
    if "null" in kinds:
        found["null"] = True
    for name in ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"):
        if schema.get(name):
            found[name] = schema[name]
    if "pattern" in schema:
        found["pattern"] = _plain(schema["pattern"])
    if "const" in schema or "enum" in schema:
        found["enum"] = sorted(schema.get("enum", [schema.get("const")]))
    if "items" in schema:
        found |= limits(schema["items"])
    return found


def struct_limits(field: msgspec.inspect.Field) -> dict[str, Any]:
    """The same, of a field of one of our structs."""
    return _of(field.type)


def _of(kind: msgspec.inspect.Type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    match kind:
        case msgspec.inspect.Metadata():
            return _of(kind.type)
        case msgspec.inspect.UnionType():
            for one in kind.types:
                found |= {"null": True} if isinstance(one, msgspec.inspect.NoneType) else _of(one)
        case msgspec.inspect.IntType():
            found = {"minimum": kind.ge, "maximum": kind.le}
        case msgspec.inspect.StrType():
            found = {"minLength": kind.min_length, "maxLength": kind.max_length}
            if kind.pattern is not None:
                found["pattern"] = _plain(kind.pattern)
        case msgspec.inspect.VarTupleType() | msgspec.inspect.ListType():
            found = {"minItems": kind.min_length, "maxItems": kind.max_length}
            found |= _of(kind.item_type)
        case msgspec.inspect.LiteralType():
            found = {"enum": sorted(kind.values)}
        case _:
            raise AssertionError(f"{kind} has no limits that are known here")
    return {name: value for name, value in found.items() if value}


def _plain(pattern: str) -> str:
    """A pattern without its anchors, which are written differently in ECMA-262 and in Python."""
    assert pattern.startswith(("^", r"\A"))
    assert pattern.endswith(("$", r"\Z"))
    return re.sub(r"^(\^|\\A)|(\$|\\Z)$", "", pattern)


def struct_fields(struct: type) -> dict[str, msgspec.inspect.Field]:
    kind = msgspec.inspect.type_info(struct)
    assert isinstance(kind, msgspec.inspect.StructType)
    return {field.encode_name: field for field in kind.fields}


def test_it_is_openapi() -> None:
    errors = [str(error) for error in OpenAPIV31SpecValidator(document()).iter_errors()]
    assert errors == []


@pytest.mark.parametrize("name", KIOSK_MESSAGES)
def test_the_kiosk_reads_answers_within_the_contracts_limits(name: str) -> None:
    schema = document()["components"]["schemas"][name]
    fields = struct_fields(KIOSK_MESSAGES[name])
    published = set(schema["properties"]) - {field for one, field in NOT_READ if one == name}
    assert set(fields) == published
    for field, inspected in fields.items():
        there = limits(schema["properties"][field])
        here = struct_limits(inspected)
        for limit in LENIENT.get((name, field), ()):
            assert there.get(limit) != here.get(limit), "not lenient at all"
            there.pop(limit, None)
            here.pop(limit, None)
        assert here == there, f"{name}.{field}"
    # What the kiosk cannot do without, the contract must demand.
    demanded = {field for field, inspected in fields.items() if inspected.required}
    assert demanded <= set(schema["required"])
    if name != "Problem":
        assert demanded == set(schema["required"])


@pytest.mark.parametrize("name", SANDBOX_REQUESTS)
def test_the_sandbox_takes_requests_within_the_contracts_limits(name: str) -> None:
    schema = document()["components"]["schemas"][name]
    fields = struct_fields(SANDBOX_REQUESTS[name])
    assert set(fields) == set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert {name for name, field in fields.items() if field.required} == set(schema["required"])
    for field, inspected in fields.items():
        assert struct_limits(inspected) == limits(schema["properties"][field]), field


def test_headers_and_the_rest_have_the_same_limits() -> None:
    schemas = document()["components"]["schemas"]
    for name, pattern in (("Identifier", app._IDENTIFIER), ("KioskName", app._KIOSK)):
        schema = schemas[name]
        core = _plain(schema["pattern"]).removesuffix("+")
        counted = f"{{{schema['minLength']},{schema['maxLength']}}}"
        assert core + counted == _plain(pattern)
    assert schemas["Chain"]["maxItems"] == MAX_CHAIN == proof.MAX_CHAIN
    assert schemas["Proof"]["maxLength"] == MAX_PROOF
    assert schemas["Username"]["maxLength"] == proof.MAX_USERNAME
    nonce = f"^{_plain(schemas['Nonce']['pattern']).removesuffix('+')}{{16,64}}$"
    assert nonce == proof.CHALLENGE_PATTERN
    header = document()["components"]["headers"]["RetryAfter"]["schema"]
    assert header["maximum"] == answers.MAX_RETRY_AFTER
    assert f"{app.MAX_BODY:,} bytes" in document()["info"]["description"]


def test_the_calls_are_the_sandboxs_routes() -> None:
    routes = app.build(None, None).routes  # type: ignore[arg-type]
    served = {
        (method, route.path)  # type: ignore[attr-defined]
        for route in routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
        if route.path.startswith("/v1/")  # type: ignore[attr-defined]
    }
    assert served == {(method, path) for method, path, _ in operations()}
    names = {operation["operationId"] for _, _, operation in operations()}
    assert names == set(faults.CALLS) | {"logIn"}


def test_all_lists_of_codes_are_equal() -> None:
    listed = set(document()["x-codes"])
    assert listed == set(SANDBOX_CODES)
    assert listed - SANDBOX_ONLY == CODES
    at_calls = {code for _, _, operation in operations() for code in problem_codes(operation)}
    assert at_calls == listed
    # Every code that the kiosk has a screen of its own for is one.
    assert set(REFUSALS) <= listed


def test_every_code_has_the_sandboxs_status_and_title_everywhere() -> None:
    for code, entry in document()["x-codes"].items():
        refusal = Refusal(code)
        assert entry["status"] == refusal.status
        example = document()["components"]["examples"][code]["value"]
        assert example["title"] == refusal.title
        assert (example["status"], example["code"]) == (refusal.status, code)
    for _, _, operation in operations():
        for code, status in problem_codes(operation).items():
            assert document()["x-codes"][code]["status"] == status


def test_every_code_leads_to_the_screen_that_is_named() -> None:
    for code, entry in document()["x-codes"].items():
        found = {}
        for _, _, operation in operations():
            call = operation["operationId"]
            if code in problem_codes(operation):
                screen = screen_of(call, code, entry["status"])
                if screen is not None:
                    found[call] = screen
        assert entry["screens"] == found, code
        assert set(found.values()) <= set(BY_CODE)
        # Before anything is ordered, that is what REFUSALS says.
        for call in {"challenge", "requestReset", "lookUpAccounts"} & set(found):
            # To a reset, `no_match` is an event of the journey.
            if code in REFUSALS and (code, call) != ("no_match", "requestReset"):
                assert found[call] == REFUSALS[code].code
