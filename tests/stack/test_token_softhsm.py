"""The token driver with SoftHSM: what a helper process does, and what becomes of it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kiosk.hardware.catalogue import Catalogue, Family
from kiosk.hardware.token import (
    HelperDied,
    KeyMissing,
    Mechanism,
    ModuleMissing,
    PinLengthRefused,
    PinRefused,
    SeveralTokens,
    TokenChanged,
    TokenFailed,
    TokenStalled,
)
from kiosk.hardware.token_client import Deadlines, HelperToken, HelperTokenDriver
from tests.stack.softhsm import LABEL, MODULE, SoftToken

pytestmark = pytest.mark.stack

PIN = "mật-khẩu-0123456789"
MESSAGE = b"what the customer confirms"


def pin(text: str = PIN) -> memoryview:
    return memoryview(bytearray(text.encode()))


@pytest.fixture(scope="module")
def soft(tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    soft = SoftToken(tmp_path_factory.mktemp("softhsm"), PIN)
    soft.add("rsa", rsa.generate_private_key(65537, 2048), "01")
    soft.add("p256", ec.generate_private_key(ec.SECP256R1()), "02")
    soft.add("p384", ec.generate_private_key(ec.SECP384R1()), "03")
    soft.add("authority", ec.generate_private_key(ec.SECP256R1()), "04", ca=True, bare=True)
    soft.add("keyless", ec.generate_private_key(ec.SECP256R1()), "05", bare=True)
    return soft


def make_driver(soft: SoftToken, *modules: Path, **seconds: float) -> HelperTokenDriver:
    return HelperTokenDriver(
        Catalogue(Family("default", modules or (MODULE,))),
        Deadlines(**{"open": 10, "read": 10, "login": 10, "sign": 10, **seconds}),
        extra_env=soft.environment,
    )


@pytest.fixture
async def driver(soft: SoftToken) -> AsyncIterator[HelperTokenDriver]:
    driver = make_driver(soft)
    yield driver
    await driver.close()


async def opened(driver: HelperTokenDriver) -> HelperToken:
    token = await driver.open("some reader", b"\x3b\x00")
    assert isinstance(token, HelperToken)
    return token


async def gone(pid: int, seconds: float = 5.0) -> bool:
    """Wait until there is no such process any more, not even a zombie."""
    deadline = time.monotonic() + seconds
    while exists(pid):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_shows_the_customers_certificates_only(
    driver: HelperTokenDriver, soft: SoftToken
) -> None:
    token = await opened(driver)
    info = await token.find()
    assert info.label == LABEL
    assert info.pin_length == (4, 255)
    found = {one.label: one for one in await token.certificates()}
    assert set(found) == {"rsa", "p256", "p384", "keyless"}
    assert found["rsa"].der == soft.der("rsa")
    assert found["rsa"].key_id == b"\x01"


@pytest.mark.parametrize(
    ("name", "mechanism"),
    [
        ("rsa", Mechanism.RS256),
        ("rsa", Mechanism.PS256),
        ("p256", Mechanism.ES256),
        ("p384", Mechanism.ES384),
    ],
)
async def test_signature_verifies(
    driver: HelperTokenDriver, soft: SoftToken, name: str, mechanism: Mechanism
) -> None:
    await sign_and_verify(driver, soft, name, mechanism)


@pytest.mark.parametrize("mechanism", [Mechanism.RS256, Mechanism.PS256])
async def test_token_that_does_not_hash_by_itself(soft: SoftToken, mechanism: Mechanism) -> None:
    """Hash, and for RS256 the DigestInfo, are then made in the helper."""
    poor = soft.directory / "poor.conf"
    poor.write_text(
        (soft.directory / "softhsm2.conf").read_text()
        + "slots.mechanisms = CKM_RSA_PKCS,CKM_RSA_PKCS_PSS\n"
    )
    driver = HelperTokenDriver(
        Catalogue(Family("default", (MODULE,))), extra_env={"SOFTHSM2_CONF": str(poor)}
    )
    await sign_and_verify(driver, soft, "rsa", mechanism)
    await driver.close()


async def sign_and_verify(
    driver: HelperTokenDriver, soft: SoftToken, name: str, mechanism: Mechanism
) -> None:
    token = await opened(driver)
    info = await token.find()
    await token.login(info.serial, soft.der(name), pin())
    signature = await token.sign(soft.der(name), mechanism, MESSAGE)
    key = soft.certificates[name].public_key()
    if isinstance(key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashlib.sha256().digest_size)
        scheme = pss if mechanism is Mechanism.PS256 else padding.PKCS1v15()
        key.verify(signature, MESSAGE, scheme, hashes.SHA256())
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        size = key.key_size // 8
        assert len(signature) == 2 * size
        r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
        digest = hashes.SHA384() if mechanism is Mechanism.ES384 else hashes.SHA256()
        key.verify(encode_dss_signature(r, s), MESSAGE, ec.ECDSA(digest))


async def test_wrong_pin_then_right_one(driver: HelperTokenDriver, soft: SoftToken) -> None:
    token = await opened(driver)
    info = await token.find()
    with pytest.raises(PinRefused):
        await token.login(info.serial, soft.der("rsa"), pin("0000"))
    with pytest.raises(PinLengthRefused):
        await token.login(info.serial, soft.der("rsa"), pin("000"))
    await token.login(info.serial, soft.der("rsa"), pin())
    assert await token.sign(soft.der("rsa"), Mechanism.RS256, MESSAGE)


async def test_no_signature_without_login(driver: HelperTokenDriver, soft: SoftToken) -> None:
    token = await opened(driver)
    await token.find()
    with pytest.raises(TokenFailed, match="CKR_USER_NOT_LOGGED_IN"):
        await token.sign(soft.der("rsa"), Mechanism.RS256, MESSAGE)


async def test_certificate_without_key(driver: HelperTokenDriver, soft: SoftToken) -> None:
    token = await opened(driver)
    info = await token.find()
    await token.login(info.serial, soft.der("keyless"), pin())
    with pytest.raises(KeyMissing):
        await token.sign(soft.der("keyless"), Mechanism.ES256, MESSAGE)


async def test_mechanism_that_the_key_cannot_do(driver: HelperTokenDriver, soft: SoftToken) -> None:
    token = await opened(driver)
    info = await token.find()
    await token.login(info.serial, soft.der("p256"), pin())
    for mechanism in (Mechanism.RS256, Mechanism.PS256, Mechanism.ES384):
        with pytest.raises(TokenFailed):
            await token.sign(soft.der("p256"), mechanism, MESSAGE)


async def test_token_that_is_another_one(driver: HelperTokenDriver, soft: SoftToken) -> None:
    token = await opened(driver)
    info = await token.find()
    with pytest.raises(TokenChanged):
        await token.login("another", soft.der("rsa"), pin())
    with pytest.raises(TokenChanged):
        await token.login(info.serial, b"another", pin())


async def test_two_tokens_and_nothing_tells_which(tmp_path: Path) -> None:
    soft = SoftToken(tmp_path)
    soft.add_token("another")
    driver = make_driver(soft)
    try:
        token = await opened(driver)
        with pytest.raises(SeveralTokens):
            await token.find()
    finally:
        await driver.close()


async def test_helper_that_stands_still_is_ended_with_the_deadline(soft: SoftToken) -> None:
    driver = make_driver(soft, login=0.3)
    try:
        token = await opened(driver)
        info = await token.find()
        os.kill(token.helper_pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(TokenStalled) as stalled:
            await token.login(info.serial, soft.der("rsa"), pin())
        assert 0.25 < time.monotonic() - began < 1.5
        assert (stalled.value.operation, stalled.value.seconds) == ("login", 0.3)
        assert await gone(token.helper_pid)
        with pytest.raises(HelperDied):
            await token.find()
    finally:
        await driver.close()


async def test_helper_that_dies_is_told(driver: HelperTokenDriver) -> None:
    token = await opened(driver)
    await token.find()
    os.kill(token.helper_pid, signal.SIGKILL)
    with pytest.raises(HelperDied) as died:
        await token.find()
    assert died.value.returncode == -signal.SIGKILL
    assert await gone(token.helper_pid)


async def test_cancelled_request_ends_the_helper(
    driver: HelperTokenDriver, soft: SoftToken
) -> None:
    token = await opened(driver)
    info = await token.find()
    os.kill(token.helper_pid, signal.SIGSTOP)
    request = asyncio.create_task(token.login(info.serial, soft.der("rsa"), pin()))
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert await gone(token.helper_pid)


async def test_close_in_the_middle_of_a_request(driver: HelperTokenDriver) -> None:
    token = await opened(driver)
    os.kill(token.helper_pid, signal.SIGSTOP)
    request = asyncio.create_task(token.find())
    await asyncio.sleep(0)
    began = time.monotonic()
    await token.close()
    with pytest.raises(HelperDied):
        await request
    assert time.monotonic() - began < 1
    assert await gone(token.helper_pid)


async def test_helper_is_for_one_visit(driver: HelperTokenDriver) -> None:
    await driver.warm_up()
    first = await opened(driver)
    await first.close()
    assert await gone(first.helper_pid)
    await driver.warm_up()
    second = await opened(driver)
    assert second.helper_pid != first.helper_pid
    await second.find()


async def test_warm_helper_is_used_and_replaced_when_it_died(driver: HelperTokenDriver) -> None:
    await driver.warm_up()
    (warm,) = children()
    await driver.warm_up()
    assert children() == {warm}
    os.kill(warm, signal.SIGKILL)
    assert await gone(warm)
    await driver.warm_up()
    (warm,) = children()
    assert (await opened(driver)).helper_pid == warm


async def test_close_leaves_no_process(soft: SoftToken) -> None:
    driver = make_driver(soft)
    await driver.warm_up()
    await opened(driver)
    await driver.warm_up()
    assert len(children()) == 2
    await driver.close()
    assert children() == set()


def children() -> set[int]:
    """Helper processes of this one."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {
        int(pid)
        for pid in listed
        if b"kiosk.hardware.token_helper" in Path(f"/proc/{pid}/cmdline").read_bytes()
    }


