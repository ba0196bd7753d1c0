"""Two hundred customers, one after the other; `scripts/soak` lets thousands come."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import FIGURE
from tests.endurance.samples import COUNTS, EXECUTOR, MOST_GROWTH, WARM, Result, Sample
from tests.endurance.soak import soak
from tests.stack.parts import VPCD, require

VISITS = int(os.environ.get("KIOSK_SOAK_VISITS", "200"))
SEED = 20261127
MOST_MEMORY = 150 * 2**20
"""Bytes. Too few visits to see a slow leak, but enough for one of a screen or a mail each."""


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_many_customers_leave_nothing_behind(
    tmp_path: Path, record_property: pytest.FixtureRequest
) -> None:
    require({"vsmartcard-vpcd": VPCD.exists()}, "KIOSK_TEST_WITHOUT_PCSC")
    result = soak(tmp_path, VISITS, SEED, lambda _: None)
    assert not result.faults, result.as_text()
    assert result.visits == VISITS
    assert len(result.kinds) > 15, "a mix of good and bad endings"
    assert max(one.memory for one in result.samples) < MOST_MEMORY
    for line in result.as_text().splitlines():
        record_property(FIGURE, f"soak: {line}")  # type: ignore[operator]


QUIET = Sample(0, 80 * 2**20, 20 * 2**20, 12, 7, 1, 1, 40, 50, 3)


def result_of(*samples: Sample) -> Result:
    return Result(seed=1, visits=samples[-1].visits, samples=list(samples))


def flat(number: int) -> Sample:
    return replace(QUIET, visits=number)


def test_what_stays_as_it_was_is_in_order() -> None:
    assert result_of(*map(flat, range(0, 2000, 50))).faults == []


@pytest.mark.parametrize("name", COUNTS)
def test_what_grows_is_named(name: str) -> None:
    samples = list(map(flat, range(0, 2050, 50)))
    samples[-1] = replace(samples[-1], **{name: getattr(QUIET, name) + 1})
    assert result_of(*samples).faults == [], "there is now and then one more"
    more = 1 + (EXECUTOR if name == "threads" else 1)
    middle = 1 + len(samples) // 2
    samples[middle:] = [
        replace(one, **{name: getattr(QUIET, name) + more}) for one in samples[middle:]
    ]
    (fault,) = result_of(*samples).faults
    assert fault.startswith(f"{name}: ")


def test_memory_is_judged_after_the_first_five_hundred() -> None:
    def leaking(by: int) -> Result:
        return result_of(
            *(
                replace(flat(number), memory=QUIET.memory + max(0, number - WARM) * by)
                for number in range(0, 10_001, 50)
            )
        )

    assert leaking(MOST_GROWTH // 10_000).faults == []
    (fault,) = leaking(MOST_GROWTH // 8_000).faults
    assert fault.startswith("memory has grown by 2.")
    assert result_of(*map(flat, range(0, WARM, 50))).growth is None


def test_a_mail_too_many_is_named() -> None:
    result = result_of(*map(flat, range(0, 2000, 50)))
    result.mails, result.mails_expected = 2, 1
    assert result.faults == ["1 mails were confirmed, 2 sent, 0 twice"]
