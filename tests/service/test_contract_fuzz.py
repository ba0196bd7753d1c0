"""Thousands of requests, made from the published contract, against the running sandbox.

A few hundred by default; `KIOSK_CONTRACT_CASES=5000` for as many.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from kiosk.sandbox.server.service import Limits
from tests.conftest import FIGURE
from tests.service.contract import OPENAPI
from tests.service.contract_feed import Feed
from tests.unit.service_lab import Lab

CASES = int(os.environ.get("KIOSK_CONTRACT_CASES", "250"))
"""How many requests are drawn at random; those at the limits of each field come on top."""

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
    negative_data_rejection,
    missing_required_header,
]

PATIENCE = max(120, CASES // 5)
"""Seconds for one call's requests."""

_NO_LIMIT = 10**9

schema = schemathesis.openapi.from_path(str(OPENAPI))
# One call, health, has next to nothing to draw.
EXAMPLES = -(-CASES // (len(list(schema.get_all_operations())) - 1))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    limits = Limits(
        per_username=_NO_LIMIT,
        per_certificate=_NO_LIMIT,
        per_kiosk=_NO_LIMIT,
        lookups=_NO_LIMIT,
        logins=_NO_LIMIT,
        resend_wait=0.2,
    )
    with Lab(tmp_path_factory.mktemp("contract"), limits=limits) as lab:
        yield lab


@pytest.fixture(scope="module")
def feed(lab: Lab) -> Iterator[Feed]:
    feed = Feed(lab)
    yield feed
    feed.close()


class Tally:
    """Counts a call's answers by status, and has the figure ready whenever the test ends."""

    def __init__(self, item: pytest.Item) -> None:
        self._name = item.name.partition("[")[2].removesuffix("]")
        self._counts: Counter[int] = Counter()
        self._item = item

    def add(self, status: int) -> None:
        self._counts[status] += 1
        shown = ", ".join(f"{count} × {status}" for status, count in sorted(self._counts.items()))
        line = f"contract, {self._name}: {self._counts.total()} requests: {shown}"
        self._item.user_properties[:] = [(FIGURE, line)]

    @property
    def carried_out(self) -> int:
        return sum(count for status, count in self._counts.items() if status < 300)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    tally = Tally(request.node)
    yield tally
    # Who has seen refusals alone has not tested the call.
    assert tally.carried_out > 0


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=CASES < 1000,
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.timeout(PATIENCE)
def test_the_sandbox_answers_as_the_contract_says(
    case: Case, lab: Lab, feed: Feed, tally: Tally
) -> None:
    feed.fill(case)
    answer = case.call(base_url=lab.url)
    tally.add(answer.status_code)
    if answer.status_code >= 500:
        assert answer.status_code == 503
        assert answer.json()["code"] == "unavailable"
    if answer.content:
        assert answer.headers["cache-control"] == ["no-store"]
    case.validate_response(answer, checks=CHECKS)