async def test_module_that_is_not_there(soft: SoftToken, tmp_path: Path) -> None:
    missing = tmp_path / "missing.so"
    driver = make_driver(soft, missing)
    await driver.warm_up()
    with pytest.raises(ModuleMissing) as error:
        await driver.open("some reader", b"\x3b\x00")
    assert error.value.path == str(missing)
    await driver.close()


async def test_module_that_is_no_library_is_passed_over(soft: SoftToken, tmp_path: Path) -> None:
    text = tmp_path / "text.so"
    text.write_text("not an ELF file")
    driver = make_driver(soft, text)
    with pytest.raises(ModuleMissing, match=r"invalid ELF header|file too short") as error:
        await driver.open("some reader", b"\x3b\x00")
    assert error.value.path == str(text)
    await driver.close()
    driver = make_driver(soft, text, MODULE)
    assert (await (await opened(driver)).find()).label == LABEL
    await driver.close()


async def test_library_that_is_no_pkcs11_module(soft: SoftToken) -> None:
    driver = make_driver(soft, a_plain_library())
    with pytest.raises(ModuleMissing):
        await driver.open("some reader", b"\x3b\x00")
    await driver.close()


def a_plain_library() -> Path:
    return next(Path("/lib").glob("*-linux-gnu/libc.so.6"))


