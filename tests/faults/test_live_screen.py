"""The screen never freezes: keys, staff call and removal are answered while a module hangs.

How quickly they are answered is measured by the benchmark; here, only that nothing waits for
the module.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from kiosk.effects import REMOVAL_GRACE
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import PIN
from kiosk.sandbox.server.run import SandboxServer
from kiosk.widgets.presses import DOUBLE_TAP
from tests.faults.faulty_visit import OPEN_DEADLINE, FaultyKiosk, exists, faulty_kiosk, wait_for
from tests.faults.misbehaving import Misbehaving
from tests.stack.journey import INSERT, PIN_ASKED, WELCOME
from tests.stack.softhsm import MODULE, SoftToken
from tests.terminal.console import Console

pytestmark = [pytest.mark.stack, pytest.mark.alone]

STALLED = ("USB Token không phản hồi", "Vui lòng rút USB Token ra", "T03")
REMOVED = ("USB Token đã được rút ra", "T01")
START_OVER = "Làm lại"
QUESTION = "Quý khách có cần thêm thời gian không?"
STAFF_CALLED = "Đã gọi nhân viên"
LANGUAGE_KEY = {"vi": "English", "en": "Tiếng Việt"}
"""What the key F2 leads to, as the screen says it."""

BUSY = {"reading": "Đang đọc USB Token", "verifying": "Đang xác minh"}

HANGS = {
    "C_Initialize": "reading",
    "C_GetSlotList": "reading",
    "C_GetTokenInfo": "reading",
    "C_OpenSession": "reading",
    "C_FindObjects": "reading",
    "C_GetAttributeValue": "reading",
    "C_Login": "verifying",
    "C_Sign": "verifying",
}
"""Functions that may hang, and where the customer is then."""

DEADLINE = 3.0
"""Seconds. Long enough for some key presses, short enough to be waited for."""

STILL_LIVE = 1.0
"""Seconds. A busy machine answers a key within it, a screen that waits for the module does not."""

LONG = 30.0
"""Seconds. A deadline that no test waits for."""

SLACK = 1.5
"""Seconds that a busy machine may need on top of a deadline."""


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory, sandbox_directory: Path) -> SoftToken:
    """A token that the sandbox service knows."""
    soft = SoftToken(tmp_path_factory.mktemp("softhsm-live"), PIN)
    key, certificate = SandboxPki.open(sandbox_directory).leaf("hoa-sen")
    soft.put("hoa-sen", certificate, key, "01")
    return soft


Start = Callable[..., AbstractContextManager[FaultyKiosk]]


@pytest.fixture(scope="module")
def start(
    misbehaving_module: Path,
    token: SoftToken,
    sandbox_directory: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Start]:
    """Starts a kiosk that ends at once when it is told to, though its module would hang then."""
    with SandboxServer(sandbox_directory) as server:

        @contextmanager
        def run(**settings: object) -> Iterator[FaultyKiosk]:
            folder = tmp_path_factory.mktemp("live")
            (folder / "orders").mkdir()
            misbehaving = Misbehaving(
                misbehaving_module, folder / "orders", MODULE, token.environment
            )
            with faulty_kiosk(
                misbehaving,
                server,
                sandbox_directory,
                folder / "run",
                **settings,  # type: ignore[arg-type]
            ) as kiosk:
                kiosk.console.wait(WELCOME)
                yield kiosk
                misbehaving.order("C_Finalize", "hang")
                helpers = kiosk.helpers()
                assert kiosk.console.leave() == 0
                wait_for(lambda: not any(map(exists, helpers)), "the end of the helpers")
            assert misbehaving.calls("C_Finalize") == 0

        yield run


@pytest.fixture(scope="module")
def lasting_kiosk(start: Start) -> Iterator[Callable[[], FaultyKiosk]]:
    """One kiosk for all tests that begin and end where the token is asked for.

    If one did not end there, the next gets a fresh one.
    """
    with ExitStack() as kiosks:
        last: FaultyKiosk | None = None

        def give() -> FaultyKiosk:
            nonlocal last
            if last is None or not last.console.shows(INSERT):
                kiosks.close()
                last = kiosks.enter_context(start(deadline=DEADLINE))
                last.customer.start()
            return last

        yield give


@pytest.fixture
def kiosk(lasting_kiosk: Callable[[], FaultyKiosk]) -> Iterator[FaultyKiosk]:
    """A kiosk that asks for the token, and a test in which it mails nothing."""
    kiosk = lasting_kiosk()
    mails = kiosk.mails()
    yield kiosk
    assert kiosk.mails() == mails
    kiosk.misbehaving.obey()


def run_into(kiosk: FaultyKiosk, function: str) -> tuple[int, float]:
    """Put the token in and go on until the module hangs.

    Returns:
        The helper that hangs, and when it was asked for what it does not do.
    """
    kiosk.misbehaving.order(function, "hang")
    asked = time.monotonic()
    kiosk.insert_or_remove()
    if HANGS[function] == "verifying":
        kiosk.customer.enter_username("hoasen")
        kiosk.console.wait(PIN_ASKED)
        kiosk.console.type(PIN)
        asked = time.monotonic()
        kiosk.customer.press("enter")
    wait_for(lambda: kiosk.misbehaving.entered(function), function)
    kiosk.console.wait(BUSY[HANGS[function]])
    (helper,) = kiosk.helpers()
    return helper, asked


def answered(console: Console, key: str) -> None:
    """Press a key and see something change, long before the hang ends at its deadline."""
    quiet(console)
    before = console.text
    console.press(key)
    console.wait_until(lambda: console.text != before, f"an answer to {key}", STILL_LIVE)


def quiet(console: Console) -> None:
    """Take what is still being drawn."""
    drawn = -1
    while drawn != len(console.raw):
        drawn = len(console.raw)
        console.pump(0.05)


def toggle(console: Console) -> None:
    """Press F2 and F3, twice; the screen ends as it began."""
    for language in ("en", "vi"):
        for key in ("f2", "f3"):
            answered(console, key)
            console.wait(LANGUAGE_KEY[language])
        if language == "en":
            # Sooner, the same key would be the second half of a double tap.
            time.sleep(DOUBLE_TAP)


def call_staff(kiosk: FaultyKiosk, busy: str) -> None:
    """Press F1, see that staff are called, and go on to the step that is under it."""
    answered(kiosk.console, "f1")
    kiosk.console.wait(STAFF_CALLED)
    kiosk.customer.press("escape")
    kiosk.console.wait(busy)


def remove_and_start_over(kiosk: FaultyKiosk) -> None:
    """From wherever a token is in to where it is asked for, by the screen that says it is out."""
    kiosk.insert_or_remove()
    kiosk.console.wait(*REMOVED, START_OVER, seconds=SLACK)
    kiosk.customer.press("enter")
    kiosk.console.wait(INSERT)


@pytest.mark.parametrize("function", HANGS)
def test_while_a_module_hangs(kiosk: FaultyKiosk, function: str) -> None:
    """Twice: the first customer is impatient, the second waits for the deadline."""
    busy = BUSY[HANGS[function]]
    tried = kiosk.misbehaving.logins()
    for ready in kiosk.helpers():
        # It is past C_Initialize; the next one has that before it.
        os.kill(ready, signal.SIGKILL)
        wait_for(lambda pid=ready: not exists(pid), "its end")  # type: ignore[misc]

    helper, _ = run_into(kiosk, function)
    toggle(kiosk.console)
    call_staff(kiosk, busy)
    assert kiosk.misbehaving.entered(function), "it hangs all this time"
    remove_and_start_over(kiosk)
    assert not exists(helper)
    assert kiosk.misbehaving.logins() - tried <= 1
    tried = kiosk.misbehaving.logins()

    helper, asked = run_into(kiosk, function)
    call_staff(kiosk, busy)
    kiosk.console.wait(*STALLED)
    deadline = OPEN_DEADLINE if function == "C_Initialize" else DEADLINE
    assert deadline <= time.monotonic() - asked <= deadline + REMOVAL_GRACE + SLACK
    assert not exists(helper)
    assert kiosk.misbehaving.logins() - tried <= 1
    remove_and_start_over(kiosk)


def test_a_stopped_helper_is_ended_at_the_deadline(kiosk: FaultyKiosk) -> None:
    """Stopped, it reads nothing: not even the request arrives, and no PIN is tried."""
    tried = kiosk.misbehaving.logins()
    kiosk.insert_or_remove()
    kiosk.customer.enter_username("hoasen")
    kiosk.console.wait(PIN_ASKED)
    (helper,) = kiosk.helpers()
    kiosk.console.type(PIN)
    os.kill(helper, signal.SIGSTOP)
    asked = time.monotonic()
    kiosk.customer.press("enter")
    kiosk.console.wait(BUSY["verifying"])
    toggle(kiosk.console)
    kiosk.console.wait(*STALLED)
    assert DEADLINE <= time.monotonic() - asked <= DEADLINE + REMOVAL_GRACE + SLACK
    assert not exists(helper)
    assert kiosk.misbehaving.logins() == tried
    remove_and_start_over(kiosk)


def test_no_question_about_time_while_a_module_hangs(start: Start) -> None:
    """A deadline ends the step, so nobody is asked whether they need more time."""
    idle = 1.5
    with start(deadline=LONG, times=f"idle = {idle}\nidle_result = {idle}") as kiosk:
        kiosk.customer.start()
        run_into(kiosk, "C_GetTokenInfo")
        kiosk.console.pass_time(idle * 1.5)
        kiosk.console.wait(BUSY["reading"])
        call_staff(kiosk, BUSY["reading"])
        assert "IdleElapsed" not in kiosk.log.read_text()
        kiosk.insert_or_remove()
        kiosk.console.wait(*REMOVED)
        kiosk.console.wait(QUESTION)
