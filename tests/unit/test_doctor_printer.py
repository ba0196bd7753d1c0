"""`kiosk doctor`: the receipt printer."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kiosk.config import Config, KioskSection, PrinterSection, ServiceSection
from kiosk.doctor import printer
from kiosk.doctor.findings import Finding, Status
from kiosk.doctor.machine import CONSOLE_UNIT, UNIT, Ran
from kiosk.doctor.printer import (
    check_device,
    check_libraries,
    check_network,
    check_unit,
    look_at_printer,
)
from kiosk.printing.device import Device
from tests.printing.receipt import NetworkDevice
from tests.unit.made_machine import ROOT, Made, assert_advised, statuses, the

FONT = Ran(0, "Noto Sans Mono\t/usr/share/fonts/NotoSansMono-Regular.ttf\t0")


def config(device: str, *languages: str) -> Config:
    return Config(
        kiosk=KioskSection(id="k", languages=languages or ("vi", "en")),  # type: ignore[arg-type]
        service=ServiceSection(url="https://bhxh.example"),
        printer=PrinterSection(device=device),
    )


def looked(made: Made, device: str, *languages: str) -> list[Finding]:
    found = look_at_printer(config(device, *languages), made.machine)
    assert_advised(found)
    return found


def test_no_printer_is_nothing_to_mend(tmp_path: Path) -> None:
    (found,) = looked(Made(tmp_path), "")
    assert found.status is Status.OK


def test_all_in_order(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.programs["fc-match"] = FONT
    assert set(statuses(looked(made, "/dev/null")).values()) == {Status.OK}
    with NetworkDevice() as device:
        assert set(statuses(looked(made, device.address)).values()) == {Status.OK}
        # What connects to look prints nothing.
        assert device.slips.get(timeout=10) == b""


def test_a_language_without_a_font(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.programs["fc-match"] = FONT
    fonts = [one for one in looked(made, "/dev/null", "vi", "ko") if one.name == "slip_font"]
    assert [one.status for one in fonts] == [Status.OK, Status.WARNING]
    assert "Noto Sans Mono CJK KR" in fonts[1].text
    assert "fonts-noto-cjk" in fonts[1].advice
    made.programs.clear()
    assert statuses(looked(made, "/dev/null"))["slip_font"] is Status.WARNING


def test_a_missing_library() -> None:
    (found,) = check_libraries(["no_such_module", "PIL"])
    assert found.status is Status.WARNING
    assert "no_such_module" in found.text
    assert "PIL" not in found.text


@pytest.mark.parametrize("kind", ["absent", "file"])
def test_what_is_no_printer(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "lp0"
    if kind == "file":
        path.write_bytes(b"")
    found = check_device(path, Made(tmp_path).machine)
    assert found.status is Status.WARNING
    assert str(path) in found.text
    assert_advised([found])


def test_nobody_listens() -> None:
    found = check_network(Device(host="127.0.0.1", port=9), 2)
    assert (found.status, found.text) == (
        Status.WARNING,
        "no connection to 127.0.0.1:9: connection refused",
    )


def test_a_device_that_only_the_units_group_may_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(printer.os, "open", refused)
    made = Made(tmp_path)
    made.install()
    terminal = Path("/dev/tty")
    group = printer.owner_of(terminal.stat()).partition(":")[2]
    if not os.stat(terminal).st_mode & 0o020:  # noqa: PTH116
        pytest.skip("this machine's /dev/tty is not its group's")
    assert check_device(terminal, made.machine).status is Status.WARNING
    made.write(
        f"/etc/systemd/system/{UNIT}.d/printer.conf",
        f"[Service]\nSupplementaryGroups=lp {group}\n",
    )
    assert check_device(terminal, made.machine).status is Status.OK


@pytest.mark.parametrize(
    ("drop_in", "status"),
    [
        ("", Status.WARNING),
        ("DeviceAllow=char-usb rw", Status.OK),
        ("DeviceAllow=/dev/usb/lp0 w", Status.OK),
        ("DeviceAllow=/dev/usb/lp0", Status.OK),
        ("DeviceAllow=/dev/usb/lp1 rw", Status.WARNING),
        ("DeviceAllow=char-usb r", Status.WARNING),
    ],
)
def test_the_unit_has_to_let_the_kiosk_at_it(tmp_path: Path, drop_in: str, status: Status) -> None:
    made = Made(tmp_path)
    made.install()
    made.write(f"/etc/systemd/system/{UNIT}.d/printer.conf", f"[Service]\n{drop_in}\n")
    found = check_unit(Path("/dev/usb/lp0"), made.machine)
    assert the("printer_unit", found).status is status
    assert_advised(found)


@pytest.mark.parametrize("unit", [UNIT, CONSOLE_UNIT])
def test_the_drop_in_of_the_guide_is_all_it_takes(tmp_path: Path, unit: str) -> None:
    guide = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert unit in guide
    (drop_in,) = re.findall(r"^```\n(\[Service\]\n.*?)^```", guide, re.M | re.S)
    made = Made(tmp_path)
    made.install()
    made.write(f"/etc/systemd/system/{UNIT}.d/override.conf", drop_in)
    (found,) = check_unit(Path("/dev/usb/lp0"), made.machine)
    assert found.status is Status.OK


def test_without_the_unit_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert check_unit(Path("/dev/usb/lp0"), Made(tmp_path).machine) == []