async def test_helper_is_hardened(driver: HelperTokenDriver) -> None:
    token = await opened(driver)
    process = Path(f"/proc/{token.helper_pid}")
    assert re.search(r"^Max core file size +0 +0 ", (process / "limits").read_text(), re.MULTILINE)
    assert len(list((process / "task").iterdir())) == 1
    targets = sorted(str(one.readlink()) for one in (process / "fd").iterdir())
    assert targets[:3] == ["/dev/null"] * 3
    # The kiosk's, and PC/SC's where that runs.
    assert 1 <= len(targets[3:]) <= 2
    assert all(one.startswith("socket:") for one in targets[3:])
    environment = (process / "environ").read_bytes()
    assert b"SOFTHSM2_CONF=" in environment
    assert b"PYTEST_CURRENT_TEST" not in environment


def test_helper_cannot_be_attached_and_dies_with_its_parent() -> None:
    program = """
import ctypes, os
from kiosk.hardware.token_helper import harden

harden(os.getppid())
prctl, death = ctypes.CDLL(None).prctl, ctypes.c_int()
PR_GET_PDEATHSIG, PR_GET_DUMPABLE = 2, 3
prctl(PR_GET_PDEATHSIG, ctypes.byref(death), 0, 0, 0)
print(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), death.value)
"""
    output = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert output.split() == ["0", str(int(signal.SIGKILL))]


KIOSK = """
import asyncio, os, signal, sys
from pathlib import Path
from kiosk.hardware.catalogue import Catalogue, Family
from kiosk.hardware.token import PinRefused
from kiosk.hardware.token_client import HelperTokenDriver

module, configuration = Path(sys.argv[1]), sys.argv[2]

async def open_token():
    driver = HelperTokenDriver(
        Catalogue(Family("default", (module,))), extra_env={"SOFTHSM2_CONF": configuration}
    )
    token = await driver.open("some reader", b"")
    return token, await token.find(), await token.certificates()
"""
"""A kiosk of its own, because the tests' process has everything in it."""


