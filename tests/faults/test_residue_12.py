"""No PIN stays behind, whatever the module does: in memory, terminal, log, files, core files.

The PIN has twelve letters and digits, and the token is SoftHSM behind the misbehaving module.
"""

from __future__ import annotations

import os
import secrets
import signal
import string
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.server.run import SandboxServer
from kiosk.widgets.presses import DOUBLE_TAP
from tests.faults import traces
from tests.faults.faulty_kiosk import CRASH_KEY
from tests.faults.faulty_visit import FaultyKiosk, exists, faulty_kiosk, wait_for
from tests.faults.misbehaving import Misbehaving
from tests.stack.journey import CONFIRM, GOODBYE, REMOVE, WELCOME
from tests.stack.memory import find_in_memory
from tests.stack.softhsm import MODULE, SoftToken

pytestmark = pytest.mark.stack

DRIVER_FAILED = "K05"
STALLED = "T03"
REMOVED = "T01"
QUESTION = "Quý khách có cần thêm thời gian không?"


def twelve() -> str:
    """A PIN that is nowhere else, with no sign twice: typed all at once, the second one would be
    taken for a contact that bounces."""
    return "".join(secrets.SystemRandom().sample(string.ascii_letters + string.digits, 12))


@pytest.fixture(scope="session")
def pin() -> str:
    """The token's."""
    return twelve()


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory, sandbox_directory: Path, pin: str) -> SoftToken:
    """A token that the sandbox service knows."""
    soft = SoftToken(tmp_path_factory.mktemp("softhsm-12"), pin)
    key, certificate = SandboxPki.open(sandbox_directory).leaf("hoa-sen")
    soft.put("hoa-sen", certificate, key, "01")
    return soft


Start = Callable[..., AbstractContextManager[FaultyKiosk]]


@pytest.fixture
def start(
    misbehaving_module: Path,
    token: SoftToken,
    server: SandboxServer,
    sandbox_directory: Path,
    tmp_path: Path,
    pin: str,
) -> Start:
    """Starts a kiosk that must leave no PIN behind at the end, in order or not."""
    # A coarse file system clock shall not hide a new file.
    since = time.time() - 1

    @contextmanager
    def run(*further_pins: str, name: str = "run", **settings: object) -> Iterator[FaultyKiosk]:
        folder = tmp_path / name
        (folder / "orders").mkdir(parents=True)
        misbehaving = Misbehaving(misbehaving_module, folder / "orders", MODULE, token.environment)
        with faulty_kiosk(
            misbehaving,
            server,
            sandbox_directory,
            folder,
            **settings,  # type: ignore[arg-type]
        ) as kiosk:
            kiosk.console.wait(WELCOME)
            yield kiosk
            if kiosk.console.process.isalive():
                for one in (pin, *further_pins):
                    assert_nowhere(kiosk, one)
                assert kiosk.console.leave() == 0
        for one in (pin, *further_pins):
            assert not traces.in_bytes(bytes(kiosk.console.raw), one)
            assert traces.in_files((tmp_path, sandbox_directory), since, one) == []
        assert kiosk.log.stat().st_size
        assert len(kiosk.console.raw) > 1000

    return run


def assert_nowhere(kiosk: FaultyKiosk, pin: str) -> None:
    """The PIN is in no process of the kiosk's, and was not drawn."""
    for pid in (kiosk.pid, *kiosk.helpers()):
        assert traces.in_process(pid, pin) == []
    assert not traces.in_bytes(bytes(kiosk.console.raw), pin)


def assert_only_in_the_buffer(kiosk: FaultyKiosk, pin: str) -> None:
    """The PIN that is being typed is in one place of the process."""
    found = find_in_memory(kiosk.pid, pin)
    assert len(found) == 1, found
    assert found[0].startswith("utf-8")


def dots(kiosk: FaultyKiosk) -> int:
    return kiosk.console.text.count("●")


PAGES = {
    ("digits", "letters"): ("abc",),
    ("digits", "capitals"): ("abc", "Aa"),
    ("letters", "digits"): ("123",),
    ("letters", "capitals"): ("Aa",),
    ("capitals", "digits"): ("123",),
    ("capitals", "letters"): ("Aa",),
}
"""Which keys of the screen lead from one page of keys to another."""


def page_of(character: str) -> str:
    if character.isdigit():
        return "digits"
    return "letters" if character.islower() else "capitals"


