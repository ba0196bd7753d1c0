"""The misbehaving module does what it is told, as the kiosk's token driver sees it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from kiosk.hardware.token import (
    HelperDied,
    KeyMissing,
    Mechanism,
    PinRefused,
    TokenFailed,
    TokenInfo,
    TokenStalled,
)
from kiosk.hardware.token_client import HelperToken, HelperTokenDriver
from tests.faults.misbehaving import FUNCTIONS, Misbehaving, build
from tests.stack.softhsm import SoftToken

pytestmark = pytest.mark.stack

MESSAGE = b"what the customer confirms"
PIN = "12345678"
CKF_USER_PIN_FINAL_TRY = 0x20000


def pin(text: str = PIN) -> memoryview:
    return memoryview(bytearray(text.encode()))


@pytest.fixture
def driver(make_driver: Callable[..., HelperTokenDriver]) -> HelperTokenDriver:
    return make_driver()


async def found(driver: HelperTokenDriver) -> tuple[HelperToken, TokenInfo]:
    token = await driver.open("some reader", b"\x3b\x00")
    assert isinstance(token, HelperToken)
    return token, await token.find()


async def gone(pid: int) -> bool:
    """Wait until there is no such process any more, not even a zombie."""
    deadline = time.monotonic() + 5
    while exists(pid):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def sign(driver: HelperTokenDriver, soft: SoftToken) -> None:
    """A whole visit: the certificate is shown, the PIN taken, the signature right."""
    token, info = await found(driver)
    assert [one.label for one in await token.certificates()] == ["rsa"]
    await token.login(info.serial, soft.der("rsa"), pin())
    signature = await token.sign(soft.der("rsa"), Mechanism.RS256, MESSAGE)
    key = soft.certificates["rsa"].public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())


async def test_an_obedient_module_passes_everything_on(
    misbehaving: Misbehaving, driver: HelperTokenDriver, soft: SoftToken
) -> None:
    await sign(driver, soft)
    assert misbehaving.logins() == 1
    assert misbehaving.logins("CONTEXT_SPECIFIC") == 0
    assert misbehaving.calls("C_Sign") > 0
    assert misbehaving.calls("load") == 1
    assert misbehaving.reached("C_Login") == 1
    assert {line.function for line in misbehaving.log()} <= FUNCTIONS


async def test_log_has_no_pin_and_not_its_length(
    misbehaving: Misbehaving, driver: HelperTokenDriver, soft: SoftToken
) -> None:
    token, info = await found(driver)
    for typed in ("135790", PIN):
        if typed == PIN:
            await token.login(info.serial, soft.der("rsa"), pin())
        else:
            with pytest.raises(PinRefused):
                await token.login(info.serial, soft.der("rsa"), pin(typed))
    files = [path.read_bytes() for path in misbehaving.folder.iterdir()]
    assert files
    assert not any(typed in file for typed in (b"135790", PIN.encode()) for file in files)
    logins = [line for line in misbehaving.log() if line.function == "C_Login"]
    assert [line.detail for line in logins] == [
        *("USER", "0xA0 real=0xA0"),
        *("USER", "0x0 real=0x0"),
    ]


async def test_hang_lasts_until_the_deadline_and_ends_with_the_helper(
    misbehaving: Misbehaving,
    make_driver: Callable[..., HelperTokenDriver],
    soft: SoftToken,
) -> None:
    token, info = await found(make_driver(login=0.5))
    assert not misbehaving.entered("C_Login")
    misbehaving.order("C_Login", "hang")
    login = asyncio.create_task(token.login(info.serial, soft.der("rsa"), pin()))
    await misbehaving.wait_entered("C_Login")
    with pytest.raises(TokenStalled) as stalled:
        await login
    assert stalled.value.operation == "login"
    assert await gone(token.helper_pid)
    assert not misbehaving.entered("C_Login")


async def test_crash_kills_the_helper_and_once_means_once(
    misbehaving: Misbehaving, driver: HelperTokenDriver, soft: SoftToken
) -> None:
    token, info = await found(driver)
    misbehaving.order("C_Login", "crash", times=1)
    with pytest.raises(HelperDied) as died:
        await token.login(info.serial, soft.der("rsa"), pin())
    assert died.value.returncode == -signal.SIGSEGV
    await sign(driver, soft)
    assert misbehaving.logins() == 2


async def test_exit_ends_the_helper(misbehaving: Misbehaving, driver: HelperTokenDriver) -> None:
    token, _ = await found(driver)
    misbehaving.order("C_GetTokenInfo", "exit")
    with pytest.raises(HelperDied) as died:
        await token.find()
    assert died.value.returncode == 3


@pytest.mark.parametrize(
    ("action", "logged", "reached"),
    [("return 0x30", "0x30 real=-", 0), ("after 0x30", "0x30 real=0x0", 1)],
)
async def test_wrong_result_without_and_after_the_work(
    misbehaving: Misbehaving,
    driver: HelperTokenDriver,
    soft: SoftToken,
    action: str,
    logged: str,
    reached: int,
) -> None:
    token, info = await found(driver)
    misbehaving.order("C_Login", action)
    with pytest.raises(TokenFailed) as failed:
        await token.login(info.serial, soft.der("rsa"), pin())
    assert (failed.value.operation, failed.value.reason) == ("login", "CKR_DEVICE_ERROR")
    results = [one for one in misbehaving.log() if one.function == "C_Login" and not one.entry]
    assert [one.detail for one in results] == [logged]
    assert misbehaving.reached("C_Login") == reached
    misbehaving.obey()
    await sign(driver, soft)


async def test_delay_is_waited_and_then_all_is_well(
    misbehaving: Misbehaving, driver: HelperTokenDriver, soft: SoftToken
) -> None:
    token, info = await found(driver)
    misbehaving.order("C_Login", "delay 300")
    began = time.monotonic()
    await token.login(info.serial, soft.der("rsa"), pin())
    assert time.monotonic() - began >= 0.3


async def test_skipped_calls_pass_and_only_so_many_are_spoilt(
    misbehaving: Misbehaving, driver: HelperTokenDriver
) -> None:
    token, _ = await found(driver)
    misbehaving.order("C_FindObjectsInit", "return 0x30", skip=1, times=2)
    seen: list[int | str] = []
    for _ in range(4):
        try:
            seen.append(len(await token.certificates()))
        except TokenFailed as error:
            seen.append(error.reason)
    assert seen == [1, "CKR_DEVICE_ERROR", "CKR_DEVICE_ERROR", 1]


@pytest.mark.parametrize("function", ["load", "C_GetFunctionList"])
async def test_crash_when_loaded(
    misbehaving: Misbehaving, driver: HelperTokenDriver, soft: SoftToken, function: str
) -> None:
    misbehaving.order(function, "crash", times=1)
    with pytest.raises(HelperDied) as died:
        await driver.open("some reader", b"")
    assert died.value.returncode == -signal.SIGSEGV
    await sign(driver, soft)


async def test_hang_when_loaded(
    misbehaving: Misbehaving, make_driver: Callable[..., HelperTokenDriver]
) -> None:
    misbehaving.order("load", "hang")
    opening = asyncio.create_task(make_driver(open=1.5).open("some reader", b""))
    await misbehaving.wait_entered("load")
    with pytest.raises(TokenStalled):
        await opening


async def test_shape_of_the_token(misbehaving: Misbehaving, driver: HelperTokenDriver) -> None:
    token, real = await found(driver)
    assert not real.flags.final_try
    misbehaving.shape(
        set_flags=CKF_USER_PIN_FINAL_TRY, clear_flags=0x8, pin_length=(6, 8), serial="ÀB 12"
    )
    info = await token.find()
    assert info.flags.final_try
    assert not info.flags.initialised
    assert (info.pin_length, info.serial) == ((6, 8), "ÀB 12")
    misbehaving.shape(pin_length=(0, 0xFFFFFFFF))
    assert (await token.find()).serial == real.serial
    misbehaving.obey()
    assert await token.find() == real


async def test_pin_that_is_typed_on_the_reader(
    misbehaving: Misbehaving, driver: HelperTokenDriver, soft: SoftToken
) -> None:
    misbehaving.shape(pin_pad=PIN)
    token, info = await found(driver)
    assert info.flags.pin_pad
    await token.login(info.serial, soft.der("rsa"), memoryview(bytearray()))
    assert await token.sign(soft.der("rsa"), Mechanism.RS256, MESSAGE)
    misbehaving.shape(pin_pad="00000000")
    with pytest.raises(PinRefused):
        await token.login(info.serial, soft.der("rsa"), memoryview(bytearray()))


async def test_hidden_certificates_and_keys(
    misbehaving: Misbehaving, driver: HelperTokenDriver, soft: SoftToken
) -> None:
    token, info = await found(driver)
    misbehaving.shape(hide_certificates=True)
    assert await token.certificates() == ()
    misbehaving.obey()
    await token.login(info.serial, soft.der("rsa"), pin())
    misbehaving.shape(hide_certificates=True)
    assert len(await token.certificates()) == 1
    misbehaving.shape(hide_keys=True)
    with pytest.raises(KeyMissing):
        await token.sign(soft.der("rsa"), Mechanism.RS256, MESSAGE)


async def test_looking_for_objects_before_login_hangs(
    misbehaving: Misbehaving, make_driver: Callable[..., HelperTokenDriver], soft: SoftToken
) -> None:
    token, info = await found(make_driver(read=1))
    await token.login(info.serial, soft.der("rsa"), pin())
    misbehaving.shape(hang_before_login=True)
    assert await token.certificates()
    other, _ = await found(make_driver(read=0.5))
    with pytest.raises(TokenStalled):
        await other.certificates()


async def test_a_visit_asks_for_no_session_for_writing(
    misbehaving: Misbehaving, driver: HelperTokenDriver, soft: SoftToken
) -> None:
    misbehaving.shape(no_rw=True)
    await sign(driver, soft)


@pytest.mark.parametrize(
    ("function", "action"),
    [
        ("C_Logn", "hang"),
        ("C_Login", "hnag"),
        ("C_Login", "return"),
        ("C_Login", "size0"),
        ("load", "return 0x5"),
    ],
)
def test_order_that_would_do_nothing_is_refused(
    misbehaving: Misbehaving, function: str, action: str
) -> None:
    with pytest.raises(ValueError, match=function):
        misbehaving.order(function, action)


def test_source_that_does_not_compile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.c"
    broken.write_text("int unfinished(")
    monkeypatch.setattr("tests.faults.misbehaving.SOURCE", broken)
    with pytest.raises(RuntimeError, match="expected"):
        build(tmp_path)
