"""The slip as it comes out of the printer."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec
import pytest

from kiosk.config import ConfigError
from kiosk.flow import State
from kiosk.i18n import ALL, LANGUAGES, translator
from kiosk.printing.device import Device
from kiosk.printing.fonts import FontFile, FontMissing, find_font, taken
from kiosk.printing.helper import FRAGMENT, Outcome, encoded
from kiosk.printing.printer import Printer, PrintFailed
from kiosk.printing.slip import Job, Slip
from kiosk.printing.wording import slip_of
from kiosk.view import SupportView, View
from tests.printing.receipt import FileDevice, NetworkDevice, Receipt, printing_processes

DAY = date(2026, 11, 26)
SUPPORT = SupportView("1800 1260", "hotro.bhxh@vnpt.vn", "facebook.com/vnpt.bhxh")
PAPERS = [(384, 32), (576, 48), (512, 42)]
"""Dots and letters of 58 mm and 80 mm paper, and of an older 80 mm printer."""


def has_font(language: str) -> bool:
    try:
        find_font(language)
    except FontMissing:
        return False
    return True


def slip(language: str = "vi", **facts: object) -> Slip:
    given = {"language": language, "support": SUPPORT} | facts
    return slip_of(View(State.HOTLINE, **given), DAY)  # type: ignore[arg-type]


def printed(one: Slip, dots: int = 384, columns: int = 32) -> Receipt:
    return Receipt.read(encoded(Job(one, "/dev/null", columns, dots, 15)), dots)


@pytest.mark.parametrize(("dots", "columns"), PAPERS)
@pytest.mark.parametrize("language", ALL)
def test_it_fits_its_paper_and_its_code_calls_the_hotline(
    language: str, dots: int, columns: int
) -> None:
    if not has_font(language):
        assert language not in LANGUAGES
        pytest.skip(f"this machine has no font for {language}")
    receipt = printed(slip(language), dots, columns)
    assert receipt.codes == ["tel:18001260"]
    assert receipt.widest == dots
    first, last = receipt.ink
    # The banner reaches from edge to edge, and nothing beyond.
    assert (first, last) == (0, dots - 1)
    assert receipt.tallest <= FRAGMENT
    assert receipt.cuts == 1
    assert receipt.fed >= 4, "the cutter is above the line that was printed last"


def test_paper_that_is_no_whole_number_of_bytes_wide() -> None:
    receipt = printed(slip(), 380)
    assert receipt.ink == (0, 379)


@pytest.mark.parametrize("hotline", ["115", "+84 24 3574 1800 1260"])
def test_any_number_fits_and_is_the_largest_thing_on_it(hotline: str) -> None:
    receipt = printed(slip(support=SupportView(hotline)))
    assert receipt.codes == ["tel:" + hotline.replace(" ", "")]
    assert receipt.ink == (0, 383)


def test_a_word_without_a_gap_is_broken_and_whole() -> None:
    page = "facebook.com/" + "congtyvienthong" * 6
    long, short = (printed(slip(support=SupportView(fanpage=one))) for one in (page, page[:20]))
    # What was cut off would take no more paper.
    assert len(long.rows) > len(short.rows) + 50


def test_what_is_on_it_is_all_that_the_way_by_telephone_needs() -> None:
    t = translator("vi")
    text = "\n".join(msgspec.to_builtins(section)["title"] for section in slip().sections)
    assert t("slip.ready") in text
    ready = next(section for section in slip().sections if section.ticks)
    assert len(ready.lines) == 3
    lines = [line for section in slip().sections for line in section.lines]
    assert SUPPORT.email in lines
    assert SUPPORT.fanpage in lines
    bare = [s.title for s in slip(support=SupportView()).sections]
    assert t("slip.otherwise") not in bare
    assert "26/11/2026" in slip().date


def test_who_has_lost_the_mailbox_says_so() -> None:
    said = {slip(lost_mailbox=lost).sections[0].lines for lost in (True, False)}
    assert len(said) == 2


def test_nothing_of_the_customer_is_on_it() -> None:
    view = View(
        State.HOTLINE,
        support=SUPPORT,
        username="hoasen",
        usernames=("hoasen",),
        reference="R-123",
        facts={"date": "30/06/2026"},
    )
    assert slip_of(view, DAY) == slip()


async def test_to_a_device_file(tmp_path: Path) -> None:
    device = FileDevice(tmp_path / "lp0")
    await Printer(str(device.path)).print(slip())
    assert Receipt.read(device.taken(), 384).codes == ["tel:18001260"]


async def test_to_a_printer_on_the_network() -> None:
    with NetworkDevice() as device:
        await Printer(device.address, dots=576, columns=48).print(slip("en"))
        sent = device.slips.get(timeout=10)
    assert Receipt.read(sent, 576).codes == ["tel:18001260"]


async def test_a_device_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(PrintFailed, match="cannot be opened"):
        await Printer(str(tmp_path / "lp0")).print(slip())
    assert not (tmp_path / "lp0").exists()


async def test_nobody_listens() -> None:
    with pytest.raises(PrintFailed, match="cannot be opened"):
        await Printer("tcp://127.0.0.1:9").print(slip())


async def test_a_device_that_never_takes_anything_is_given_up_and_nothing_stays_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    os.mkfifo(tmp_path / "lp0")
    with pytest.raises(PrintFailed, match="within 1 s"):
        await Printer(str(tmp_path / "lp0"), seconds=1).print(slip())
    assert os.listdir(tmp_path) == ["lp0"]  # noqa: PTH208
    assert not printing_processes()


def test_the_process_ends_itself_when_nobody_kills_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lp0")
    job = Job(slip(), str(tmp_path / "lp0"), 32, 384, 1)
    done = subprocess.run(
        [sys.executable, "-I", "-m", "kiosk.printing.helper"],
        input=msgspec.json.encode(job),
        timeout=20,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -14
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("missing", "outcome"),
    [("escpos", Outcome.NO_LIBRARY), ("PIL", Outcome.NO_LIBRARY)],
)
def test_without_the_library_it_says_so_without_a_traceback(
    missing: str, outcome: Outcome, tmp_path: Path
) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None\nimport kiosk.printing.helper as h\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code + "sys.exit(h.main())"],
        input=msgspec.json.encode(Job(slip(), "/dev/null", 32, 384, 15)),
        timeout=20,
        check=False,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (outcome, b"")


def test_without_the_font_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "fonts.conf").write_text("<fontconfig></fontconfig>", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-m", "kiosk.printing.helper"],
        input=msgspec.json.encode(Job(slip(), "/dev/null", 32, 384, 15)),
        env={**os.environ, "FONTCONFIG_FILE": str(tmp_path / "fonts.conf")},
        timeout=20,
        check=False,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (Outcome.NO_FONT, b"")


def test_a_font_that_fontconfig_offers_instead_is_not_taken() -> None:
    assert taken("vi", "Noto Sans Mono\t/f.ttf\t0") == FontFile("/f.ttf", 0)
    for answer in ("DejaVu Sans Mono\t/f.ttf\t0", "", "Noto Sans Mono\t\t0"):
        with pytest.raises(FontMissing, match="Noto Sans Mono"):
            taken("vi", answer)
    assert find_font("vi").path != find_font("vi", bold=True).path


@pytest.mark.parametrize(
    "text",
    ["usb", "lp0", "tcp://", "tcp://host", "tcp://host:0", "tcp://host:99999", "tcp://u:p@host:1",
     "tcp://host:9100/x", "http://host:80", "tcp://ho st:9100", "/dev/lp\0"],
)  # fmt: skip
def test_what_is_no_device(text: str) -> None:
    with pytest.raises(ConfigError, match=r"printer\.device"):
        Device.parse(text)


def test_what_is_one() -> None:
    assert Device.parse("/dev/usb/lp0") == Device(path="/dev/usb/lp0")
    assert Device.parse("tcp://[::1]:9100") == Device(host="::1", port=9100)
    assert Device.parse("tcp://printer.lan:9100/") == Device(host="printer.lan", port=9100)


def test_a_printer_that_talks_back_and_reads_slowly_gets_everything() -> None:
    """What nobody has read when the connection is closed resets it."""
    data = bytes(range(256)) * 2048
    taken = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, suppress(ConnectionResetError):
                connection.sendall(b"ready")
                while piece := connection.recv(16384):
                    taken.extend(piece)
                    time.sleep(0.002)

        thread = threading.Thread(target=serve)
        thread.start()
        Device(host="127.0.0.1", port=listening.getsockname()[1]).send(data, 10)
        thread.join(10)
    assert bytes(taken) == data
