"""The published contract, read once, and what the tests want to know of it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml

from kiosk import delivery, effects, projection, readiness
from kiosk.flow import TABLE, AccountNotMatched, Event, Failed, State
from kiosk.pin import PinBuffer
from kiosk.service.errors import ServiceRefused
from kiosk.session import Visit

OPENAPI = Path(__file__).parents[2] / "docs" / "api" / "openapi.yaml"


@functools.cache
def document() -> dict[str, Any]:
    return cast(dict[str, Any], yaml.safe_load(OPENAPI.read_text(encoding="utf-8")))


def resolved(part: Any) -> Any:
    """The part itself, or what its $ref points to."""
    while isinstance(part, dict) and "$ref" in part:
        target: Any = document()
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """All calls: method in capitals, path, operation."""
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def problem_codes(operation: dict[str, Any]) -> dict[str, int]:
    """The codes that a call can be refused with, and their statuses."""
    found: dict[str, int] = {}
    for status, response in operation["responses"].items():
        content = resolved(response).get("content", {})
        if "application/problem+json" in content:
            special = content["application/problem+json"]["schema"]["allOf"][1]["properties"]
            found |= dict.fromkeys(special["code"]["enum"], int(status))
            assert special["status"]["const"] == int(status)
    return found


def screen_of(call: str, code: str, status: int) -> str | None:
    """What the kiosk's own code makes of a refusal at a call: the problem's code, if any."""
    error = ServiceRefused(code, status)
    if call == "health":
        problem = readiness.service_problem(error)
        return problem.code
    visit = Visit(PinBuffer())
    if call in ("confirm", "resend"):

        async def refuse(*_: object) -> None:
            raise error

        visit.reset = cast(Any, SimpleNamespace(id="r"))
        tools = cast(Any, SimpleNamespace(service=SimpleNamespace(confirm=refuse, resend=refuse)))
        order = delivery.send if call == "confirm" else delivery.resend
        return _code(asyncio.run(order(visit, tools)))
    if call in ("challenge", "requestReset", "lookUpAccounts"):
        if code == "no_match" and call == "requestReset":
            # The one code that is an event, and not a failure, to `effects.sign`.
            return _problem_of(TABLE[State.VERIFYING][AccountNotMatched].to)
        return _code(effects.service_failed(visit, error))
    return None


def _code(event: Event) -> str:
    return cast(Failed, event).problem


def _problem_of(state: State) -> str:
    return projection.STATE_PROBLEMS[state].code