def type_on_screen(kiosk: FaultyKiosk, pin: str) -> None:
    """Click the PIN on the keys of the screen, turning pages where it takes that."""

    def click(key: str) -> None:
        kiosk.console.wait_until(lambda: key in kiosk.console.text, key, 3)
        kiosk.console.click(key)

    # Sooner, a tap is taken for one that was meant for the screen before.
    kiosk.console.pass_time(DOUBLE_TAP)
    page = "digits"
    for number, character in enumerate(pin, start=1):
        for key in PAGES.get((page, page_of(character)), ()):
            click(key)
        page = page_of(character)
        click(f"│{character:^19}│" if page == "digits" else f"│{character:^3}│")
        kiosk.console.wait_until(lambda n=number: dots(kiosk) == n, f"{number} dots", 3)  # type: ignore[misc]


def helper_that_waits(kiosk: FaultyKiosk) -> int:
    """The helper of the visit."""
    helpers = kiosk.helpers()
    assert len(helpers) == 1
    return helpers[0]


def test_the_search_finds_what_is_there(start: Start, pin: str, tmp_path: Path) -> None:
    """Without this, the tests below could pass because they look in the wrong place."""
    with start() as kiosk:
        kiosk.to_pin()
        kiosk.console.type(pin)
        kiosk.console.wait_until(lambda: dots(kiosk) == 12, "twelve dots")
        assert_only_in_the_buffer(kiosk, pin)
        assert len(traces.in_process(kiosk.pid, pin)) == 2, "its two halves"
        note = tmp_path / "run" / "home" / "deep" / "note"
        note.parent.mkdir()
        note.write_text(f"PIN {pin[:6]}")
        assert traces.in_files((tmp_path,), time.time(), pin) == [str(note)]
        note.unlink()
        kiosk.customer.click("Hủy")
        kiosk.console.wait(REMOVE)


@pytest.mark.parametrize("keys", ["keyboard", "screen"])
def test_after_a_whole_visit(start: Start, pin: str, keys: str) -> None:
    with start() as kiosk:
        mails = kiosk.mails()
        kiosk.to_pin()
        helper = helper_that_waits(kiosk)
        if keys == "screen":
            type_on_screen(kiosk, pin)
            assert_only_in_the_buffer(kiosk, pin)
            kiosk.customer.click("│   Xác nhận   │")
        else:
            kiosk.console.type(pin)
            kiosk.customer.press("enter")
        kiosk.console.wait(CONFIRM)
        assert not exists(helper), "it knew the PIN and is not needed any more"
        kiosk.customer.confirm()
        assert_nowhere(kiosk, pin)
        kiosk.customer.finish()
        kiosk.insert_or_remove()
        kiosk.console.wait(GOODBYE)
        kiosk.console.wait(WELCOME)
        assert kiosk.helper() != helper
        kiosk.console.wait_until(lambda: kiosk.mails() == mails + 1, "the mail")
        assert kiosk.misbehaving.logins() == 1


def test_after_a_wrong_pin_and_the_right_one(start: Start, pin: str) -> None:
    wrong = twelve()
    with start(wrong) as kiosk:
        kiosk.to_pin()
        kiosk.customer.enter_pin(wrong)
        kiosk.console.wait("Mã PIN không chính xác", "P01")
        assert_nowhere(kiosk, wrong)
        kiosk.customer.press("enter")
        kiosk.customer.enter_pin(pin)
        kiosk.console.wait(CONFIRM)
        assert_nowhere(kiosk, pin)
        assert kiosk.misbehaving.logins() == 2


def test_after_the_time_ran_out_while_it_was_typed(start: Start, pin: str) -> None:
    """Two kiosks side by side: on one the PIN is typed to its half, on the other to its end."""
    times = "idle = 2\nquestion = 5"
    with start(times=times, name="half") as half, start(times=times, name="whole") as whole:
        for kiosk, typed in ((half, pin[:6]), (whole, pin)):
            kiosk.to_pin()
            kiosk.console.type(typed)
            assert_only_in_the_buffer(kiosk, typed)
        for kiosk in (half, whole):
            kiosk.console.wait(REMOVE)
            assert "TimeUp: PIN -> remove token" in kiosk.log.read_text()
            assert_nowhere(kiosk, pin)
            assert kiosk.misbehaving.logins() == 0