def run_kiosk(soft: SoftToken, program: str) -> subprocess.Popen[bytes]:
    configuration = soft.environment["SOFTHSM2_CONF"]
    return subprocess.Popen(
        [sys.executable, "-c", KIOSK + program, str(MODULE), configuration],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_helper_dies_with_the_kiosk_and_its_module_stays_outside(soft: SoftToken) -> None:
    program = """
async def main():
    token, _, _ = await open_token()
    assert str(module) not in Path("/proc/self/maps").read_text()
    assert not {"pkcs11", "smartcard", "cryptography", "textual"} & set(sys.modules)
    print(token.helper_pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    with run_kiosk(soft, program) as kiosk:
        output, _ = kiosk.communicate()
    assert kiosk.returncode == -signal.SIGKILL
    helper = Path(f"/proc/{int(output)}")
    deadline = time.monotonic() + 5
    while helper.exists():
        assert time.monotonic() < deadline, "the helper outlived the kiosk"
        time.sleep(0.01)


def test_pin_is_in_one_place_of_the_kiosks_memory(soft: SoftToken) -> None:
    program = """
async def main():
    token, info, certificates = await open_token()
    typed = bytearray(16)
    os.readv(0, [typed])
    try:
        await token.login(info.serial, certificates[0].der, memoryview(typed))
    except PinRefused:
        os.write(1, b"typed")
    os.read(0, 1)
    typed[:] = bytes(16)
    os.write(1, b"wiped")
    os.read(0, 1)

asyncio.run(main())
"""
    secret = secrets.token_hex(8).encode()
    with run_kiosk(soft, program) as kiosk:
        assert kiosk.stdin is not None
        assert kiosk.stdout is not None
        os.write(kiosk.stdin.fileno(), secret)
        assert os.read(kiosk.stdout.fileno(), 5) == b"typed"
        assert occurrences(kiosk.pid, secret) == 1
        os.write(kiosk.stdin.fileno(), b"x")
        assert os.read(kiosk.stdout.fileno(), 5) == b"wiped"
        assert occurrences(kiosk.pid, secret) == 0
        os.write(kiosk.stdin.fileno(), b"x")


def occurrences(pid: int, secret: bytes) -> int:
    """How often a process has the secret in its writable memory."""
    count = 0
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, mode, *_ = line.split()
            if not mode.startswith("rw"):
                continue
            start, end = (int(bound, 16) for bound in span.split("-"))
            memory.seek(start)
            count += (memory.read(end - start) or b"").count(secret)
    return count


def test_pin_of_impossible_length_does_not_reach_the_module(soft: SoftToken) -> None:
    """Some modules would count it as a wrong PIN. Runs the helper's part in a process."""
    program = """
import sys
from kiosk.hardware.cryptoki import Cryptoki
from kiosk.hardware.token import PinLengthRefused, PinRefused
from kiosk.hardware.token_module import TokenModule

module = TokenModule(sys.argv[1])
serial = module.find("some reader").serial
der = module.certificates()[0].der
presented = []
login = Cryptoki.login
Cryptoki.login = lambda self, session, pin: presented.append(len(pin)) or login(self, session, pin)
for typed in (bytearray(3), bytearray(), bytearray(b"0000")):
    try:
        module.login(serial, der, typed)
    except (PinLengthRefused, PinRefused) as error:
        print(type(error).__name__, not any(typed))
print(presented)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, str(MODULE)],
        check=False,
        env={**os.environ, **soft.environment},
        capture_output=True,
        text=True,
    )
    assert ended.stdout.splitlines() == [
        "PinLengthRefused True",
        "PinLengthRefused True",
        "PinRefused True",
        "[4]",
    ], ended.stderr


def test_another_token_gets_no_pin_though_its_reader_counts_the_same(soft: SoftToken) -> None:
    """A token that shows its certificates only after login was changed for another, and PC/SC's
    count for its reader began anew. Runs the helper's part in a process."""
    program = """
import sys
from msgspec.structs import replace
from kiosk.hardware.cryptoki import Cryptoki
from kiosk.hardware.stay import Stay, Stays
from kiosk.hardware.token import TokenChanged
from kiosk.hardware.token_module import TokenModule

module = TokenModule(sys.argv[1])
serial = module.find("some reader").serial
Stays.of = lambda self, reader: Stay(1, 0)
module._stay = Stay(1, 0)
read = Cryptoki.token
Cryptoki.token = lambda self, slot: replace(read(self, slot), serial="another")
presented = []
Cryptoki.login = lambda self, session, pin: presented.append(len(pin))
try:
    module.login(serial, b"", bytearray(b"12345678"))
except TokenChanged:
    print("changed")
print(presented)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, str(MODULE)],
        check=False,
        env={**os.environ, **soft.environment},
        capture_output=True,
        text=True,
    )
    assert ended.stdout.splitlines() == ["changed", "[]"], ended.stderr
