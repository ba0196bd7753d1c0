"""Helpers that are replaced, passed over, or leave something behind."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk import flow
from kiosk.flow import State
from kiosk.hardware.token import HelperDied, Token, TokenStalled
from kiosk.hardware.token_client import HelperToken, HelperTokenDriver, installed
from kiosk.sandbox.embedded import EmbeddedDriver, Operation
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.server.run import SandboxServer
from tests.faults.misbehaving import Misbehaving
from tests.faults.visitor import Visitor
from tests.stack.softhsm import SoftToken
from tests.walks.token import WalkReader

pytestmark = pytest.mark.stack

PIN = b"12345678"


def group(pid: int) -> set[int]:
    """The living processes of the helper's process group."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, of = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of) == pid and state != "Z":
            found.add(int(stat.parent.name))
    return found


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def pid_of(token: Token) -> int:
    assert isinstance(token, HelperToken)
    return token.helper_pid


async def test_what_a_module_starts_ends_with_the_helper(
    misbehaving: Misbehaving, make_driver: Callable[..., HelperTokenDriver]
) -> None:
    misbehaving.order("C_Initialize", "fork")
    token = await make_driver().open("reader", b"\x3b\x00")
    pid = pid_of(token)
    assert len(group(pid)) == 2
    await token.close()
    await wait_until(lambda: not group(pid))


async def test_what_a_module_starts_does_not_hide_its_crash(
    misbehaving: Misbehaving, soft: SoftToken, make_driver: Callable[..., HelperTokenDriver]
) -> None:
    """It holds the helper's end of the socket, so the crash is no end of the stream."""
    misbehaving.order("C_Initialize", "fork")
    token = await make_driver().open("reader", b"\x3b\x00")
    pid = pid_of(token)
    info = await token.find()
    misbehaving.order("C_Login", "crash")
    began = time.monotonic()
    with pytest.raises(HelperDied):
        await token.login(info.serial, soft.der("rsa"), memoryview(bytearray(PIN)))
    assert time.monotonic() - began < 5
    await wait_until(lambda: not group(pid))


async def test_a_stale_warm_helper_is_replaced(
    misbehaving: Misbehaving, make_driver: Callable[..., HelperTokenDriver]
) -> None:
    driver = make_driver()
    await driver.warm_up()
    assert driver._warm is not None
    warm = driver._warm.pid
    misbehaving.order("C_GetSlotList", "return 0x30", times=1)
    token = await driver.open("reader", b"\x3b\x00")
    assert pid_of(token) != warm
    assert (await token.find()).serial


@pytest.fixture
def hanging_library(tmp_path: Path) -> Path:
    """A library that hangs while it is loaded."""
    source, library = tmp_path / "hanging.c", tmp_path / "hanging.so"
    source.write_text(
        "#include <unistd.h>\n"
        "__attribute__((constructor)) static void load(void) { for (;;) pause(); }\n"
    )
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


async def test_a_module_that_hangs_while_it_is_loaded_is_passed_over(
    misbehaving: Misbehaving, make_driver: Callable[..., HelperTokenDriver], hanging_library: Path
) -> None:
    driver = make_driver(hanging_library, misbehaving.module, open=3.0)
    token = await driver.open("reader", b"\x3b\x00")
    assert isinstance(token, HelperToken)
    assert token.module == misbehaving.module


async def test_a_customer_does_not_wait_twice_for_a_hanging_module(
    make_driver: Callable[..., HelperTokenDriver], hanging_library: Path
) -> None:
    """Once while it is warmed up, and once more."""
    driver = make_driver(hanging_library, open=3.0)
    warming = asyncio.create_task(driver.warm_up())
    await wait_until(driver._starting.locked)
    began = time.monotonic()
    with pytest.raises(TokenStalled):
        await driver.open("reader", b"\x3b\x00")
    assert time.monotonic() - began < 5
    await warming


def test_a_path_that_cannot_even_be_looked_at_is_not_installed() -> None:
    """As in a folder that the kiosk may not enter; this one is too long for any folder."""
    assert not installed(Path("/" + "a" * 300))


async def test_only_the_token_that_stalled_has_to_go(
    server: SandboxServer, sandbox_directory: Path
) -> None:
    reader = WalkReader()
    driver = EmbeddedDriver(reader, SandboxPki.open(sandbox_directory))
    visitor = Visitor(reader, driver, sandbox_directory, server.url)
    visitor.start()
    try:
        visitor.do(flow.Started(), flow.Agreed(), flow.RememberedUsername())
        driver.inject(Operation.CERTIFICATES, TokenStalled("certificates", 20))
        reader.insert("hoa-sen")
        await visitor.reaches(State.TOKEN_STALLED)
        reader.second = True
        reader.remove()
        await visitor.reaches(State.TOKEN_REMOVED)
    finally:
        await visitor.controller.stop()
