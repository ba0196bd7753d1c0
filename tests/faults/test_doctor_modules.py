"""`kiosk doctor --token` on modules that misbehave: nobody logs in, nothing hangs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.assembly import Settings
from kiosk.doctor.findings import Report
from kiosk.doctor.text import as_text
from kiosk.doctor.tokens import check_tokens
from kiosk.hardware.catalogue import AtrPattern, Catalogue, Family
from kiosk.hardware.token_client import Deadlines, HelperTokenDriver
from kiosk.sandbox.embedded import ATR, EmbeddedReader
from kiosk.sandbox.pki import SandboxPki
from tests.faults.misbehaving import Misbehaving
from tests.stack.parts import write_config
from tests.stack.softhsm import LABEL

pytestmark = pytest.mark.stack

CKF_TOKEN_INITIALIZED = 0x400
CKF_USER_PIN_INITIALIZED = 0x8


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SandboxPki.open(tmp_path_factory.mktemp("sandbox")).trust_directory


class Doctor:
    """The doctor for a token whose family has the misbehaving module."""

    def __init__(self, misbehaving: Misbehaving, folder: Path, trust: Path) -> None:
        self.misbehaving = misbehaving
        self.reader = EmbeddedReader()
        self.settings = Settings.load(write_config(folder, "http://127.0.0.1:9", trust))

    async def look(
        self,
        *modules: Path,
        seconds: float = 5.0,
        progress: Callable[[str], None] = lambda _: None,
        **options: bool,
    ) -> Report:
        pattern = AtrPattern.parse(ATR.hex())
        family = Family("soft", modules or (self.misbehaving.module,), (pattern,), **options)
        catalogue = Catalogue(Family("default", (Path("/nonexistent.so"),)), (family,))
        if not self.reader.inserted():
            self.reader.insert("soft")
        report = await check_tokens(
            replace(self.settings, catalogue=catalogue),
            self.reader,
            HelperTokenDriver(
                catalogue,
                Deadlines(open=seconds, read=seconds),
                extra_env=self.misbehaving.environment,
            ),
            progress,
        )
        assert not any(self.misbehaving.entered(line.function) for line in self.misbehaving.log())
        for kind in ("USER", "SO", "CONTEXT_SPECIFIC"):
            assert self.misbehaving.logins(kind) == 0
        text = as_text(report)
        assert max(map(len, text.splitlines())) <= 100
        assert json.loads(report.as_json())["conclusion"]["text"] == report.conclusion.text
        return report


@pytest.fixture
def doctor(
    misbehaving: Misbehaving, tmp_path_factory: pytest.TempPathFactory, trust: Path
) -> Doctor:
    return Doctor(misbehaving, tmp_path_factory.mktemp("config"), trust)


def flowing(report: Report) -> str:
    """The text without its line breaks."""
    return " ".join(as_text(report).split())


async def test_a_good_module_tells_what_it_is_and_what_the_kiosk_makes_of_the_certificate(
    doctor: Doctor,
) -> None:
    report = await doctor.look()
    text = flowing(report)
    assert "family soft of tokens.toml fixed_buffers = false" in text
    assert f"{doctor.misbehaving.module}: loads, and the kiosk takes it" in text
    assert "Implementation of PKCS11, version 2.6, by SoftHSM" in text
    assert f"token “{LABEL}”" in text
    assert "certificate “rsa”: refused, C04" in text
    assert "would stop with C04" in report.conclusion.text
    assert not report.in_order


async def test_a_module_that_hangs_when_it_is_loaded(doctor: Doctor) -> None:
    doctor.misbehaving.order("C_Initialize", "hang")
    began = time.monotonic()
    report = await doctor.look(seconds=1.0)
    # Once as the kiosk does, once for the technician; then it is left alone.
    assert time.monotonic() - began < 6
    assert "module does not answer (helper killed after 1 s) while it was loaded" in flowing(report)
    assert "Pull the token out and put it in again" in flowing(report)
    assert report.conclusion.facts == {"goes_on": False, "problem": "T03"}


async def test_a_module_that_hangs_when_the_token_is_read(doctor: Doctor) -> None:
    doctor.misbehaving.shape(hang_before_login=True)
    report = await doctor.look(seconds=1.0)
    text = flowing(report)
    assert "module does not answer (helper killed after 1 s) while the token was read" in text
    # What it told before is not lost.
    assert f"token “{LABEL}”" in text
    assert report.conclusion.facts["problem"] == "T03"


async def test_a_module_that_crashes_when_it_is_loaded(doctor: Doctor) -> None:
    doctor.misbehaving.order("load", "crash")
    report = await doctor.look()
    assert "module crashed: its helper process was ended by SIGSEGV while it was loaded" in flowing(
        report
    )
    assert report.conclusion.facts["problem"] == "K05"


async def test_a_module_that_crashes_when_it_is_described_is_read_all_the_same(
    doctor: Doctor,
) -> None:
    # The kiosk's own reading asks four times before: for a size and a list, at two looks.
    doctor.misbehaving.order("C_GetMechanismList", "crash", skip=4, times=1)
    report = await doctor.look()
    assert "does not describe itself and its slots: it crashed" in flowing(report)
    assert "certificate “rsa”: refused, C04" in flowing(report)


@pytest.mark.parametrize("function", ["C_GetAttributeValue", "C_GetSlotList"])
async def test_a_module_that_answers_size_0_gets_the_hint_fixed_buffers(
    doctor: Doctor, function: str
) -> None:
    doctor.misbehaving.order(function, "size0")
    report = await doctor.look()
    text = flowing(report)
    assert "reading with fixed buffers: 1 certificate" in text
    assert "Set fixed_buffers = true for such tokens, in [family.soft] of tokens.toml." in text
    assert not report.in_order
    # With the hint taken, the certificate is read.
    better = await doctor.look(fixed_buffers=True)
    assert better.conclusion.facts["problem"] == "C04"
    assert "Set fixed_buffers" not in flowing(better)


async def test_hidden_certificates_get_the_hint_certificates_after_login(doctor: Doctor) -> None:
    doctor.misbehaving.shape(hide_certificates=True)
    report = await doctor.look()
    text = flowing(report)
    assert "by asking for sizes first: no certificates reading with fixed buffers: no cert" in text
    assert "set certificates_after_login = true for such tokens, in [family.soft]" in text
    assert report.conclusion.facts["problem"] == "C01"
    better = await doctor.look(certificates_after_login=True)
    assert better.in_order
    assert better.conclusion.text == (
        "The kiosk would ask for the username, then for the PIN, and only then read the certificate"
    )
    assert "set certificates_after_login" not in flowing(better)


async def test_a_token_without_its_start_a_pin_to_be_changed_and_a_pin_pad(doctor: Doctor) -> None:
    doctor.misbehaving.shape(clear_flags=CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED)
    report = await doctor.look()
    assert "sees a token that was never initialised" in flowing(report)
    assert report.conclusion.facts["problem"] == "T07"
    doctor.misbehaving.shape(set_flags=0x80100, hide_certificates=True)
    report = await doctor.look(certificates_after_login=True)
    assert "PROTECTED_AUTHENTICATION_PATH" in flowing(report)
    assert "typed on the reader itself: P05" in flowing(report)
    assert report.conclusion.facts["problem"] == "P05"


@pytest.fixture
def unloadable(misbehaving_module: Path, tmp_path: Path) -> tuple[Path, ...]:
    """A text, a library for another machine, and one that is no PKCS#11 module."""
    text, other, plain = (tmp_path / name for name in ("text.so", "other.so", "plain.so"))
    text.write_text("not a library\n")
    library = bytearray(misbehaving_module.read_bytes())
    # EI_CLASS and e_machine of the ELF header: 32 bits, x86.
    library[4], library[18:20] = 1, b"\x03\x00"
    other.write_bytes(library)
    mapped = Path("/proc/self/maps").read_text().splitlines()
    shutil.copy(next(line.split()[-1] for line in mapped if "/libc.so" in line), plain)
    return text, other, plain