def test_after_a_removal_while_it_was_typed(start: Start, pin: str) -> None:
    """All keys arrive at once, as from a device that types or while the kiosk is busy."""
    with start() as kiosk:
        kiosk.to_pin()
        helper = helper_that_waits(kiosk)
        kiosk.console.process.send(pin)
        kiosk.console.wait_until(lambda: dots(kiosk) == len(pin), "a dot for each key")
        assert_only_in_the_buffer(kiosk, pin)
        kiosk.insert_or_remove()
        kiosk.console.wait(REMOVED)
        assert_nowhere(kiosk, pin)
        wait_for(lambda: not exists(helper), "the end of the helper")


@pytest.mark.parametrize("function", ["C_Login", "C_Sign"])
def test_after_a_crash_of_the_helper(start: Start, pin: str, function: str) -> None:
    """A segmentation fault in the process that knows the PIN leaves no core file either."""
    with start() as kiosk:
        kiosk.to_pin()
        helper = helper_that_waits(kiosk)
        assert traces.core_limits(helper) == (0, 0)
        before = traces.core_files()
        kiosk.misbehaving.order(function, "crash")
        kiosk.customer.enter_pin(pin)
        kiosk.console.wait(DRIVER_FAILED)
        assert not exists(helper)
        assert traces.core_files() == before
        assert_nowhere(kiosk, pin)
        assert kiosk.misbehaving.logins() == 1


def test_after_a_login_that_hung_until_the_deadline(start: Start, pin: str) -> None:
    with start(deadline=2) as kiosk:
        kiosk.to_pin()
        helper = helper_that_waits(kiosk)
        kiosk.misbehaving.order("C_Login", "hang")
        kiosk.customer.enter_pin(pin)
        wait_for(lambda: kiosk.misbehaving.entered("C_Login"), "the login")
        assert_only_in_the_buffer(kiosk, pin)
        assert find_in_memory(helper, pin)
        assert traces.in_start(helper, pin) == []
        kiosk.console.wait(STALLED)
        assert not exists(helper)
        assert_nowhere(kiosk, pin)


# What would be left if a process were killed while it knows the PIN.


@pytest.mark.parametrize(
    "precaution",
    [
        "from kiosk.hardware.token_helper import harden; harden(os.getppid())",
        "from kiosk.cli import keep_memory_private; keep_memory_private()",
    ],
    ids=["helper", "kiosk"],
)
def test_no_core_file_even_if_the_limit_were_high(tmp_path: Path, precaution: str) -> None:
    """Some machines hand a core to a program, and ask no limit: dumpable is off as well."""
    if not traces.leaves_core_file(tmp_path):
        pytest.skip("nothing on this machine leaves a core file in its folder")
    assert not traces.leaves_core_file(tmp_path, precaution)


def test_no_core_file_of_the_kiosk(start: Start, pin: str, tmp_path: Path) -> None:
    """It is killed while the PIN is typed. Its helper does not outlive it."""
    with start() as kiosk:
        kiosk.to_pin()
        helper = helper_that_waits(kiosk)
        kiosk.console.type(pin)
        assert_only_in_the_buffer(kiosk, pin)
        assert traces.core_limits(kiosk.pid) == (0, 0)
        os.kill(kiosk.pid, signal.SIGSEGV)
        assert kiosk.console.ended() == -signal.SIGSEGV
        assert not os.WCOREDUMP(kiosk.console.process.status)
        assert not [path for path in tmp_path.rglob("core*") if path.is_file()]
        wait_for(lambda: not exists(helper), "the end of the helper")


def test_after_a_crash_of_the_kiosk(start: Start, pin: str) -> None:
    """The exception has the PIN in its text and in a local, which no code of ours does."""
    with start(environment={CRASH_KEY: "~"}) as kiosk:
        kiosk.to_pin()
        helper = helper_that_waits(kiosk)
        kiosk.console.type(pin)
        assert_only_in_the_buffer(kiosk, pin)
        kiosk.console.press("~")
        assert kiosk.console.ended() == 70
        assert kiosk.console.shows("stopped because of a fault: ValueError at faulty_kiosk.py:")
        assert "ValueError at faulty_kiosk.py:" in kiosk.log.read_text()
        wait_for(lambda: not exists(helper), "the end of the helper")
