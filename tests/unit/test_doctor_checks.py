"""`kiosk doctor`: what never ends a run: checks that hang or break, readers, polkit, modules."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from kiosk.doctor import command
from kiosk.doctor.checks import Check, carry_out
from kiosk.doctor.command import Order, diagnose
from kiosk.doctor.families import look_at_modules, nothing_at_all
from kiosk.doctor.findings import Finding, Status, failed, group, ok, skipped, warning
from kiosk.doctor.machine import Machine, Ran, own_name, speak_for
from kiosk.doctor.pcsc import (
    ACTIONS,
    VIRTUAL_READER,
    look_at_polkit,
    look_at_readers,
    look_at_virtual_reader,
)
from kiosk.doctor.text import as_text
from kiosk.hardware.catalogue import Catalogue, Family
from kiosk.hardware.readers import Pcsc, PcscReader, PcscUnavailable
from kiosk.hardware.token_client import Deadlines, HelperTokenDriver
from kiosk.sandbox.pki import SandboxPki
from tests.stack.parts import write_config
from tests.unit.made_machine import Made, assert_advised, statuses, the


async def test_a_check_that_hangs_is_left_behind() -> None:
    never = threading.Event()

    def hang() -> list[Finding]:
        never.wait()
        return []

    async def hang_too() -> list[Finding]:
        await asyncio.Event().wait()
        return []

    checks = [Check("a", "disks", hang, 0.05), Check("b", "service", hang_too, 0.05)]
    found = await asyncio.gather(*map(carry_out, checks))
    never.set()
    assert [one.text for one in found] == [
        "disks: no answer within 0.05 s",
        "service: no answer within 0.05 s",
    ]
    assert {one.status for one in found} == {Status.FAILED}
    assert_advised(found)


async def test_a_check_that_breaks_is_the_doctors_own_fault_and_the_others_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[Finding]:
        raise KeyError("x")

    def made(*_: object, **__: object) -> list[Check]:
        return [
            Check("a", "clock", broken, 10),
            Check("b", "disks", lambda: [ok("disk", "fine")], 10),
        ]

    monkeypatch.setattr(command, "machine_checks", made)
    config = write_config(
        tmp_path, "http://127.0.0.1:9", SandboxPki.open(tmp_path / "pki").trust_directory
    )
    report = await diagnose(Order(config, user=own_name()), lambda _: None)
    assert report.fault
    assert not report.in_order
    text = " ".join(as_text(report).split())
    assert "clock: the doctor failed at this: KeyError: 'x'" in text
    assert "disks: in order" in text
    assert report.conclusion.text == "To be mended: a"


def test_a_group_counts_and_is_skipped_only_as_a_whole() -> None:
    parts = [ok("a", "a"), warning("b", "b"), skipped("c", "nothing there")]
    assert (group("x", "Title", parts).status, group("x", "Title", parts).text) == (
        Status.WARNING,
        "Title: 1 in doubt",
    )
    assert group("x", "Title", parts[2:]).status is Status.SKIPPED
    assert group("x", "Title", [parts[0], parts[2]]).text == "Title: in order"


def test_whom_it_speaks_for() -> None:
    assert speak_for(own_name()).status is Status.OK
    nobody_here = speak_for("no-such-user")
    assert nobody_here.status is Status.WARNING
    assert "there is no user no-such-user" in nobody_here.text


class MadePcsc(Pcsc):
    """PC/SC with these readers, or with none to talk to."""

    def __init__(self, *names: str, down: bool = False, error: str = "0x8010001D") -> None:
        self.names, self.down, self.released = names, down, False
        self.error = error

    def establish(self) -> None:
        if self.down:
            raise PcscUnavailable(f"SCardEstablishContext: {self.error}")

    def readers(self) -> tuple[str, ...]:
        return self.names

    def changes(self, known: Sequence[PcscReader], milliseconds: int) -> tuple[PcscReader, ...]:
        raise AssertionError("nobody waits for a card")

    def cancel(self) -> None:
        raise AssertionError("nobody waits for a card")

    def release(self) -> None:
        self.released = True


def test_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.doctor.pcsc._PATIENCE", 0.0)
    good = MadePcsc("ACS ACR39U\x1b[2J 00 00")
    assert the("readers", look_at_readers(good, fixed_reader=True)).text == (
        "readers: ACS ACR39U 00 00"
    )
    assert good.released
    none = look_at_readers(MadePcsc(), fixed_reader=False)
    assert statuses(none) == {"pcscd": Status.OK, "readers": Status.OK}
    missing = look_at_readers(MadePcsc(), fixed_reader=True)
    down = look_at_readers(MadePcsc(down=True), fixed_reader=True)
    assert statuses(missing)["readers"] is Status.FAILED
    assert statuses(down) == {"pcscd": Status.FAILED}
    # What Debian 13's pcscd answers whom polkit keeps out: starting it would be no use.
    refused = look_at_readers(MadePcsc(down=True, error="0x8010006A"), fixed_reader=False)
    assert "polkit keeps it out" in the("pcscd", refused).text
    assert "rules.d/60-vnpt-bhxh-kiosk.rules" in the("pcscd", refused).advice
    assert_advised([*missing, *down, *refused])


def test_a_reader_for_the_laboratory_is_not_for_a_kiosk(tmp_path: Path) -> None:
    made = Made(tmp_path)
    assert look_at_virtual_reader(made.machine) == []
    made.write(VIRTUAL_READER, "")
    found = look_at_virtual_reader(made.machine)
    assert statuses(found) == {"vpcd": Status.WARNING}


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (Ran(0), Status.OK, f"polkit lets {own_name()} do {ACTIONS[0]}"),
        (Ran(1, "Not authorized."), Status.FAILED, "pcscd would hide the readers"),
        (Ran(2, "Authorization requires authentication"), Status.FAILED, "hide the readers"),
        (Ran(127, "Error: no polkit"), Status.WARNING, "cannot be asked about"),
        (Ran(None), Status.WARNING, "no answer in time"),
        (None, Status.SKIPPED, "pkcheck is not installed"),
    ],
)
def test_polkit(tmp_path: Path, answer: Ran | None, status: Status, words: str) -> None:
    made = Made(tmp_path)
    (finding,) = look_at_polkit(made.machine)
    assert "does not ask polkit" in finding.text
    made.write("/usr/share/polkit-1/actions/org.debian.pcsc-lite.policy", "<policyconfig/>")
    made.programs["pkcheck"] = answer
    found = look_at_polkit(made.machine, lambda: 4711)
    assert {one.status for one in found} == {status}
    assert words in found[0].text
    assert_advised(found)
    assert made.asked == [
        ("pkcheck", "--action-id", action, "--process", "4711") for action in ACTIONS
    ]


async def test_modules_that_are_not_installed_and_one_that_is_none(tmp_path: Path) -> None:
    text = tmp_path / "text.so"
    text.write_text("not a library\n")
    absent = Path("/nonexistent/vendor.so")
    catalogue = Catalogue(
        Family("default", (text,)), (Family("vendor", (absent,)), Family("both", (absent, text)))
    )
    driver = HelperTokenDriver(catalogue, Deadlines(open=10, read=10))
    found = await look_at_modules(catalogue, driver, 10)
    assert_advised(found)
    assert [(one.status, one.text) for one in found] == [
        (Status.FAILED, "tokens of no family: no module works, so they end with K04 or K05"),
        (Status.WARNING, "tokens of vendor: no module is installed, so they end with K04"),
        (Status.FAILED, "tokens of both: no module works, so they end with K04 or K05"),
    ]
    assert "is no program library (not an ELF file)" in found[0].parts[0].text
    assert nothing_at_all(found) is None
    nothing = nothing_at_all(found[1:2])
    assert nothing is not None
    assert nothing.status is Status.FAILED


@pytest.mark.parametrize(
    ("parts", "status", "text"),
    [
        ([ok("a", "x")], Status.OK, "All in order"),
        (
            [ok("a", "x"), skipped("b", "x")],
            Status.WARNING,
            "All that was looked at is in order; 1 not looked at, or not at all of it: c",
        ),
        (
            [warning("duty", "x", "y", problem="K12")],
            Status.WARNING,
            "Staff have taken the kiosk out of service (K12): it serves nobody; in doubt: c",
        ),
        ([warning("a", "x", "y")], Status.WARNING, "The kiosk can serve; in doubt: c"),
        (
            [failed("a", "x", "y"), skipped("b", "x")],
            Status.FAILED,
            "To be mended: c; 1 not looked at, or not at all of it: c",
        ),
    ],
)
async def test_the_conclusion_claims_no_more_than_was_found(
    parts: list[Finding],
    status: Status,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checks = [Check("c", "subject", lambda: parts, 10)]
    monkeypatch.setattr(command, "machine_checks", lambda *_, **__: checks)
    trust = SandboxPki.open(tmp_path / "pki").trust_directory
    config = write_config(tmp_path, "http://127.0.0.1:9", trust)
    report = await diagnose(Order(config, user=own_name()), lambda _: None)
    assert (report.conclusion.status, report.conclusion.text) == (status, text)
    assert report.in_order is (status is not Status.FAILED)


def _module_that_leaves(trace: Path, module: Path) -> Path:
    """A module that makes this file when it is loaded."""
    source = f'''#include <fcntl.h>
    __attribute__((constructor)) static void load(void) {{ creat("{trace}", 0600); }}'''
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", module]
    subprocess.run(command, input=source, text=True, check=True)
    return module


@pytest.mark.skipif(os.geteuid() != 0, reason="it is root who is kept from something")
async def test_root_loads_no_module_where_there_is_no_user_to_load_it_as(tmp_path: Path) -> None:
    """And says so, also of a token: exit code 0 would mean that the kiosk would take it."""
    trust = SandboxPki.open(tmp_path / "pki").trust_directory
    config = write_config(tmp_path, "http://127.0.0.1:9", trust)
    loaded = tmp_path / "loaded"
    module = _module_that_leaves(loaded, tmp_path / "module.so")
    (tmp_path / "tokens.toml").write_text(f'[default]\nmodules = ["{module}"]\n')
    place = Machine(tmp_path, lambda _: None, lambda: MadePcsc())
    for options in ({"machine": True}, {"machine": False, "token": True}):
        order = Order(config, user="no-such-user", place=place, **options)
        report = await diagnose(order, lambda _: None)
        assert "there is no user to load vendors' modules as" in as_text(report, width=1000)
        assert not loaded.exists()
    assert not report.in_order
    assert report.conclusion.status is Status.FAILED
    assert report.conclusion.text.startswith("no verdict on the token")
    assert "--user root" in report.conclusion.advice
    await diagnose(Order(config, user=own_name(), place=place), lambda _: None)
    assert loaded.exists()


def test_no_check_of_a_bare_machine_raises(tmp_path: Path) -> None:
    """Nothing is installed, nothing answers, no file is there.

    PC/SC is made: libpcsclite looks for its socket once in a process, and other tests need it.
    """
    order = Order(
        tmp_path / "absent.toml",
        user=own_name(),
        place=Machine(tmp_path, lambda _: None, lambda: MadePcsc(down=True)),
    )
    report = asyncio.run(diagnose(order, lambda _: None))
    assert not report.fault
    assert report.conclusion.status is Status.FAILED