async def test_files_that_are_no_module_for_this_machine(
    doctor: Doctor, unloadable: tuple[Path, ...], tmp_path: Path
) -> None:
    report = await doctor.look(*unloadable, tmp_path / "absent.so")
    text = flowing(report)
    assert "text.so: is no program library (not an ELF file)" in text
    assert "other.so: is made for another machine: 32-bit x86, and this kiosk is 64-bit" in text
    assert "plain.so: the dynamic linker refuses it" in text
    assert "absent.so: not installed, passed over" in text
    assert report.conclusion.facts["problem"] == "K04"


async def test_one_module_that_works_makes_the_broken_ones_warnings(
    doctor: Doctor, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.so"
    broken.write_text("not a library\n")
    doctor.misbehaving.shape(hide_certificates=True)
    report = await doctor.look(broken, doctor.misbehaving.module, certificates_after_login=True)
    assert report.in_order
    lines = as_text(report).splitlines()
    assert any(line.startswith("warning") and str(broken)[:40] in line for line in lines)
    assert not any(line.startswith("failed") for line in lines)


async def test_no_module_of_the_family_is_installed(doctor: Doctor) -> None:
    report = await doctor.look(Path("/nonexistent/a.so"), Path("/nonexistent/b.so"))
    text = as_text(report)
    assert "failed     /nonexistent/a.so: not installed\n" in text
    assert "Install the vendor's package" in text
    assert report.conclusion.facts["problem"] == "K04"


async def test_a_token_that_is_pulled_out_meanwhile(doctor: Doctor) -> None:
    report = await doctor.look(progress=lambda _: doctor.reader.remove())
    assert not report.in_order
    assert report.conclusion.text == "The token was pulled out while it was looked at"
