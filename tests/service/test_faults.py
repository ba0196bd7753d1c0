"""Faults on demand: each is on the wire what its name says, and the kiosk's client calls it by
its right name."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kiosk.sandbox.server.faults import CALLS, EVIL_TEXT, EVIL_URL, KINDS, FaultError
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.run import open_staff_calls
from kiosk.service.client import ServiceClient
from kiosk.service.errors import (
    AnswerInvalid,
    AnswerLost,
    ServiceError,
    ServiceRefused,
    ServiceUnreachable,
)
from tests.service.raw import Silence, Wire, ask, connect, read_answer, request
from tests.unit.service_lab import Lab

LIMITS = Limits(per_username=10**6, per_certificate=10**6, per_kiosk=10**6, resend_wait=0)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("faults"), limits=LIMITS) as lab:
        yield lab


@pytest.fixture(autouse=True)
def _no_fault_is_left(lab: Lab) -> Iterator[None]:
    yield
    lab.server.faults.clear()


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[ServiceClient]:
    client = lab.client(timeout=1.0)
    yield client
    await client.close()


def call_staff(lab: Lab, identifier: str, seconds: float = 5.0) -> Wire:
    sent = request("POST", "/v1/staff-calls", {"id": identifier})
    return ask(lab.url, sent, seconds=seconds)


def was_carried_out(lab: Lab, before: int) -> bool:
    return len(open_staff_calls(lab.directory)) > before


CARRIED_OUT = {name: kind.place == "after" for name, kind in KINDS.items()}


@pytest.mark.parametrize("name", [n for n, k in KINDS.items() if k.place in ("before", "after")])
def test_a_call_is_carried_out_or_not_as_the_fault_says(lab: Lab, name: str) -> None:
    before = len(open_staff_calls(lab.directory))
    with lab.server.faults.during(name, call="callStaff", times=1):
        if name == "hang":
            with pytest.raises(Silence):
                call_staff(lab, f"id-{name}", 0.5)
        elif name == "slow":
            pass
        else:
            call_staff(lab, f"id-{name}")
    assert was_carried_out(lab, before) == CARRIED_OUT[name]


def health(lab: Lab) -> Wire:
    return ask(lab.url, request("GET", "/v1/health"))


def test_slow(lab: Lab) -> None:
    lab.server.faults.set("slow", call="health", seconds=0.4)
    began = time.monotonic()
    assert health(lab).status == 200
    assert time.monotonic() - began >= 0.4


def test_reset_and_lost(lab: Lab) -> None:
    for name in ("reset", "lost"):
        with lab.server.faults.during(name):
            assert health(lab) == Wire(b"", reset=True)


def test_cut_and_cut_head(lab: Lab) -> None:
    with lab.server.faults.during("cut"):
        wire = health(lab)
        assert wire.status == 200
        assert wire.body.startswith(b'{"status"')
        assert not wire.body.endswith(b"}")
    with lab.server.faults.during("cut-head"):
        assert health(lab).received == b"HTTP/1.1 200 OK\r\nContent-Ty"


def test_what_servers_and_gateways_answer(lab: Lab) -> None:
    expected = {"500": (500, "text/html"), "502-after": (502, "text/html"),
                "503": (503, "application/problem+json"), "wrong-type": (200, "text/html"),
                "redirect": (307, "text/html")}  # fmt: skip
    for name, (status, kind) in expected.items():
        with lab.server.faults.during(name):
            wire = health(lab)
            assert (wire.status, f"content-type: {kind}" in wire.head) == (status, True), name


def test_what_is_wrong_with_an_answer(lab: Lab) -> None:
    with lab.server.faults.during("garbage"):
        assert b"not JSON" in health(lab).body
    with lab.server.faults.during("wrong-shape"):
        assert health(lab).json == [{"id": 7}]
    with lab.server.faults.during("compressed"):
        assert "content-encoding: gzip" in health(lab).head
    with lab.server.faults.during("huge"):
        assert len(health(lab).received) >= 1_000_000


def test_a_wrong_clock(lab: Lab) -> None:
    right = health(lab).json["time"]
    with lab.server.faults.during("clock", seconds=-7200):
        assert health(lab).json["time"] == pytest.approx(right - 7200, abs=5)
    assert health(lab).json["time"] == pytest.approx(right, abs=5)


async def test_controls_and_a_strange_address_reach_the_client_but_not_the_screen(
    lab: Lab, client: ServiceClient
) -> None:
    with lab.server.faults.during("controls", call="requestReset"):
        reset = await lab.open_reset(client)
    assert reset.organisation == "CÔNG TY TNHH THƯƠNG MẠI HOA SEN"
    assert EVIL_TEXT.isascii() is False
    with lab.server.faults.during("bad-url", call="requestReset"):
        assert (await lab.open_reset(client)).mailbox_url == EVIL_URL


def test_nobody_listens_and_then_somebody_does(lab: Lab) -> None:
    with connect(lab.url) as idle:
        idle.sendall(request("GET", "/v1/health"))
        assert read_answer(idle).status == 200
        with lab.server.faults.during("refuse"):
            with pytest.raises(ConnectionRefusedError):
                connect(lab.url)
            with pytest.raises(ConnectionResetError):
                idle.recv(1)
    assert health(lab).status == 200


def test_only_so_often_and_only_at_this_call(lab: Lab) -> None:
    faults = lab.server.faults
    faults.set("500", call="health", times=2)
    faults.set("503", call="callStaff", times=1)
    assert [health(lab).status for _ in range(3)] == [500, 500, 200]
    assert [call_staff(lab, "often").status for _ in range(2)] == [503, 204]
    assert faults.active() == []


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("nonsense", {}, "fault"),
        ("500", {"call": "nonsense"}, "call"),
        ("500", {"times": 0}, "times"),
        ("500", {"seconds": 3}, "seconds"),
        ("clock", {"call": "health"}, "clock"),
        ("tls-expired", {}, "plain HTTP"),
    ],
)
def test_a_fault_that_cannot_be(lab: Lab, name: str, options: dict[str, str], what: str) -> None:
    with pytest.raises(FaultError, match=what):
        lab.server.faults.set(name, **options)  # type: ignore[arg-type]
    assert lab.server.faults.active() == []


KNOWN: dict[str, type[ServiceError] | None] = {
    "slow": AnswerLost, "hang": AnswerLost, "reset": AnswerLost, "lost": AnswerLost,
    "500": AnswerLost, "502-after": AnswerLost, "503": ServiceRefused, "redirect": AnswerInvalid,
    "cut": AnswerLost, "cut-head": AnswerLost, "garbage": AnswerInvalid,
    "wrong-shape": AnswerInvalid, "wrong-type": AnswerInvalid, "huge": AnswerInvalid,
    "compressed": AnswerInvalid, "controls": None, "bad-url": None, "clock": None,
    "refuse": ServiceUnreachable,
}  # fmt: skip
"""What the client makes of each, when a question meets it every time."""


def test_every_fault_is_tried_on_the_client() -> None:
    assert set(KNOWN) == {name for name, kind in KINDS.items() if kind.place != "tls"}


@pytest.mark.parametrize("name", KNOWN)
async def test_the_client_calls_it_by_its_name(lab: Lab, client: ServiceClient, name: str) -> None:
    expected = KNOWN[name]
    with lab.server.faults.during(name):
        if expected is None:
            await client.health()
            return
        with pytest.raises(expected) as caught:
            await client.health()
        assert type(caught.value) is expected


# From another process


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kiosk", "sandbox", "fault", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_from_the_command_line(lab: Lab) -> None:
    state = ["--state", str(lab.directory)]
    done = command(*state, "500", "--call", "health", "--times", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "now: 500 at health, 1 times" in done.stdout
    assert [health(lab).status for _ in range(2)] == [500, 200]
    command(*state, "clock", "--seconds", "300")
    listed = command(*state, "list").stdout
    assert "now: clock at every call" in listed
    for name, kind in KINDS.items():
        assert f"{name:16}{kind.meaning}" in listed
    assert "now: no fault" in command(*state, "clear").stdout
    assert lab.server.faults.active() == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nonsense"], 2, "fault: found 'nonsense', expected one of slow"),
        (["500", "--call", "x"], 2, "call: found 'x', expected one of health"),
        (["tls-expired"], 2, "plain HTTP"),
    ],
)
def test_wrong_arguments(lab: Lab, arguments: list[str], code: int, words: str) -> None:
    done = command("--state", str(lab.directory), *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_no_service_runs_there(tmp_path: Path) -> None:
    done = command("--state", str(tmp_path), "500")
    assert done.returncode == 1
    assert "no sandbox service runs here" in done.stderr


def test_the_board_knows_the_contracts_calls() -> None:
    text = Path("docs/api/openapi.yaml").read_text(encoding="utf-8")
    known = set(re.findall(r"operationId: (\w+)", text))
    assert set(CALLS) == known - {"logIn"}
